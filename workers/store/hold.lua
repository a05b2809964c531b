#!lua flags=allow-oom
-- Names the ledger, stops all sending, or lets it go on. ARGV: verb, then
--   name: id                    the ledger's id, where it has none yet
--   hold: id, reason, who       nothing is sent from now on; an earlier reason stands
--   release: new id, skip (0 or 1), old id...   sending goes on; whoever knew one of the old ids takes the new one for its own.
--     skip: what is owed now, and what was being sent, is skipped: its readers may know it already.
-- Returns 1 where something changed, else 0; release with skip: how many notices were skipped, plus one.
local verb, key = ARGV[1], P .. 'ledger'
if verb == 'name' then return redis.call('HSETNX', key, 'id', ARGV[2]) end
if verb == 'hold' then
  redis.call('HSETNX', key, 'id', ARGV[2])
  if redis.call('HSETNX', key, 'hold', ARGV[3]) == 0 then return 0 end
  redis.call('HSET', key, 'since', now, 'by', ARGV[4])
  count('holds')
  return 1
end
local before = redis.call('HGET', key, 'id')
if not before then return 0 end
redis.call('HSET', key, 'id', ARGV[2], 'was:' .. before, now)
for i = 4, #ARGV do redis.call('HSET', key, 'was:' .. ARGV[i], now) end
redis.call('HDEL', key, 'hold', 'since', 'by')
local skipped = 0
if ARGV[3] == '1' then
  for _, channel in ipairs(redis.call('SMEMBERS', P .. 'channels')) do
    for _, id in ipairs(redis.call('ZRANGE', P .. 'ob:' .. channel, 0, -1)) do
      local row = redis.call('HMGET', P .. 'n:' .. id, 'st', 'made')
      if row[1] == 'pending' or row[1] == 'sending' then
        move(id, row[1], 'skipped', channel, row[2], false)
        redis.call('HSET', P .. 'n:' .. id, 'err', 'skipped when the hold was lifted')
        redis.call('HDEL', P .. 'n:' .. id, 'tok')
        log(id, '', 'skipped', 'the hold was lifted')
        skipped = skipped + 1
      end
    end
  end
end
return 1 + skipped
