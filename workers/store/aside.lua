#!lua flags=allow-oom
-- Sets an address aside: nothing is sent to it until it is taken back. ARGV: "channel/recipient", mark, error.
-- Returns 1, or 0 where this very address is aside already.
local key, name, mark = P .. 'aside', ARGV[1], ARGV[2]
local there = redis.call('HGET', key, name)
if there and string.match(there, '^%d+ (%S+) ') == mark then return 0 end
redis.call('HSET', key, name, now .. ' ' .. mark .. ' ' .. ARGV[3])
count('address_dead')
return 1
