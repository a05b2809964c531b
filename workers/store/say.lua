#!lua flags=allow-oom
-- Keeps what a person said of a parcel, where the word before is the one that was read, and has the parcel judged anew.
-- Whoever decides on what was known before decides anew. ARGV: parcel, word before ('' for none), word.
-- Returns 1, or 0 where somebody else said something in between.
local parcel = ARGV[1]
if (redis.call('HGET', P .. 'word', parcel) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', P .. 'word', parcel, ARGV[3])
if redis.call('HEXISTS', P .. 'p:' .. parcel, 'ver') == 1 then
  redis.call('HINCRBY', P .. 'p:' .. parcel, 'ver', 1)
  for _, source in ipairs(redis.call('SMEMBERS', P .. 'sources')) do
    if redis.call('ZSCORE', P .. 'due:' .. source, parcel) then
      redis.call('ZADD', P .. 'reviews', now, parcel)
      break
    end
  end
end
return 1
