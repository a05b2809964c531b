#!lua
-- A secret that changes and that all workers share, such as a token that rotates. ARGV: name, verb, version the caller has
-- read, then for begin: lease (ms); for put: value, ttl (ms).
-- begin: returns 1 where nobody changed it since and nobody else is at it: the caller may, for that long.
-- put: returns 1 where nobody changed it since; a lease that ended meanwhile takes nothing away from a value that is new.
local key, verb, version = P .. 'vault:' .. ARGV[1], ARGV[2], ARGV[3]
local held = redis.call('HMGET', key, 'version', 'lease')
if (held[1] or '0') ~= version then return 0 end
if verb == 'begin' then
  if tonumber(held[2] or 0) > now then return 0 end
  redis.call('HSET', key, 'lease', now + ARGV[4])
  if version == '0' then redis.call('PEXPIRE', key, ARGV[4] * 2) end
else
  redis.call('HSET', key, 'version', version + 1, 'value', ARGV[4], 'lease', 0)
  redis.call('PEXPIRE', key, ARGV[5])
end
return 1
