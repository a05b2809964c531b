#!lua
-- Leases up to n due parcels of a source for one call to it, if the source is not paused and its bucket has a token.
-- ARGV: source, n, lease (ms), rate (calls a second, 0 = no limit), burst.
-- Returns {wait in ms, or -1; then parcel, memo, ...}. A leased parcel stays in the queue with its score pushed forward:
-- whoever dies holding it need not be noticed.
local source, n, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local rate, burst = tonumber(ARGV[4]), tonumber(ARGV[5])
local due, bucket = P .. 'due:' .. source, P .. 'rl:' .. source
local limit = redis.call('HMGET', bucket, 'until', 'tokens', 'at')
if limit[1] and tonumber(limit[1]) > now then return {tonumber(limit[1]) - now} end
local parcels = redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, n)
if #parcels == 0 then return {-1} end
if rate > 0 then
  local tokens = burst
  if limit[2] then
    tokens = math.min(burst, limit[2] + math.max(0, now - limit[3]) * rate / 1000)
  end
  if tokens < 1 - 1e-9 then return {math.ceil((1 - tokens) * 1000 / rate)} end
  redis.call('HSET', bucket, 'tokens', string.format('%.9f', tokens - 1), 'at', now)
end
local push = {}
for i, parcel in ipairs(parcels) do
  push[2 * i - 1], push[2 * i] = now + lease, parcel
end
redis.call('ZADD', due, 'XX', unpack(push))
local looks = redis.call('HMGET', P .. 'look:' .. source, unpack(parcels))
local answer = {-1}
for i, parcel in ipairs(parcels) do
  local _, _, _, memo = read_look(looks[i])
  answer[2 * i], answer[2 * i + 1] = parcel, memo
end
return answer
