-- Stands in front of every script: the server's clock, the key prefix and the few moves that several scripts share.
local P = KEYS[1] .. ':'
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- What one source last told of one parcel: "<every ms> <last success ms> <length of fingerprint>:<fingerprint><memo>".
local function read_look(record)
  if not record then return '', '', '', '' end
  local every, ok, length, at = string.match(record, '^(%d*) (%d*) (%d+):()')
  return every, ok, string.sub(record, at, at + length - 1), string.sub(record, at + length)
end

local function write_look(every, ok, fingerprint, memo)
  return every .. ' ' .. ok .. ' ' .. #fingerprint .. ':' .. fingerprint .. memo
end

-- now + every, moved by up to a tenth either way, so that what was enrolled together does not stay together.
local function jittered(parcel, every)
  local a, b, c, d, e, f, g, h = string.byte('        ' .. parcel, -8, -1) -- where one number differs from the next
  local mix = now + (((((((a * 31 + b) * 31 + c) * 31 + d) * 31 + e) * 31 + f) * 31 + g) * 31 + h) * 1009
  return now + math.floor(every * (0.9 + (mix % 2001) / 10000) + 0.5)
end

-- Who is looked at every two hours or oftener goes first where not all can be asked (cadence.URGENT).
local URGENT = 7200000
local LATEST = 259200000 -- no budget stretches a pace beyond (cadence.LATEST)
local OPEN = 3           -- failures of a host in a row after which it is left alone
local HEAD = 0.1         -- of a quota may be spent ahead of time by those that are not urgent
local HEAD_NEW = 0.5     -- and so much by those that were never looked at: a new file is read through at once
local FEW = 20           -- so many new parcels at once are urgent until their first look; more are a new file
local HOLD = 900000      -- at most so long a call that could carry more waits, where calls are counted
local HOLD_URGENT = 240000 -- and so long where an urgent parcel is in it

-- When a parcel is wanted next at a source: its own pace, stretched to what the source's budget carries, and never before
-- the source could show anything else. of: what paced(source) returned.
local function paced(source)
  local of = redis.call('HMGET', P .. 'lim:' .. source, 'fresh', 'calm', 'hot')
  return {tonumber(of[1]) or 0, tonumber(of[2]) or 1, tonumber(of[3]) or 1}
end

local function next_look(of, parcel, every)
  local stretched = math.max(every, math.min(every * (every <= URGENT and of[3] or of[2]), LATEST))
  return math.max(jittered(parcel, math.max(stretched, of[1])), now + of[1])
end

-- Keeps a parcel in the index of urgent ones of every source that watches it, or takes it out. claim.lua reads it.
local function mark_urgent(parcel, is)
  for _, name in ipairs(redis.call('SMEMBERS', P .. 'sources')) do
    local at = is and redis.call('ZSCORE', P .. 'due:' .. name, parcel)
    if at then
      redis.call('ZADD', P .. 'hot:' .. name, at, parcel)
    else
      redis.call('ZREM', P .. 'hot:' .. name, parcel)
    end
  end
end

-- Days since 1970 of the first of a month counted from year 0, and that month for a day (proleptic Gregorian calendar).
local function first_of(month)
  local year, m = math.floor(month / 12), month % 12
  local y = m < 2 and year - 1 or year
  local of_year = math.floor((153 * ((m + 10) % 12) + 2) / 5)
  return y * 365 + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400) + of_year - 719468
end

local function month_of(day)
  local month = math.floor((day + 719468) / 30.436875) + 1
  while first_of(month) > day do month = month - 1 end
  while first_of(month + 1) <= day do month = month + 1 end
  return month
end

-- The hour, day or month of UTC that it is: its number, its beginning and its end (ms).
local function window(per)
  local day = math.floor(now / 86400000)
  if per == 'hour' then
    local hour = math.floor(now / 3600000)
    return hour, hour * 3600000, (hour + 1) * 3600000
  elseif per == 'month' then
    local month = month_of(day)
    return month, first_of(month) * 86400000, first_of(month + 1) * 86400000
  end
  return day, day * 86400000, (day + 1) * 86400000
