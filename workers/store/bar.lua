#!lua flags=allow-oom
-- A channel lets nothing out until somebody mends it: nobody claims what is owed there before its time, but whoever knows an
-- account that was not refused. ARGV: channel, mark of the account, error, after (ms).
local key = P .. 'bar:' .. ARGV[1]
redis.call('HSETNX', key, 'since', now)
redis.call('HSET', key, 'err', ARGV[3], 'until', now + ARGV[4], 'of ' .. ARGV[2], now + ARGV[4])
redis.call('PEXPIRE', key, 2592000000) -- a channel that nobody tries any more
redis.call('SADD', P .. 'channels', ARGV[1])
count('barred')
return redis.status_reply('OK')
