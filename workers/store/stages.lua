#!lua flags=no-writes
-- Counts parcels by stage. ARGV: parcel...  Returns {stage or '', n, ...}; '' are those nothing is known of.
local by, answer = {}, {}
for _, parcel in ipairs(ARGV) do
  local stage = redis.call('HGET', P .. 'p:' .. parcel, 'stage') or ''
  by[stage] = (by[stage] or 0) + 1
end
for stage, n in pairs(by) do
  answer[#answer + 1] = stage
  answer[#answer + 1] = n
end
return answer
