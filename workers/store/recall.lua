#!lua flags=no-writes
-- Everything known of the parcels. ARGV: parcel...
-- Returns for each {fields of the row, review at or false, {source, due or false, last look or false, failing since or false, ...}}.
local sources = redis.call('SMEMBERS', P .. 'sources')
table.sort(sources)
local answer = {}
for i, parcel in ipairs(ARGV) do
  local looks = {}
  for j, source in ipairs(sources) do
    looks[4 * j - 3] = source
    looks[4 * j - 2] = redis.call('ZSCORE', P .. 'due:' .. source, parcel)
    looks[4 * j - 1] = redis.call('HGET', P .. 'look:' .. source, parcel)
    looks[4 * j] = redis.call('HGET', P .. 'mute:' .. source, parcel)
  end
  local row = redis.call('HMGET', P .. 'p:' .. parcel, 'ver', 'stage', 'snap', 'told', 'dec', 'every', 'at')
  answer[i] = {row, redis.call('ZSCORE', P .. 'reviews', parcel), looks}
end
return answer
