-- Remember the protective stop that stands for a symbol, or, with empty fields, that none does.
-- KEYS: stop
-- ARGV: fields
local values = cjson.decode(fields)
if #values == 0 then return redis.call('DEL', stop) end
return redis.call('HSET', stop, unpack(values))
