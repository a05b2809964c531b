#!lua flags=allow-oom
-- Leases what comes up after a send: ARGV: queue (esc: sent, and nobody said that they saw it; dead: reached nobody), n,
-- lease (ms), batch. Returns id, batch, ... A dead notice keeps the batch it was first taken in, so that the owner is told
-- of it once, whoever dies in between.
local answer = {}
local queue = P .. ARGV[1]
for _, id in ipairs(redis.call('ZRANGE', queue, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  local key = P .. 'n:' .. id
  if redis.call('EXISTS', key) == 0 then
    redis.call('ZREM', queue, id)
  else
    redis.call('ZADD', queue, now + ARGV[3], id)
    if ARGV[1] == 'dead' then redis.call('HSETNX', key, 'bat', ARGV[4]) end
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('HGET', key, 'bat') or ''
  end
end
return answer
