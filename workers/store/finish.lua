#!lua flags=allow-oom
-- Ends one attempt at the notices of one message: done, retry, fail, skip, resend, hold, wait or unsay. Must work with full
-- memory: what was sent must be recorded.
-- wait: not yet, for a reason of time; this was no attempt.  unsay: skipped, and to be owed anew if it is decided anew.
-- ARGV: token, verb, after (ms), error or reason, reference (wait: the bundle it goes out with, or ''), urgent messages are
-- passed on after (ms or ''), id...  Returns how many of them were lost to another holder.
local token, verb, reason, extra = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local TO = {done = 'sent', retry = 'pending', resend = 'pending', fail = 'failed', skip = 'skipped', hold = 'held',
  wait = 'pending', unsay = 'skipped'}
local EVENT = {done = 'sent', retry = 'retried', fail = 'failed', skip = 'skipped', hold = 'held', wait = 'waited',
  unsay = 'skipped'}
local DAY = 86400000

-- Ends the attempt at one; false where it is not ours.
local function finish(id)
  local key = P .. 'n:' .. id
  local row = redis.call('HMGET', key, 'st', 'tok', 'chan', 'made', 'wk', 'cl', 'over', 'fin', 'late', 'bun', 'rcpt', 'msg',
    'exp', 'urg')
  if row[2] == token and row[8] == verb then return true end -- said before; the answer was lost
  if row[1] ~= 'sending' or row[2] ~= token then
    if row[1] and row[9] ~= token then -- kept once as evidence: the late worker may have sent it
      redis.call('HSET', key, 'late', token)
      log(id, '', 'late ' .. verb, reason)
      count('lost_lease')
    end
    return false
  end
  local to, said, event, due = TO[verb], reason, EVENT[verb], false
  if to == 'pending' and row[7] then
    to, said, event = 'skipped', 'superseded', 'superseded'
  elseif to == 'pending' then
    due = now + ARGV[3]
  end
  move(id, 'sending', to, row[3], row[4], due)
  redis.call('HSET', key, 'fin', verb, 'err', said)
  if verb == 'done' then
    redis.call('HSET', key, 'ref', extra)
    redis.call('DEL', P .. 'bar:' .. row[3]) -- it lets us in
    sent_out(row[3], row[11], row[12] or id)
  elseif verb == 'retry' and row[10] then
    redis.call('HDEL', key, 'msg') -- nothing was accepted: whoever has joined since may go with it
  elseif verb == 'resend' or verb == 'hold' then
    redis.call('HSET', key, 'unc', 1)
    count('uncertain')
  elseif verb == 'unsay' then
    redis.call('HSET', key, 'unsaid', 1)
  elseif verb == 'wait' and due then
    redis.call('HINCRBY', key, 'att', -1)
    redis.call('HSET', key, 'wt', reason, 'err', '')
    redis.call('HDEL', key, 'msg')
    if row[13] and tonumber(row[13]) < due + DAY then redis.call('HSET', key, 'exp', due + DAY) end
    if row[10] then redis.call('SREM', P .. 'bn:' .. row[10], id) end
    if extra ~= '' then
      redis.call('HSET', key, 'bun', extra)
      redis.call('SADD', P .. 'bn:' .. extra, id)
    else
      redis.call('HDEL', key, 'bun')
    end
  end
  -- Urgent, and not seen by anybody: it is passed on, from its first try or, where it arrived, from then.
  if row[14] == '1' and ARGV[6] ~= '' and to ~= 'skipped' then
    if verb == 'done' or verb == 'fail' then
      redis.call('ZADD', P .. 'esc', now + ARGV[6], id)
    elseif verb ~= 'wait' then
      redis.call('ZADD', P .. 'esc', 'NX', now + ARGV[6], id)
    end
  end
  if event then count(event) end
  log(id, row[5], verb, reason, tonumber(row[6]))
  return true
end

local lost = 0
for i = 7, #ARGV do
  if not finish(ARGV[i]) then lost = lost + 1 end
end
return lost
