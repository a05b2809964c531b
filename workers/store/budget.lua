#!lua flags=no-writes
-- What is left of a source's quotas. ARGV: source.  Returns {what, most, per, spent, began, ends}, ...
local answer = {}
for _, what in ipairs({'calls', 'numbers'}) do
  local of = quota(ARGV[1], what)
  if of then
    local per = redis.call('HGET', P .. 'lim:' .. ARGV[1], what .. '_per')
    answer[#answer + 1] = {what, of.most, per, of.spent, of.began, of.ends}
  end
end
return answer
