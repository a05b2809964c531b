#!lua flags=allow-oom
-- Sets when parcels are due again, where they are still watched. ARGV: source, after (ms), parcel...
local due, at = P .. 'due:' .. ARGV[1], now + ARGV[2]
for i = 3, #ARGV do
  redis.call('ZADD', due, 'XX', at, ARGV[i])
end
return redis.status_reply('OK')
