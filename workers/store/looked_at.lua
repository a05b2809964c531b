#!lua flags=allow-oom
-- A person saw these notices. ARGV: id...
for _, id in ipairs(ARGV) do
  if redis.call('EXISTS', P .. 'n:' .. id) == 1 then redis.call('HSET', P .. 'n:' .. id, 'seen', now) end
end
return redis.status_reply('OK')
