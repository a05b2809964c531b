#!lua flags=allow-oom
-- Sets what a source allows, and opens what was closed by what it allowed before. ARGV: source, then field, value ('' for
-- none), ... of host, calls, calls_per, numbers, numbers_per, fresh (ms), each (a call for each number), calm and hot (how
-- much paces are stretched).
local key, changed = P .. 'lim:' .. ARGV[1], false
for i = 2, #ARGV, 2 do
  local was = redis.call('HGET', key, ARGV[i]) or ''
  if was ~= ARGV[i + 1] then
    if ARGV[i] ~= 'calm' and ARGV[i] ~= 'hot' then changed = true end
    if ARGV[i + 1] == '' then
      redis.call('HDEL', key, ARGV[i])
    else
      redis.call('HSET', key, ARGV[i], ARGV[i + 1])
    end
  end
end
if changed then redis.call('HDEL', P .. 'rl:' .. ARGV[1], 'full', 'calm') end
return redis.status_reply('OK')
