#!lua flags=no-writes
-- What one recipient was sent by one channel lately. ARGV: parcel, channel, recipient, window (ms).
-- Returns how long ago (ms) the last message about the parcel was, or -1; and how many messages there were in the window.
local last = -1
for _, id in ipairs(redis.call('ZRANGE', P .. 'pn:' .. ARGV[1], 0, -1)) do
  local row = redis.call('HMGET', P .. 'n:' .. id, 'st', 'chan', 'rcpt', 'end')
  if row[1] == 'sent' and row[2] == ARGV[2] and row[3] == ARGV[3] then
    local ago = now - row[4]
    if last < 0 or ago < last then last = ago end
  end
end
return {last, redis.call('ZCOUNT', P .. 'out:' .. #ARGV[2] .. ':' .. ARGV[2] .. ARGV[3], now - ARGV[4], '+inf')}
