-- Derive a day's total anew from its facts (plan id -> cents). Answer: the total. Bounded by the hash, which the day's
-- cap bounds.
-- KEYS: day
-- ARGV:
local facts, total = redis.call('HGETALL', day), 0
for i = 1, #facts, 2 do
  if facts[i] ~= 'total' then total = total + tonumber(facts[i + 1]) end
end
if #facts > 0 then redis.call('HSET', day, 'total', string.format('%.0f', total)) end
return total
