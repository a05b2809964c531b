#!lua flags=allow-oom
-- Lets go dead notices that somebody saw or was told of long ago. ARGV: age (ms), n.  Returns how many went.
local gone = 0
for _, id in ipairs(redis.call('ZRANGE', P .. 'kept', '-inf', now - ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  redis.call('ZREM', P .. 'kept', id)
  redis.call('ZREM', P .. 'esc', id)
  local row = redis.call('HMGET', P .. 'n:' .. id, 'st', 'parcel')
  if DEAD[row[1]] then
    redis.call('ZREM', P .. 'st:' .. row[1], id)
    redis.call('ZREM', P .. 'pn:' .. row[2], id)
    redis.call('DEL', P .. 'n:' .. id, P .. 'att:' .. id)
    gone = gone + 1
  end
end
return gone
