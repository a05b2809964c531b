#!lua flags=allow-oom
-- A source could not tell anything of these entries: since when is kept until it can, and the parcels are judged again once
-- that has lasted. ARGV: source, how long (ms), entry...
local since, due = P .. 'mute:' .. ARGV[1], P .. 'due:' .. ARGV[1]
for i = 3, #ARGV do
  local entry = ARGV[i]
  if redis.call('ZSCORE', due, entry) then
    redis.call('HSETNX', since, entry, now)
    local at = redis.call('HGET', since, entry) + ARGV[2]
    local parcel = parcel_of(entry)
    local review = tonumber(redis.call('ZSCORE', P .. 'reviews', parcel) or 'inf')
    if at > now and at < review then redis.call('ZADD', P .. 'reviews', at, parcel) end
  end
end
return redis.status_reply('OK')
