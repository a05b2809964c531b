#!lua flags=allow-oom
-- What is owed to a source beside looks: to end what it follows, to compare what it follows. ARGV: source, verb, number,
-- number, chore... Doing one twice does no harm, so a lease is only a later score.
-- add: due after that many ms; never later than it was due already. claim: leases up to n that are due, for so many ms.
-- later: due after that many ms, where it still is one. done: away with them. due: returns how many are due.
local key, verb = P .. 'chores:' .. ARGV[1], ARGV[2]
if verb == 'add' then
  for i = 5, #ARGV do redis.call('ZADD', key, 'LT', now + ARGV[3], ARGV[i]) end
elseif verb == 'claim' then
  local found = redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[3])
  for _, chore in ipairs(found) do redis.call('ZADD', key, 'XX', now + ARGV[4], chore) end
  return found
elseif verb == 'later' then
  for i = 5, #ARGV do redis.call('ZADD', key, 'XX', now + ARGV[3], ARGV[i]) end
elseif verb == 'done' then
  for i = 5, #ARGV do redis.call('ZREM', key, ARGV[i]) end
elseif verb == 'forget' then
  redis.call('DEL', key)
else
  return redis.call('ZCOUNT', key, '-inf', now)
end
return 0
