#!lua
-- Changes what a parcel's people are held to have been told, as a decision of its own: whoever decides on what was known
-- before decides anew. ARGV: parcel, expected version, told.  Returns 1, or 0 where somebody committed since.
local row = P .. 'p:' .. ARGV[1]
if (redis.call('HGET', row, 'ver') or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', row, 'told', ARGV[3], 'ver', ARGV[2] + 1)
return 1
