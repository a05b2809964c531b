#!lua
-- Notes of which parcels a source shows much less than it did. ARGV: source, then parcel, 1 or 0, ...
local key = P .. 'shr:' .. ARGV[1]
for i = 2, #ARGV, 2 do
  redis.call(ARGV[i + 1] == '1' and 'SADD' or 'SREM', key, ARGV[i])
end
return redis.call('SCARD', key)
