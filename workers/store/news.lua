#!lua
-- How a source fares. ARGV: source, 1 or 0, error, parcels answered, op, then where it failed: 1 where its host is ill (and
-- did not say for how long), 1 where asking again cannot help.
-- The same op again changes nothing.
local source = ARGV[1]
local key = P .. 'health:' .. source
if redis.call('HGET', key, 'op') == ARGV[5] then return redis.status_reply('OK') end
redis.call('SADD', P .. 'sources', source)
redis.call('HSET', key, 'op', ARGV[5])
if ARGV[2] == '1' then
  answered(source, ARGV[4])
else
  redis.call('HSETNX', key, 'since', now)
  redis.call('HSET', key, 'err', ARGV[3], 'perm', ARGV[7] or '0')
  redis.call('HINCRBY', key, 'fails', 1)
  redis.call('HDEL', key, 'good')
  if ARGV[6] == '1' then host_failed(source) end
end
return redis.status_reply('OK')
