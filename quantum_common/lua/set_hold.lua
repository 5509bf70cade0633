-- Hold entries on a symbol, or lift the hold, and tell of it.
-- KEYS: hold events
-- ARGV: fields event
redis.call('XADD', events, '*', unpack(cjson.decode(event)))
redis.call('DEL', hold)
local values = cjson.decode(fields)
if #values > 0 then redis.call('HSET', hold, unpack(values)) end
return 1
