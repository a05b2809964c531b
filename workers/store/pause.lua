#!lua flags=allow-oom
-- Nobody claims from this source before then. A pause is never shortened. ARGV: source, after (ms).
local key, at = P .. 'rl:' .. ARGV[1], now + ARGV[2]
local stands = tonumber(redis.call('HGET', key, 'until') or 0)
if at > stands then redis.call('HSET', key, 'until', at) end
return redis.status_reply('OK')
