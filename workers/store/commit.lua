#!lua
-- One decision about one parcel and the notices it owes: all of it or nothing.
-- ARGV: parcel, expected version, op, stage, snapshot, told, decision, source, fingerprint, memo, every, review in
-- (ms or ''), the group of a stay that ended and "from until" (ms; or '' both), the group of the stay that lasts and since
-- when (or '' both), then for each notice: id, channel, recipient, why, stage, occurrence, topic, context, after, expires
-- (ms or ''), urgent.
local parcel, version, op, stage = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local source, every, review = ARGV[8], ARGV[11], ARGV[12]
local row, done = P .. 'p:' .. parcel, P .. 'op:' .. op
if redis.call('EXISTS', done) == 1 then return 'done' end
if (redis.call('HGET', row, 'ver') or '0') ~= version then
  count('stale')
  return 'stale'
end
redis.call('HSET', row, 'ver', version + 1, 'stage', stage, 'snap', ARGV[5], 'told', ARGV[6], 'dec', ARGV[7], 'at', now)
if every ~= '' then redis.call('HSET', row, 'every', every) end
redis.call('SET', done, 1, 'PX', 3600000)
count('commits')

local watched = false
for _, name in ipairs(redis.call('SMEMBERS', P .. 'sources')) do
  if redis.call('ZSCORE', P .. 'due:' .. name, parcel) then
    watched = true
    if name ~= source and every ~= '' then -- the pace is the parcel's, whichever source finds it
      local _, ok, fingerprint, memo = read_look(redis.call('HGET', P .. 'look:' .. name, parcel))
      redis.call('HSET', P .. 'look:' .. name, parcel, write_look(every, ok, fingerprint, memo))
    end
  end
end
if source ~= '' then
  local looks = P .. 'look:' .. source
  local pace = every
  if pace == '' then pace = read_look(redis.call('HGET', looks, parcel)) end
  redis.call('HSET', looks, parcel, write_look(pace, now, ARGV[9], ARGV[10]))
  if pace ~= '' then redis.call('ZADD', P .. 'due:' .. source, 'XX', jittered(parcel, tonumber(pace)), parcel) end
end
if review ~= '' then
  redis.call('HSET', row, 'rev', now + review)
  if watched then redis.call('ZADD', P .. 'reviews', now + review, parcel) end
else
  redis.call('HDEL', row, 'rev')
  redis.call('ZREM', P .. 'reviews', parcel)
end

local ended, lasts = ARGV[13], ARGV[15]
if ended ~= '' then
  redis.call('SADD', P .. 'stays', ended)
  redis.call('RPUSH', P .. 'stay:' .. ended, ARGV[14])
  redis.call('LTRIM', P .. 'stay:' .. ended, -2000, -1)
end
leave_stay(parcel, lasts)
if lasts ~= '' then
  redis.call('SADD', P .. 'stays', lasts)
  redis.call('ZADD', P .. 'open:' .. lasts, ARGV[16], parcel)
  redis.call('HSET', row, 'open', lasts)
end

local fresh, speaks = {}, {}
for i = 17, #ARGV, 11 do
  local id, channel, recipient = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local key = P .. 'n:' .. id
  if redis.call('HSETNX', key, 'st', 'pending') == 1 then
    redis.call('HSET', key, 'parcel', parcel, 'chan', channel, 'rcpt', recipient, 'why', ARGV[i + 3],
      'stage', ARGV[i + 4], 'occ', ARGV[i + 5], 'topic', ARGV[i + 6], 'ctx', ARGV[i + 7],
      'urg', ARGV[i + 10], 'made', now)
    if ARGV[i + 9] ~= '' then redis.call('HSET', key, 'exp', now + ARGV[i + 9]) end
    redis.call('SADD', P .. 'channels', channel)
    redis.call('ZADD', P .. 'ob:' .. channel, now + ARGV[i + 8], id)
    redis.call('ZADD', P .. 'st:pending', now, id)
    redis.call('ZADD', P .. 'pn:' .. parcel, now, id)
    count('owed')
    fresh[id] = true
    speaks[#channel .. ':' .. channel .. recipient] = true
  end
end
if next(fresh) then
  for _, id in ipairs(redis.call('ZRANGE', P .. 'pn:' .. parcel, 0, -1)) do
    local old = redis.call('HMGET', P .. 'n:' .. id, 'st', 'chan', 'rcpt', 'made')
    if old[1] and not fresh[id] and speaks[#old[2] .. ':' .. old[2] .. old[3]] then
      if old[1] == 'pending' then
        move(id, 'pending', 'skipped', old[2], old[4], false)
        redis.call('HSET', P .. 'n:' .. id, 'err', 'superseded')
        count('superseded')
      elseif old[1] == 'sending' then -- on the wire now; it may not be tried again after the newer one
        redis.call('HSET', P .. 'n:' .. id, 'over', 1)
      end
    end
  end
end
return 'done'
