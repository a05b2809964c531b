#!lua flags=allow-oom
-- Drops the words and the attempts of notices of one state that were made long ago and have ended; the row stays, for it
-- keeps the notice from being owed again. ARGV: state, made before (ms from now, back), how many at most.
-- Returns how many were looked at; fewer than asked for means that there are no more.
local state, before, most = ARGV[1], now - ARGV[2], tonumber(ARGV[3])
local cursor = P .. 'fact:pruned:' .. state
local after = redis.call('GET', cursor) or '-inf'
if after ~= '-inf' then after = '(' .. after end
local found = redis.call('ZRANGE', P .. 'st:' .. state, after, before, 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
for i = 1, #found, 2 do
  redis.call('HDEL', P .. 'n:' .. found[i], 'ctx')
  redis.call('DEL', P .. 'att:' .. found[i])
end
-- Several may have been made in the same millisecond as the last of these: they are looked at again with the next.
if #found > 0 and #found / 2 == most and found[#found] ~= found[2] then
  redis.call('SET', cursor, string.format('%.0f', found[#found] - 1))
elseif #found > 0 then
  redis.call('SET', cursor, string.format('%.0f', found[#found]))
end
return #found / 2