end

-- What is left of a source's quota of calls or numbers in this window, when it began and ends; nil where there is none.
local function quota(source, what)
  local limit = redis.call('HMGET', P .. 'lim:' .. source, what, what .. '_per')
  if not limit[1] then return nil end
  local number, began, ends = window(limit[2])
  local used = redis.call('HMGET', P .. 'qt:' .. source, what, what .. '_w')
  local spent = tonumber(used[2]) == number and tonumber(used[1]) or 0
  return {most = tonumber(limit[1]), spent = spent, number = number, began = began, ends = ends, what = what}
end

local function spend(source, of, n)
  if not of or n == 0 then return end
  redis.call('HSET', P .. 'qt:' .. source, of.what, of.spent + n, of.what .. '_w', of.number)
end

-- Counts what a source was asked or brought today: looks (l), calls (c), parcels (p), stages
-- found to have changed (m).
local function used(source, what, by)
  local key, day = P .. 'use:' .. source, math.floor(now / 86400000)
  if redis.call('HINCRBY', key, what .. day, by) > by then return end
  for _, field in ipairs(redis.call('HKEYS', key)) do -- the first of this day
    if tonumber(string.sub(field, 2)) <= day - 35 then redis.call('HDEL', key, field) end
  end
end

-- Until when nobody may ask a source (a pause, a used-up quota, a host that is left alone), and until when only for
-- urgent parcels; 0 for not at all.
local function closed(source)
  local gates = redis.call('HMGET', P .. 'rl:' .. source, 'until', 'full', 'calm')
  local shut = math.max(tonumber(gates[1]) or 0, tonumber(gates[2]) or 0)
  local host = redis.call('HGET', P .. 'lim:' .. source, 'host')
  if host then
    local broken = redis.call('HMGET', P .. 'br:' .. host, 'fails', 'until')
    if tonumber(broken[1] or 0) >= OPEN then shut = math.max(shut, tonumber(broken[2])) end
  end
  return shut, tonumber(gates[3]) or 0
end

-- A source's host answered, or failed once more: after OPEN failures in a row it is left alone, each time for longer.
local function host_answered(source)
  local host = redis.call('HGET', P .. 'lim:' .. source, 'host')
  if host then redis.call('DEL', P .. 'br:' .. host) end
end

-- A source answered, for n parcels. good: since when it answers without a failure in between.
local function answered(source, n)
  local key = P .. 'health:' .. source
  redis.call('HSET', key, 'ok', now, 'fails', 0)
  redis.call('HSETNX', key, 'good', now)
  redis.call('HDEL', key, 'since', 'perm')
  redis.call('HINCRBY', key, 'answered', n)
  host_answered(source)
end

local function host_failed(source)
  local host = redis.call('HGET', P .. 'lim:' .. source, 'host')
  if not host then return end
  local key = P .. 'br:' .. host
  local fails = redis.call('HINCRBY', key, 'fails', 1)
  if fails >= OPEN then
    redis.call('HSET', key, 'until', now + math.min(60000 * 2 ^ (fails - OPEN), 3600000))
  end
  redis.call('PEXPIRE', key, 86400000)
end

-- A queue holds entries: a parcel's id, or "<id>><number>" where it is looked up under a further number of its own.
local function parcel_of(entry)
  return string.match(entry, '^[^>]*')
end

local function count(event, by)
  redis.call('HINCRBY', P .. 'count', event, by or 1)
end

