-- Write the plan of an intent, count what it reserves, remember the intent, acknowledge it.
-- Answer: `written`; `done` where this entry was written before; `duplicate` where another entry came first and the
-- decision does not know of it: nothing is written then, the caller decides again.
-- The plan comes first and the acknowledgement last: whatever prefix of this a torn log keeps, the entry is delivered
-- again and at most repeats a plan of the same id.
-- KEYS: intents plans reserved seen
-- ARGV: group id duplicate seen_ttl_ms symbol reservation released fields
local first = redis.call('GET', seen)
if first == id then
  redis.call('XACK', intents, group, id)
  return 'done'
end
if first and duplicate == '0' then return 'duplicate' end
local plan, symbols = cjson.decode(fields), cjson.decode(released)
redis.call('XADD', plans, '*', unpack(plan))
if reservation ~= '' then redis.call('HSET', reserved, symbol, reservation) end
for _, gone in ipairs(symbols) do redis.call('HDEL', reserved, gone) end
if duplicate == '0' then redis.call('SET', seen, id, 'PX', seen_ttl_ms) end
redis.call('XACK', intents, group, id)
return 'written'
