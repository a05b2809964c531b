#!lua flags=no-writes
-- Counts what is due or will be within ARGV[1] ms: what is leased for a shorter time is among it.
-- Returns parcels, notices being sent, notices due, reviews due or leased.
local horizon = now + ARGV[1]
local parcels, owed = 0, 0
for _, source in ipairs(redis.call('SMEMBERS', P .. 'sources')) do
  -- A paused source is away, and will be for a while: what waits for it is not being worked on.
  local paused, calm = closed(source)
  if paused <= now then
    local queue = calm > now and 'hot:' or 'due:'
    parcels = parcels + redis.call('ZCOUNT', P .. queue .. source, '-inf', horizon)
  end
end
for _, channel in ipairs(held() and {} or redis.call('SMEMBERS', P .. 'channels')) do -- what is held waits for a person
  if tonumber(redis.call('HGET', P .. 'bar:' .. channel, 'until') or 0) <= now then -- else what is owed there waits for a person
    owed = owed + redis.call('ZCOUNT', P .. 'ob:' .. channel, '-inf', now)
  end
end
return {parcels, redis.call('ZCARD', P .. 'st:sending'), owed, redis.call('ZCOUNT', P .. 'reviews', '-inf', horizon)}