-- Whether nothing may be sent: the ledger is held, or it is not the one that the caller insists on (its id, and counts that
-- only ever grow; '' for any).
local function held(id, owed, sent)
  local ledger = redis.call('HMGET', P .. 'ledger', 'id', 'hold')
  if ledger[2] then return true end
  if not id or id == '' then return false end
  local counts = redis.call('HMGET', P .. 'count', 'owed', 'sent')
  return ledger[1] ~= id or tonumber(counts[1] or 0) < tonumber(owed) or tonumber(counts[2] or 0) < tonumber(sent)
end

local DEAD = {held = true, failed = true, expired = true}
local UNTOLD = 120000 -- ms: what died together is told of together

-- A notice changes its state here and nowhere else: hash, index of the state and queue move together.
-- due: when it is wanted next, in ms; false takes it out of its channel's queue.
local function move(id, from, to, channel, made, due)
  redis.call('HSET', P .. 'n:' .. id, 'st', to, 'end', now)
  redis.call('ZREM', P .. 'st:' .. from, id)
  redis.call('ZADD', P .. 'st:' .. to, made, id)
  if due then
    redis.call('ZADD', P .. 'ob:' .. channel, due, id)
  else
    redis.call('ZREM', P .. 'ob:' .. channel, id)
    redis.call('HINCRBY', P .. 'ended', to .. ' ' .. channel, 1)
    local bundle = redis.call('HGET', P .. 'n:' .. id, 'bun')
    if bundle then redis.call('SREM', P .. 'bn:' .. bundle, id) end
    if DEAD[to] then redis.call('ZADD', P .. 'dead', now + UNTOLD, id) end
  end
  if DEAD[from] then
    redis.call('ZREM', P .. 'dead', id)
    redis.call('ZREM', P .. 'kept', id)
    redis.call('HDEL', P .. 'n:' .. id, 'bat', 'owner', 'seen')
  end
end

-- One message went out by a channel to a recipient: remembered for two days, for the cap of a day.
local function sent_out(channel, recipient, message)
  local key = P .. 'out:' .. #channel .. ':' .. channel .. recipient
  redis.call('ZADD', key, now, message)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - 172800000)
  redis.call('PEXPIRE', key, 172800000)
end

-- One line in a notice's log of attempts, the newest fifty kept.
local function log(id, worker, outcome, reason, started)
  local took = started and math.max(0, now - started) or 0
  redis.call('RPUSH', P .. 'att:' .. id, cjson.encode({now, worker or '', outcome, reason or '', took}))
  redis.call('LTRIM', P .. 'att:' .. id, -50, -1)
end

-- Take a parcel off the stays that last, unless it stands in this very group.
local function leave_stay(parcel, stays_in)
  local group = redis.call('HGET', P .. 'p:' .. parcel, 'open')
  if group and group ~= stays_in then
    redis.call('ZREM', P .. 'open:' .. group, parcel)
    redis.call('HDEL', P .. 'p:' .. parcel, 'open')
  end
end

-- Where a parcel is looked up, as a decision says: "<source>" for each of its own, "<source>:<every ms>:" for one that is
-- asked besides, "<source>:<every ms>:<number>" for one that is asked under a further number. Divided by blanks.
local function read_spec(parcel, spec)
  local paces = {}
  for item in string.gmatch(spec, '[^ ]+') do
    local source, pace, number = string.match(item, '^([^:]+):(%d+):(.*)$')
    if not source then
      paces[item .. ' ' .. parcel] = true
    else
      paces[source .. ' ' .. (number == '' and parcel or parcel .. '>' .. number)] = pace
    end
  end
  return paces
end

-- A parcel's row names every entry that was ever made of it beside its own, so that forgetting it finds them: lines of
-- "<source> <entry>".
local function note_entry(row, source, entry)
  local line, known = '\n' .. source .. ' ' .. entry .. '\n', redis.call('HGET', row, 'ents') or ''
  if not string.find(known, line, 1, true) then redis.call('HSET', row, 'ents', known .. line) end
end

