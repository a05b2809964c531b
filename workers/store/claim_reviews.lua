#!lua
-- Leases up to n parcels whose advice may change by time alone. ARGV: n, lease (ms).
-- Returns parcel, version, snapshot, told, ...
local reviews = P .. 'reviews'
local answer = {}
for _, parcel in ipairs(redis.call('ZRANGE', reviews, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])) do
  local known = redis.call('HMGET', P .. 'p:' .. parcel, 'ver', 'snap', 'told')
  local watched = known[1]
  if not watched then -- never judged, for no source has answered yet
    for _, source in ipairs(redis.call('SMEMBERS', P .. 'sources')) do
      watched = watched or redis.call('ZSCORE', P .. 'due:' .. source, parcel)
    end
  end
  if watched then
    redis.call('ZADD', reviews, 'XX', now + ARGV[2], parcel)
    local j = #answer
    answer[j + 1], answer[j + 2], answer[j + 3], answer[j + 4] = parcel, known[1] or '0', known[2], known[3]
  else
    redis.call('ZREM', reviews, parcel)
  end
end
return answer
