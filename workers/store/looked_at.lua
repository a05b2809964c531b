#!lua flags=allow-oom
-- A person saw these notices: of the dead ones among them the owner need not be told any more. ARGV: id...
for _, id in ipairs(ARGV) do
  if redis.call('EXISTS', P .. 'n:' .. id) == 1 then
    redis.call('HSET', P .. 'n:' .. id, 'seen', now)
    if redis.call('ZREM', P .. 'dead', id) == 1 then redis.call('ZADD', P .. 'kept', now, id) end
  end
end
return redis.status_reply('OK')
