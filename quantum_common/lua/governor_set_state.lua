-- Write a trading state and its event; where `from` names a state, only while that one stands.
-- Answer: the trading state that stood before, empty where there was none.
-- KEYS: state events
-- ARGV: from state_fields event_fields
local before = redis.call('HGET', state, 'trading_state') or ''
if from ~= '' and before ~= from then return before end
local event, fields = cjson.decode(event_fields), cjson.decode(state_fields)
redis.call('XADD', events, '*', unpack(event))
redis.call('HSET', state, unpack(fields))
return before
