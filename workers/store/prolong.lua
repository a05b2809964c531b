#!lua flags=allow-oom
-- Lengthens the lease of parcels that a source is being asked for. ARGV: source, lease (ms), parcel...
-- One whose lease has ended is somebody else's to take, and one that was scheduled since is left as it is.
-- Returns how many leases go on.
local due, hot, at = P .. 'due:' .. ARGV[1], P .. 'hot:' .. ARGV[1], now + ARGV[2]
local held = 0
for i = 3, #ARGV do
  local ends = tonumber(redis.call('ZSCORE', due, ARGV[i]) or 0)
  if ends > now and ends <= at then
    redis.call('ZADD', due, at, ARGV[i])
    redis.call('ZADD', hot, 'XX', at, ARGV[i])
    held = held + 1
  end
end
return held
