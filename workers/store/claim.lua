#!lua
-- Leases up to n due parcels of a source for one call to it, if the source may be asked now: it is not paused, its host is
-- not left alone, its bucket has a token and its quotas are not used up. Urgent parcels go first where more are due than
-- one call carries, and a quarter of the places is for those that wait longest.
-- ARGV: source, n, lease (ms), rate (calls a second, 0 = no limit), burst.
-- Returns {wait in ms, or -1; then parcel, memo, ...}. A leased parcel stays in the queue with its score pushed forward:
-- whoever dies holding it need not be noticed.
local source, n, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local rate, burst = tonumber(ARGV[4]), tonumber(ARGV[5])
local due, hot, bucket = P .. 'due:' .. source, P .. 'hot:' .. source, P .. 'rl:' .. source
local shut = closed(source)
if shut > now then return {shut - now} end
local parcels = redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, n + 1)
if #parcels == 0 then return {-1} end

local calls = quota(source, 'calls')
local only_urgent = false
if calls then
  if calls.spent >= calls.most then
    redis.call('HSET', bucket, 'full', calls.ends)
    return {calls.ends - now}
  end
  local length = calls.ends - calls.began
  local by_now = calls.most * (now - calls.began) / length
  only_urgent = calls.spent >= by_now + calls.most * HEAD
  if redis.call('HGET', P .. 'lim:' .. source, 'each') then
    n = math.min(n, calls.most - calls.spent)
  elseif not only_urgent and #parcels < n and calls.spent >= by_now then -- a call that carries many is worth waiting for
    local slot = length / calls.most
    local held = redis.call('ZSCORE', due, parcels[1]) + math.min(slot, HOLD)
    local first = redis.call('ZRANGE', hot, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
    if first[1] then held = math.min(held, first[2] + math.min(slot, HOLD_URGENT)) end
    if held > now then return {math.ceil(held - now)} end
  end
end

local limit = redis.call('HMGET', bucket, 'tokens', 'at')
local tokens = burst
if rate > 0 then
  if limit[1] then tokens = math.min(burst, limit[1] + math.max(0, now - limit[2]) * rate / 1000) end
  if tokens < 1 - 1e-9 then return {math.ceil((1 - tokens) * 1000 / rate)} end
end

local host = redis.call('HGET', P .. 'lim:' .. source, 'host')
local ill = host and tonumber(redis.call('HGET', P .. 'br:' .. host, 'fails') or 0) >= OPEN
if ill then n = 1 end -- one parcel finds out whether the host answers again

local urgent = {} -- those that are due; the index may be behind the queue
local function find_urgent(most)
  for _, parcel in ipairs(redis.call('ZRANGE', hot, '-inf', now, 'BYSCORE', 'LIMIT', 0, most + 20)) do
    local at = tonumber(redis.call('ZSCORE', due, parcel))
    if not at then
      redis.call('ZREM', hot, parcel)
    elseif at > now then
      redis.call('ZADD', hot, at, parcel)
    elseif #urgent < most then
      urgent[#urgent + 1] = parcel
    end
  end
end

local chosen = parcels
if only_urgent then
  find_urgent(n)
  chosen = urgent
  local by_now = calls.most * (now - calls.began) / (calls.ends - calls.began)
  if #chosen < n and calls.spent < by_now + calls.most * HEAD_NEW then
    local taken, looks = {}, redis.call('HMGET', P .. 'look:' .. source, unpack(parcels))
    for _, parcel in ipairs(urgent) do taken[parcel] = true end
    for i, parcel in ipairs(parcels) do
      if #chosen < n and not looks[i] and not taken[parcel] then chosen[#chosen + 1] = parcel end
    end
  end
  if #chosen == 0 then -- until the day has caught up with what was spent
    local at = calls.began + (calls.spent / calls.most - HEAD) * (calls.ends - calls.began)
    local again = math.max(now + 1, math.min(math.ceil(at), calls.ends))
    redis.call('HSET', bucket, 'calm', again)
    return {again - now}
  end
elseif #parcels > n then
  local kept = math.ceil(n / 4)
  if n == 1 and redis.call('HINCRBY', bucket, 'turn', 1) % 4 ~= 0 then kept = 0 end
  find_urgent(n - kept)
  chosen = {unpack(urgent)}
  local taken = {}
  for _, parcel in ipairs(urgent) do taken[parcel] = true end
  for _, parcel in ipairs(parcels) do
    if #chosen < n and not taken[parcel] then chosen[#chosen + 1] = parcel end
  end
end

local looks = redis.call('HMGET', P .. 'look:' .. source, unpack(chosen))
local numbers = quota(source, 'numbers')
local new = 0
if numbers then -- those the service never heard of cost it; they wait where no more may be told of
  local left, kept, memos = numbers.most - numbers.spent, {}, {}
  for i, parcel in ipairs(chosen) do
    local known = looks[i] or redis.call('SISMEMBER', P .. 'reg:' .. source, parcel) == 1
    if known or new < left then
      kept[#kept + 1], memos[#kept + 1] = parcel, looks[i]
      if not known then
        new = new + 1
        redis.call('SADD', P .. 'reg:' .. source, parcel)
      end
    else
      redis.call('ZADD', due, 'XX', numbers.ends, parcel)
      redis.call('ZADD', hot, 'XX', numbers.ends, parcel)
    end
  end
  chosen, looks = kept, memos
  if #chosen == 0 then return {0} end -- they wait now; whoever is next may be known
end

if ill then redis.call('HSET', P .. 'br:' .. host, 'until', now + lease) end
if rate > 0 then redis.call('HSET', bucket, 'tokens', string.format('%.9f', tokens - 1), 'at', now) end
spend(source, calls, 1)
spend(source, numbers, new)
used(source, 'l', 1)
used(source, 'c', 1)
used(source, 'p', #chosen)
local push = {}
for i, parcel in ipairs(chosen) do
  push[2 * i - 1], push[2 * i] = now + lease, parcel
end
redis.call('ZADD', due, 'XX', unpack(push))
redis.call('ZADD', hot, 'XX', unpack(push))
local answer = {-1}
for i, parcel in ipairs(chosen) do
  local _, _, _, memo = read_look(looks[i])
  answer[2 * i], answer[2 * i + 1] = parcel, memo
end
return answer
