#!lua
-- Re-schedules every parcel whose fingerprint is the stored one; returns what is known of the others, whose lease stays.
-- ARGV: source, default every (ms), then parcel, fingerprint, memo, ...  Returns parcel, version, snapshot, told, ...
-- The source has answered, and its health says so.
-- What was dismissed or forgotten meanwhile is passed over, so that a late answer revives nothing.
local source, default = ARGV[1], tonumber(ARGV[2])
local due, looks = P .. 'due:' .. source, P .. 'look:' .. source
local of = paced(source)
local names = {}
for i = 3, #ARGV, 3 do names[#names + 1] = ARGV[i] end
local scores = redis.call('ZMSCORE', due, unpack(names))
local records = redis.call('HMGET', looks, unpack(names))
local again, same, changed = {}, {}, {}
for i, parcel in ipairs(names) do
  if scores[i] then
    local every, _, fingerprint = read_look(records[i])
    if fingerprint == ARGV[3 * i + 1] then
      local j = #again
      again[j + 1], again[j + 2] = next_look(of, parcel, tonumber(every) or default), parcel
      same[j + 1], same[j + 2] = parcel, write_look(every, now, fingerprint, ARGV[3 * i + 2])
    else
      local known = redis.call('HMGET', P .. 'p:' .. parcel_of(parcel), 'ver', 'snap', 'told')
      local j = #changed
      changed[j + 1], changed[j + 2], changed[j + 3], changed[j + 4] = parcel, known[1] or '0', known[2], known[3]
    end
  end
end
redis.call('HSET', P .. 'health:' .. source, 'op', 'settle') -- an op of our own, for we are never asked twice
answered(source, #names)
if redis.call('EXISTS', P .. 'mute:' .. source) == 1 then redis.call('HDEL', P .. 'mute:' .. source, unpack(names)) end
if #again > 0 then
  redis.call('ZADD', due, 'XX', unpack(again))
  redis.call('ZADD', P .. 'hot:' .. source, 'XX', unpack(again))
  redis.call('HSET', looks, unpack(same))
end
return changed
