#!lua
-- Notes what the owner was told of a source. ARGV: source, what: broken, healed, shrank or grown; since (ms).
-- A trouble that is over leaves when its end was found: the next one has to last longer.
local key, what = P .. 'health:' .. ARGV[1], ARGV[2]
if what == 'broken' then
  redis.call('HSETNX', key, 'told', ARGV[3])
elseif what == 'healed' then
  redis.call('HDEL', key, 'told')
  redis.call('HSET', key, 'healed', now)
elseif what == 'shrank' then
  redis.call('HSETNX', key, 'shrank', ARGV[3])
else
  redis.call('HDEL', key, 'shrank')
end
return redis.status_reply('OK')
