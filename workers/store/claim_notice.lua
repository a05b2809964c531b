#!lua flags=allow-oom
-- Leases the first due notice of a channel to one worker under a new token, with all that goes out in one message with it.
-- Full memory does not stop what is owed. ARGV: channel, lease (ms), token, worker, the ledger insisted on: id, owed, sent;
-- the mark of the account that the channel is opened with.
-- Returns false if nothing is due or the ledger is held, 1 to be asked again, or {message, {id, state it had, word, fields}, ...}.
if held(ARGV[5], ARGV[6], ARGV[7]) then return false end
local channel = ARGV[1]
local queue = P .. 'ob:' .. channel
-- A channel that was refused is tried by one at a time and not before its time; another account is tried at once.
local bar, of = P .. 'bar:' .. channel, 'of ' .. (ARGV[8] or '-')
local barred = tonumber(redis.call('HGET', bar, of))
if barred and barred > now then return false end
local MOST = 200 -- notices of one message

-- Lease one open notice, or end it where it may not be sent any more; nil then.
local function lease(id)
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
    local word = redis.call('HGET', P .. 'word', redis.call('HGET', key, 'parcel'))
    return {id, state, word, redis.call('HMGET', key, 'parcel', 'rcpt', 'why', 'stage', 'occ', 'topic', 'ctx', 'att', 'crash',
      'made', 'unc', 'urg', 'exp', 'err', 'wt', 'freed')}
  end
end

-- The others of a bundle that are due, and belong to the same message where one was begun: an attempt at a message that
-- may have arrived is repeated with the same notices and no new ones.
local function others(id, bundle, message)
  local found = {}
  local members = redis.call('SMEMBERS', P .. 'bn:' .. bundle)
  table.sort(members)
  for _, other in ipairs(members) do
    if #found + 1 >= MOST then break end
    local due = other ~= id and redis.call('ZSCORE', queue, other)
    if due and tonumber(due) <= now and redis.call('HGET', P .. 'n:' .. other, 'msg') == message then
      found[#found + 1] = lease(other)
    end
  end
  return found
end

for _ = 1, 50 do
  local id = redis.call('ZRANGE', queue, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1)[1]
  if not id then return false end
  local first = lease(id)
  if first then
    if barred then redis.call('HSET', bar, 'until', now + ARGV[2], of, now + ARGV[2]) end
    local own = redis.call('HMGET', P .. 'n:' .. id, 'bun', 'msg')
    local taken = own[1] and others(id, own[1], own[2]) or {}
    table.insert(taken, 1, first)
    local message = own[2] or id
    if #taken > 1 and not own[2] then
      local ids = {}
      for i, one in ipairs(taken) do ids[i] = one[1] end
      table.sort(ids) -- the same notices make the same message
      message = string.sub(redis.sha1hex(table.concat(ids, ' ')), 1, 32)
      for _, one in ipairs(taken) do redis.call('HSET', P .. 'n:' .. one[1], 'msg', message) end
    end
    table.insert(taken, 1, message)
    return taken
  end
end
return 1
