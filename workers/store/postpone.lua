#!lua flags=allow-oom
-- Sets when parcels are due again, where they are still watched. ARGV: source, after (ms), parcel...
local due, hot, at = P .. 'due:' .. ARGV[1], P .. 'hot:' .. ARGV[1], now + ARGV[2]
for i = 3, #ARGV do
  redis.call('ZADD', due, 'XX', at, ARGV[i])
  redis.call('ZADD', hot, 'XX', at, ARGV[i])
end
return redis.status_reply('OK')
