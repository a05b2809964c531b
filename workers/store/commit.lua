#!lua
-- One decision about one parcel and the notices it owes: all of it or nothing.
-- ARGV: parcel, expected version, op, stage, snapshot, told, decision, source, fingerprint, memo, every, review in
-- (ms or ''), the group of a stay that ended and "from until" (ms; or '' both), the group of the stay that lasts and since
-- when (or '' both), where the parcel is looked up from now on ('' for as before: see ask_at), the entry that was looked up,
-- then for each notice: id, channel, recipient, why, stage, occurrence, topic, context, after, expires
-- (ms or ''), urgent.
local parcel, version, op, stage = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local source, every, review = ARGV[8], ARGV[11], ARGV[12]
local row, done = P .. 'p:' .. parcel, P .. 'op:' .. op
if redis.call('EXISTS', done) == 1 then return 'done' end
local known = redis.call('HMGET', row, 'ver', 'stage')
if (known[1] or '0') ~= version then
  count('stale')
  return 'stale'
end
redis.call('HSET', row, 'ver', version + 1, 'stage', stage, 'snap', ARGV[5], 'told', ARGV[6], 'dec', ARGV[7], 'at', now)
if every ~= '' then redis.call('HSET', row, 'every', every) end
redis.call('SET', done, 1, 'PX', 3600000)
count('commits')
if source ~= '' and known[1] and known[2] ~= stage then used(source, 'm', 1) end -- the first look brings history, no change

local spec, entry = ARGV[17], ARGV[18]
local paces = read_spec(parcel, spec) -- of what is asked besides, by source and entry; true for the parcel's own sources
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
  local besides = paces[source .. ' ' .. entry]
  local pace = every
  if besides and besides ~= true then pace = besides end
  if pace == '' then pace = read_look(redis.call('HGET', looks, entry)) end
  redis.call('HSET', looks, entry, write_look(pace, now, ARGV[9], ARGV[10]))
  if pace ~= '' then
    redis.call('ZADD', P .. 'due:' .. source, 'XX', next_look(paced(source), entry, tonumber(pace)), entry)
  end
end
if every ~= '' then mark_urgent(parcel, tonumber(every) <= URGENT) end
if spec ~= '' then ask_at(parcel, spec, paces, watched) end
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

owe(parcel, 19)
return 'done'
