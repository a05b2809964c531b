#!lua flags=allow-oom
-- Ends one attempt at a notice: done, retry, fail, skip, resend or hold. Must work with full memory: what was sent must
-- be recorded.  ARGV: id, token, verb, after (ms), error, reference.  Returns 'ok' or 'lost'.
local id, token, verb = ARGV[1], ARGV[2], ARGV[3]
local key = P .. 'n:' .. id
local row = redis.call('HMGET', key, 'st', 'tok', 'chan', 'made', 'wk', 'cl', 'over', 'fin', 'late')
if row[2] == token and row[8] == verb then return 'ok' end -- said before; the answer was lost
if row[1] ~= 'sending' or row[2] ~= token then
  if row[1] and row[9] ~= token then -- kept once as evidence: the late worker may have sent it
    redis.call('HSET', key, 'late', token)
    log(id, '', 'late ' .. verb, ARGV[5])
    count('lost_lease')
  end
  return 'lost'
end
local to = ({done = 'sent', retry = 'pending', resend = 'pending', fail = 'failed', skip = 'skipped', hold = 'held'})[verb]
local event = ({done = 'sent', retry = 'retried', fail = 'failed', skip = 'skipped', hold = 'held'})[verb]
local reason, due = ARGV[5], false
if to == 'pending' and row[7] then
  to, reason, event = 'skipped', 'superseded', 'superseded'
elseif to == 'pending' then
  due = now + ARGV[4]
end
move(id, 'sending', to, row[3], row[4], due)
redis.call('HSET', key, 'fin', verb, 'err', reason)
if verb == 'done' then redis.call('HSET', key, 'ref', ARGV[6]) end
if verb == 'resend' or verb == 'hold' then
  redis.call('HSET', key, 'unc', 1)
  count('uncertain')
end
if event then count(event) end
log(id, row[5], verb, ARGV[5], tonumber(row[6]))
return 'ok'
