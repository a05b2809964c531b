#!lua flags=no-writes
-- Returns name, last beat (ms), ... of the living.
local answer = {}
for _, name in ipairs(redis.call('ZRANGE', P .. 'beats', '(' .. now, '+inf', 'BYSCORE')) do
  answer[#answer + 1] = name
  answer[#answer + 1] = redis.call('HGET', P .. 'beat', name)
end
return answer
