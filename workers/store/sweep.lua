#!lua flags=no-writes
-- What is due now, and when the next thing will be. Returns {source, n, ...}, {channel, n, ...}, reviews, next in ms or -1.
local soonest = false
local function look(key, from)
  local waits = redis.call('ZRANGE', key, '(' .. now, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2]
  if waits then waits = math.max(tonumber(waits), from) end
  if waits and (not soonest or waits < soonest) then soonest = waits end
end
local due, owed = {}, {}
for _, source in ipairs(redis.call('SMEMBERS', P .. 'sources')) do
  local key = P .. 'due:' .. source
  local paused, calm = closed(source)
  local n = redis.call('ZCOUNT', calm > now and P .. 'hot:' .. source or key, '-inf', now)
  if calm > now then
    look(P .. 'hot:' .. source, paused)
    if redis.call('ZCOUNT', key, '-inf', now) > 0 and (not soonest or calm < soonest) then soonest = calm end
  end
  if paused > now and n > 0 then -- ring when the pause ends
    if not soonest or paused < soonest then soonest = paused end
  elseif n > 0 then
    due[#due + 1] = source
    due[#due + 1] = n
  end
  look(key, math.max(paused, calm))
end
local held_back = held()
for _, channel in ipairs(redis.call('SMEMBERS', P .. 'channels')) do
  local n = redis.call('ZCOUNT', P .. 'ob:' .. channel, '-inf', now)
  local barred = tonumber(redis.call('HGET', P .. 'bar:' .. channel, 'until') or 0)
  if barred > now and n > 0 then
    if not soonest or barred < soonest then soonest = barred end
  elseif n > 0 and not held_back then
    owed[#owed + 1] = channel
    owed[#owed + 1] = n
  end
  look(P .. 'ob:' .. channel, barred)
end
local reviews = redis.call('ZCOUNT', P .. 'reviews', '-inf', now)
for _, after in ipairs({'esc', 'dead'}) do -- what comes up after a send is looked at where parcels are judged
  reviews = reviews + redis.call('ZCOUNT', P .. after, '-inf', now)
end
look(P .. 'reviews', 0)
return {due, owed, reviews, soonest and soonest - now or -1}
