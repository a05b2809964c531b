#!lua
-- Writes the schema's number into an empty store; returns the number that stands there. ARGV: schema, an id for the ledger.
redis.call('HSETNX', P .. 'meta', 'schema', ARGV[1])
redis.call('HSETNX', P .. 'meta', 'made', now)
redis.call('HSETNX', P .. 'ledger', 'id', ARGV[2])
return redis.call('HGET', P .. 'meta', 'schema')
