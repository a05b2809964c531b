#!lua flags=allow-oom
-- Leases the first due notice of a channel to one worker under a new token. Full memory does not stop what is owed.
-- ARGV: channel, lease (ms), token, worker.  Returns false if nothing is due, 1 to be asked again, or the notice.
local channel = ARGV[1]
local queue = P .. 'ob:' .. channel
for _ = 1, 50 do
  local id = redis.call('ZRANGE', queue, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1)[1]
  if not id then return false end
  local key = P .. 'n:' .. id
  local row = redis.call('HMGET', key, 'st', 'made', 'exp', 'crash', 'wk', 'cl', 'over')
  local state, made, crashes = row[1], row[2], tonumber(row[4] or 0)
  if state == 'sending' then -- the lease ran out: whoever held it died, or is too late
    crashes = crashes + 1
    redis.call('HSET', key, 'crash', crashes, 'unc', 1)
    log(id, row[5], 'crashed', 'the lease ran out', tonumber(row[6]))
    count('crashes')
  end
  if state ~= 'pending' and state ~= 'sending' then
    redis.call('ZREM', queue, id)
  elseif row[3] and tonumber(row[3]) <= now then
    move(id, state, 'expired', channel, made, false)
    count('expired')
  elseif row[7] then
    move(id, state, 'skipped', channel, made, false)
    redis.call('HSET', key, 'err', 'superseded')
    count('superseded')
  elseif crashes > 3 then
    move(id, state, 'held', channel, made, false)
    redis.call('HSET', key, 'err', 'every worker that took it died or was too slow')
    count('held')
  else
    move(id, state, 'sending', channel, made, now + ARGV[2])
    redis.call('HSET', key, 'tok', ARGV[3], 'wk', ARGV[4], 'cl', now)
    redis.call('HDEL', key, 'fin')
    redis.call('HINCRBY', key, 'att', 1)
    local notice = redis.call('HMGET', key, 'parcel', 'rcpt', 'why', 'stage', 'occ', 'topic', 'ctx', 'att', 'crash',
      'made', 'unc', 'urg', 'exp', 'err', 'msg')
    return {id, state, notice}
  end
end
return 1
