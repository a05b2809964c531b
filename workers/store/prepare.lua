#!lua
-- Writes the schema's number into an empty store; returns the number that stands there. ARGV: schema.
redis.call('HSETNX', P .. 'meta', 'schema', ARGV[1])
redis.call('HSETNX', P .. 'meta', 'made', now)
return redis.call('HGET', P .. 'meta', 'schema')
