-- Record one closed bar of a symbol: the wishes that it led to, what the exit policy remembers, why, the market's state.
-- Answer: 1; 0 where this bar or a later one was recorded before, and nothing is written.
-- The wishes come first and the state last, because its bar_close_ms is what keeps a bar from being done twice:
-- whatever prefix of this a torn log keeps, the bar is done again and at most repeats wishes of the same ids.
-- KEYS: market_state exit_memory engine_verdict intents
-- ARGV: bar_close_ms state memory verdict wishes
local recorded = redis.call('HGET', market_state, 'bar_close_ms')
if recorded and tonumber(recorded) >= tonumber(bar_close_ms) then return 0 end
local state_fields, memory_fields = cjson.decode(state), cjson.decode(memory)
local verdict_fields, entries = cjson.decode(verdict), cjson.decode(wishes)
for _, entry in ipairs(entries) do redis.call('XADD', intents, '*', unpack(entry)) end
if #memory_fields > 0 then redis.call('HSET', exit_memory, unpack(memory_fields)) end
if #verdict_fields > 0 then redis.call('HSET', engine_verdict, unpack(verdict_fields)) end
redis.call('HSET', market_state, unpack(state_fields))
return 1
