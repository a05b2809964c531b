#!lua
-- How a source fares. ARGV: source, 1 or 0, error, parcels answered, op.
-- The same op again changes nothing.
local key = P .. 'health:' .. ARGV[1]
if redis.call('HGET', key, 'op') == ARGV[5] then return redis.status_reply('OK') end
redis.call('SADD', P .. 'sources', ARGV[1])
redis.call('HSET', key, 'op', ARGV[5])
if ARGV[2] == '1' then
  redis.call('HSET', key, 'ok', now, 'fails', 0)
  redis.call('HDEL', key, 'since')
  redis.call('HINCRBY', key, 'answered', ARGV[4])
else
  redis.call('HSETNX', key, 'since', now)
  redis.call('HSET', key, 'err', ARGV[3])
  redis.call('HINCRBY', key, 'fails', 1)
end
return redis.status_reply('OK')
