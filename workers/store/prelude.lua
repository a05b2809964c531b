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

local function count(event, by)
  redis.call('HINCRBY', P .. 'count', event, by or 1)
end

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