-- Brings the queues in line with a spec. Nothing is added for a parcel that nobody watches any more.
local function ask_at(parcel, spec, paces, watched)
  local row = P .. 'p:' .. parcel
  for _, source in ipairs(redis.call('SMEMBERS', P .. 'sources')) do
    if not paces[source .. ' ' .. parcel] and redis.call('ZREM', P .. 'due:' .. source, parcel) == 1 then
      redis.call('ZREM', P .. 'hot:' .. source, parcel)
      redis.call('HDEL', P .. 'mute:' .. source, parcel) -- who is asked no more is not silent
    end
  end
  local before = redis.call('HGET', row, 'also')
  if before then
    for old in pairs(read_spec(parcel, before)) do
      local source, entry = string.match(old, '^([^ ]+) (.*)$')
      if not paces[old] then
        redis.call('ZREM', P .. 'due:' .. source, entry)
        redis.call('HDEL', P .. 'mute:' .. source, entry)
      end
    end
  end
  local besides = false
  for new, pace in pairs(paces) do
    if pace ~= true and watched then
      besides = true
      local source, entry = string.match(new, '^([^ ]+) (.*)$')
      local due, looks = P .. 'due:' .. source, P .. 'look:' .. source
      redis.call('SADD', P .. 'sources', source)
      note_entry(row, source, entry)
      local _, ok, fingerprint, memo = read_look(redis.call('HGET', looks, entry))
      redis.call('HSET', looks, entry, write_look(pace, ok, fingerprint, memo))
      if redis.call('ZADD', due, 'NX', now, entry) == 0 then
        redis.call('ZADD', due, 'XX', 'LT', now + pace, entry)
      end
      redis.call('ZREM', P .. 'hot:' .. source, entry)
    end
  end
  if besides then
    redis.call('HSET', row, 'also', spec)
  elseif before then
    redis.call('HDEL', row, 'also')
  end
end

-- Creates the notices that ARGV holds from *first* on, eleven each: id, channel, recipient, why, stage, occurrence, topic,
-- context, after (ms), expires (ms or ''), urgent. An id that exists is never touched, unless it was taken back unsaid. *of* is the parcel, or the matter of
-- the owner: the newer notice about it takes the place of the older that still waits. Returns the set of new ids.
local function owe(of, first)
  local fresh, speaks = {}, {}
  for i = first, #ARGV, 11 do
    local id, channel, recipient = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local key = P .. 'n:' .. id
    local new = redis.call('HSETNX', key, 'st', 'pending') == 1
    if not new and redis.call('HGET', key, 'unsaid') then -- skipped before anybody was told, and decided anew
      redis.call('HDEL', key, 'unsaid', 'end', 'exp', 'over', 'fin', 'wt', 'bun', 'msg', 'freed')
      redis.call('HSET', key, 'st', 'pending', 'err', '')
      redis.call('ZREM', P .. 'st:skipped', id)
      new = true
    end
    if new then
      redis.call('HSET', key, 'parcel', of, 'chan', channel, 'rcpt', recipient, 'why', ARGV[i + 3],
        'stage', ARGV[i + 4], 'occ', ARGV[i + 5], 'topic', ARGV[i + 6], 'ctx', ARGV[i + 7],
        'urg', ARGV[i + 10], 'made', now)
      if ARGV[i + 9] ~= '' then redis.call('HSET', key, 'exp', now + ARGV[i + 9]) end
      redis.call('SADD', P .. 'channels', channel)
      redis.call('ZADD', P .. 'ob:' .. channel, now + ARGV[i + 8], id)
      redis.call('ZADD', P .. 'st:pending', now, id)
      redis.call('ZADD', P .. 'pn:' .. of, now, id)
      count('owed')
      fresh[id] = true
      speaks[#channel .. ':' .. channel .. recipient] = true
    end
  end
  if next(fresh) then
    for _, id in ipairs(redis.call('ZRANGE', P .. 'pn:' .. of, 0, -1)) do
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
  return fresh
end
