#!lua flags=allow-oom
-- Takes parcels out of a source's queue, and off the reviews and the stays that last once no source watches them. ARGV: source, parcel...
local sources = redis.call('SMEMBERS', P .. 'sources')
local removed = 0
for i = 2, #ARGV do
  local entry = ARGV[i]
  local parcel = parcel_of(entry)
  removed = removed + redis.call('ZREM', P .. 'due:' .. ARGV[1], entry)
  redis.call('ZREM', P .. 'hot:' .. ARGV[1], entry)
  redis.call('HDEL', P .. 'mute:' .. ARGV[1], entry)
  redis.call('SREM', P .. 'shr:' .. ARGV[1], entry)
  local watched = false
  for _, source in ipairs(sources) do
    if redis.call('ZSCORE', P .. 'due:' .. source, parcel) then watched = true end
  end
  if not watched then
    redis.call('ZREM', P .. 'reviews', parcel)
    leave_stay(parcel, '')
  end
end
return removed
