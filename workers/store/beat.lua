#!lua flags=allow-oom
-- A process is alive until its time to live runs out; the dead are swept away here. ARGV: name, ttl (ms).
for _, name in ipairs(redis.call('ZRANGE', P .. 'beats', '-inf', now, 'BYSCORE')) do
  redis.call('ZREM', P .. 'beats', name)
  redis.call('HDEL', P .. 'beat', name)
end
redis.call('ZADD', P .. 'beats', now + ARGV[2], ARGV[1])
redis.call('HSET', P .. 'beat', ARGV[1], now)
return redis.status_reply('OK')
