#!lua
-- Counts wordings that nobody could read. ARGV: most entries kept, then id, entry (JSON), ...
local most, entries, times = tonumber(ARGV[1]), P .. 'unknown', P .. 'unknown:n'
for i = 2, #ARGV, 2 do
  if redis.call('HEXISTS', entries, ARGV[i]) == 1 or redis.call('HLEN', entries) < most then
    redis.call('HSETNX', entries, ARGV[i], ARGV[i + 1])
    redis.call('ZINCRBY', times, 1, ARGV[i])
  end
end
count('unknown', (#ARGV - 1) / 2)
return redis.status_reply('OK')
