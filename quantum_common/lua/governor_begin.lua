-- Write the trading state and its event where there is no trading state yet.
-- KEYS: state events
-- ARGV: state_fields event_fields
if redis.call('EXISTS', state) == 1 then return 'stands' end
local event, fields = cjson.decode(event_fields), cjson.decode(state_fields)
redis.call('XADD', events, '*', unpack(event))
redis.call('HSET', state, unpack(fields))
return 'written'
