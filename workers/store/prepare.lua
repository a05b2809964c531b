#!lua
-- Writes the schema's number into a store that is empty or of an older version, so that the older is refused from then on;
-- returns the number that stands there. A store of a newer version is left as it is. ARGV: schema, an id for the ledger.
local schema, there = tonumber(ARGV[1]), tonumber(redis.call('HGET', P .. 'meta', 'schema') or 0)
if there > schema then return there end
if there < schema then redis.call('HSET', P .. 'meta', 'schema', schema) end
redis.call('HSETNX', P .. 'meta', 'made', now)
redis.call('HSETNX', P .. 'ledger', 'id', ARGV[2])
return schema
