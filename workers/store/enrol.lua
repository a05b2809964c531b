#!lua
-- Puts parcels into a source's queue where they are not in it yet; returns how many were new.
-- ARGV: source, first offset (ms), step (ms), parcel...
local source = ARGV[1]
local due = P .. 'due:' .. source
local first, step = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('SADD', P .. 'sources', source)
local there = redis.call('ZMSCORE', due, unpack(ARGV, 4))
local added, new = 0, 0
for i = 1, #there do new = new + (there[i] and 0 or 1) end
for i = 1, #there do
  if not there[i] then
    local parcel = ARGV[i + 3]
    added = added + redis.call('ZADD', due, 'NX', now + math.floor(first + step * (i - 1)), parcel)
    -- Watched again after a dismissal: its reviews go on, or an unchanged parcel would never be reviewed again.
    local known = redis.call('HMGET', P .. 'p:' .. parcel, 'rev', 'every')
    if known[1] then redis.call('ZADD', P .. 'reviews', 'NX', known[1], parcel) end
    local urgent = known[2] and tonumber(known[2]) <= URGENT or not known[2] and new <= FEW
    if urgent then
      redis.call('ZADD', P .. 'hot:' .. source, redis.call('ZSCORE', due, parcel), parcel)
    end
  end
end
return added
