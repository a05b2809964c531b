#!lua flags=no-writes
-- What stands now, for the metrics. ARGV: most notices of a state that are looked at one by one.
-- Returns {state, channel, n, ...} of what is open, {"state channel", n, ...} of what ever ended so, made of the oldest
-- pending (ms) or false, {source, watched, due since (ms) or false, paused until (ms), ...}, parcels to review since or false,
-- wordings nobody could read.
local open, n = {}, 0
for _, state in ipairs({'pending', 'sending', 'held', 'failed'}) do
  local by = {}
  for _, id in ipairs(redis.call('ZRANGE', P .. 'st:' .. state, 0, ARGV[1] - 1)) do
    local channel = redis.call('HGET', P .. 'n:' .. id, 'chan') or '?'
    by[channel] = (by[channel] or 0) + 1
  end
  for channel, notices in pairs(by) do
    open[n + 1], open[n + 2], open[n + 3] = state, channel, notices
    n = n + 3
  end
end
local function since(key) -- the first thing of a queue that is due and not taken
  return redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2] or false
end
local sources = {}
for i, source in ipairs(redis.call('SMEMBERS', P .. 'sources')) do
  local at = 4 * i
  sources[at - 3], sources[at - 2] = source, redis.call('ZCARD', P .. 'due:' .. source)
  sources[at - 1] = since(P .. 'due:' .. source)
  sources[at] = redis.call('HGET', P .. 'rl:' .. source, 'until') or false
end
local oldest = redis.call('ZRANGE', P .. 'st:pending', 0, 0, 'WITHSCORES')[2] or false
return {
  open, redis.call('HGETALL', P .. 'ended'), oldest, sources, since(P .. 'reviews'),
  redis.call('ZCARD', P .. 'unknown:n'), now,
}
