#!lua flags=allow-oom
-- Lengthens a lease. ARGV: id, token, lease (ms).  Returns 'ok' or 'lost'.
local row = redis.call('HMGET', P .. 'n:' .. ARGV[1], 'st', 'tok', 'chan')
if row[1] ~= 'sending' or row[2] ~= ARGV[2] then
  count('lost_lease')
  return 'lost'
end
redis.call('ZADD', P .. 'ob:' .. row[3], 'XX', now + ARGV[3], ARGV[1])
return 'ok'
