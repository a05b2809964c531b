#!lua
-- Takes one token of a source's bucket and one call of its quota, for a further call of a look that claim has let in.
-- ARGV: source, rate, burst.  Returns 0 when it was taken, else the wait in ms.
local rate, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = P .. 'rl:' .. ARGV[1]
local calls = quota(ARGV[1], 'calls')
if calls and calls.spent >= calls.most then
  redis.call('HSET', bucket, 'full', calls.ends)
  return calls.ends - now
end
local limit = redis.call('HMGET', bucket, 'tokens', 'at')
local tokens = burst
if limit[1] then
  tokens = math.min(burst, limit[1] + math.max(0, now - limit[2]) * rate / 1000)
end
if tokens < 1 - 1e-9 then return math.ceil((1 - tokens) * 1000 / rate) end
redis.call('HSET', bucket, 'tokens', string.format('%.9f', tokens - 1), 'at', now)
spend(ARGV[1], calls, 1)
used(ARGV[1], 'c', 1)
return 0
