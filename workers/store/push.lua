#!lua flags=allow-oom
-- The guard of pushes: what was taken in once is not taken in again. ARGV: digest of source and body, verb, for how long
-- (ms), numbers in it that nobody watches, what it is ('push', 'reply').
-- begin: returns 'new' (the caller's, for that long), 'busy' (somebody's now) or 'seen' (taken in before).
-- done: it was taken in, and is remembered for that long. drop: it was not, and whoever sends it again may try.
local key, verb, what = P .. 'push:' .. ARGV[1], ARGV[2], ARGV[5]
if verb == 'begin' then
  if redis.call('SET', key, 'busy', 'NX', 'PX', ARGV[3]) then return 'new' end
  local state = redis.call('GET', key)
  if state == 'seen' then count(what == 'push' and 'push_replays' or 'reply_replays') end
  return state
elseif verb == 'done' then
  redis.call('SET', key, 'seen', 'PX', ARGV[3])
  count(what == 'push' and 'pushes' or 'replies')
  if ARGV[4] ~= '0' then count('push_unwatched', ARGV[4]) end
else
  redis.call('DEL', key)
end
return verb
