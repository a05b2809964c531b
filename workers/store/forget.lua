#!lua flags=allow-oom
-- Everything of one parcel goes, its notices and their attempts too. ARGV: parcel.
local parcel = ARGV[1]
local function leave(source, entry)
  redis.call('ZREM', P .. 'due:' .. source, entry)
  redis.call('ZREM', P .. 'hot:' .. source, entry)
  redis.call('SREM', P .. 'reg:' .. source, entry)
  redis.call('SREM', P .. 'shr:' .. source, entry)
  redis.call('HDEL', P .. 'look:' .. source, entry)
  redis.call('HDEL', P .. 'mute:' .. source, entry)
end
for _, source in ipairs(redis.call('SMEMBERS', P .. 'sources')) do leave(source, parcel) end
-- And what was looked up under further numbers, though nobody looks there now.
for source, entry in string.gmatch(redis.call('HGET', P .. 'p:' .. parcel, 'ents') or '', '([^ \n]+) ([^\n]+)\n') do
  leave(source, entry)
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'pn:' .. parcel, 0, -1)) do
  local row = redis.call('HMGET', P .. 'n:' .. id, 'st', 'chan', 'bun', 'rcpt', 'msg')
  if row[1] then
    redis.call('ZREM', P .. 'st:' .. row[1], id)
    redis.call('ZREM', P .. 'ob:' .. row[2], id)
    for _, queue in ipairs({'esc', 'dead', 'kept'}) do redis.call('ZREM', P .. queue, id) end
    if row[4] then redis.call('ZREM', P .. 'out:' .. #row[2] .. ':' .. row[2] .. row[4], row[5] or id) end
    if row[3] then redis.call('SREM', P .. 'bn:' .. row[3], id) end
  end
  redis.call('DEL', P .. 'n:' .. id, P .. 'att:' .. id)
end
redis.call('HDEL', P .. 'word', parcel)
redis.call('ZREM', P .. 'reviews', parcel)
leave_stay(parcel, '')
redis.call('DEL', P .. 'fact:trouble:' .. parcel, P .. 'p:' .. parcel, P .. 'pn:' .. parcel)
return redis.status_reply('OK')
