#!lua
-- Takes one token of a source's bucket, for a further call of a look that claim has let in. ARGV: source, rate, burst.
-- Returns 0 when it was taken, else the wait in ms.
local rate, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = P .. 'rl:' .. ARGV[1]
local limit = redis.call('HMGET', bucket, 'tokens', 'at')
local tokens = burst
if limit[1] then
  tokens = math.min(burst, limit[1] + math.max(0, now - limit[2]) * rate / 1000)
end
if tokens < 1 - 1e-9 then return math.ceil((1 - tokens) * 1000 / rate) end
redis.call('HSET', bucket, 'tokens', string.format('%.9f', tokens - 1), 'at', now)
return 0
