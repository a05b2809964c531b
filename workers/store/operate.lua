#!lua flags=allow-oom
-- The operator's verbs, on a notice as the operator saw it. ARGV: id, verb, op, state seen, attempts seen ('' both: as it is).
-- release: dead (held, failed, expired) and surely not accepted -> pending, now and without a deadline; one that waits for
-- its time goes now, too.
-- resend: dead, or sent -> pending, although it may arrive twice.  drop: open or dead -> skipped.
-- Returns done (also where this very op did it before), moved (not as it was seen any more), uncertain (it may have been
-- accepted: only resend sends it again), no (its state does not allow it, its words are gone, or it is as wanted already).
local id, verb, op = ARGV[1], ARGV[2], ARGV[3]
local key = P .. 'n:' .. id
local row = redis.call('HMGET', key, 'st', 'chan', 'made', 'att', 'unc', 'op', 'wt', 'bun')
local state = row[1]
if row[6] == op then return 'done' end
if ARGV[4] ~= '' and (state ~= ARGV[4] or tostring(row[4] or 0) ~= ARGV[5]) then return 'moved' end
local dead = DEAD[state]
local word = 'dropped'
if verb == 'drop' and (dead or state == 'pending' or state == 'sending') then
  move(id, state, 'skipped', row[2], row[3], false)
  redis.call('HSET', key, 'err', 'dropped')
  redis.call('HDEL', key, 'tok')
elseif verb == 'release' and dead and row[5] then
  return 'uncertain'
elseif verb == 'release' and state == 'pending' and row[7] then
  word = 'released'
  move(id, state, state, row[2], row[3], now)
  if row[8] then redis.call('SREM', P .. 'bn:' .. row[8], id) end
  redis.call('HSET', key, 'freed', 1)
  redis.call('HDEL', key, 'wt', 'bun', 'msg')
elseif verb ~= 'drop' and (dead or state == 'sent') and redis.call('HEXISTS', key, 'ctx') == 0 then
  return 'no' -- its words went with the years: there is nothing to say
elseif (verb == 'release' and dead) or (verb == 'resend' and (dead or state == 'sent')) then
  word = verb == 'release' and 'released' or 'resent'
  move(id, state, 'pending', row[2], row[3], now)
  redis.call('HSET', key, 'crash', 0, 'freed', 1) -- freed: somebody decided; only the newer word of the parcel stops it
  redis.call('HDEL', key, 'exp', 'over', 'msg', 'bun', 'wt')
  if state == 'sent' then -- a new message: the other side would show the old key's answer again
    redis.call('HSET', key, 'msg', string.sub(redis.sha1hex(id .. op), 1, 32))
  end
else
  return 'no'
end
redis.call('HSET', key, 'op', op)
log(id, '', word, '')
count(word)
return 'done'
