-- Answer what an operator asked of P3.3: tell of it (an empty event tells nothing), lift the hold where `lift` says so,
-- and take the request away unless another one stands there by now.
-- KEYS: hold events requests
-- ARGV: symbol request event lift
local told = cjson.decode(event)
if #told > 0 then redis.call('XADD', events, '*', unpack(told)) end
if lift == '1' then redis.call('DEL', hold) end
if redis.call('HGET', requests, symbol) == request then redis.call('HDEL', requests, symbol) end
return 1
