#!lua flags=allow-oom
-- Takes notices off what comes up after a send. ARGV: queue (esc or dead), id...
-- A dead one counts as told of then, and is kept for a while for whoever wants to look.
for i = 2, #ARGV do
  redis.call('ZREM', P .. ARGV[1], ARGV[i])
  if ARGV[1] == 'dead' and redis.call('EXISTS', P .. 'n:' .. ARGV[i]) == 1 then
    redis.call('HSET', P .. 'n:' .. ARGV[i], 'owner', now)
    redis.call('ZADD', P .. 'kept', now, ARGV[i])
  end
end
return redis.status_reply('OK')
