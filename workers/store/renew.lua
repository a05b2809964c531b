#!lua flags=allow-oom
-- Lengthens the lease of the notices of one message. ARGV: token, lease (ms), id...  Returns how many are not ours any more.
local lost = 0
for i = 3, #ARGV do
  local row = redis.call('HMGET', P .. 'n:' .. ARGV[i], 'st', 'tok', 'chan')
  if row[1] ~= 'sending' or row[2] ~= ARGV[1] then
    count('lost_lease')
    lost = lost + 1
  else
    redis.call('ZADD', P .. 'ob:' .. row[3], now + ARGV[2], ARGV[i])
  end
end
return lost
