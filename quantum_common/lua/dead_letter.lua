-- Put a malformed entry aside with its reason, and acknowledge it.
-- KEYS: stream dead
-- ARGV: group id fields
redis.call('XADD', dead, 'MAXLEN', '~', 10000, '*', unpack(cjson.decode(fields)))
redis.call('XACK', stream, group, id)
return 1
