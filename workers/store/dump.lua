#!lua flags=no-writes
-- Everything of the ledger at one moment: key, time to live (ms, or -1), the server's own form of the value, ...
-- What lasts for a minute or an hour is left out: signs of life, marks of what was just done.
local answer = {}
for _, key in ipairs(redis.call('KEYS', P .. '*')) do
  local name = string.sub(key, #P + 1)
  if name ~= 'beats' and name ~= 'beat' and string.sub(name, 1, 3) ~= 'op:' and string.sub(name, 1, 5) ~= 'push:' then
    local value = redis.call('DUMP', key)
    if value then
      local j = #answer
      answer[j + 1], answer[j + 2], answer[j + 3] = name, redis.call('PTTL', key), value
    end
  end
end
return answer
