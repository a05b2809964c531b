#!lua
-- The operator's verbs. release: held or failed -> pending, now and without a deadline. drop: whatever is open -> skipped.
-- ARGV: id, verb.  Returns 1, or 0 where the notice's state does not allow it (or it is as wanted already).
local id, verb = ARGV[1], ARGV[2]
local key = P .. 'n:' .. id
local row = redis.call('HMGET', key, 'st', 'chan', 'made')
local state = row[1]
if verb == 'release' and (state == 'held' or state == 'failed') then
  move(id, state, 'pending', row[2], row[3], now)
  redis.call('HSET', key, 'crash', 0)
  redis.call('HDEL', key, 'exp', 'over')
  log(id, '', 'released', '')
  count('released')
  return 1
elseif verb == 'drop' and (state == 'pending' or state == 'sending' or state == 'held' or state == 'failed') then
  move(id, state, 'skipped', row[2], row[3], false)
  redis.call('HSET', key, 'err', 'dropped')
  redis.call('HDEL', key, 'tok')
  log(id, '', 'dropped', '')
  count('dropped')
  return 1
end
return 0
