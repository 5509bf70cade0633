-- Write a ledger that was folded anew over one that a torn script left behind, with the journal entry that it left out
-- (an empty `entry` where `journal_id` tells of the newest fact already), and count its facts as booked whole.
-- Nothing is written where the facts or the ledger have moved since they were read, or Redis forgot them: answer 0.
-- KEYS: fills ledger journal
-- ARGV: facts_read expected journal_id entry ledger_fields
if redis.call('HEXISTS', fills, 'checkpoint') == 0 then return 0 end
local facts = redis.call('HLEN', fills)
for _, other in ipairs({'checkpoint', 'peak', 'booked'}) do facts = facts - redis.call('HEXISTS', fills, other) end
if facts ~= tonumber(facts_read) or (redis.call('HGET', ledger, 'journal_id') or '') ~= expected then return 0 end
local id, told, fields = journal_id, cjson.decode(entry), cjson.decode(ledger_fields)
if #told > 0 then id = redis.call('XADD', journal, '*', unpack(told)) end
fields[#fields + 1] = 'journal_id'
fields[#fields + 1] = id
local known, stands = {}, redis.call('HGETALL', ledger)
for i = 1, #fields, 2 do known[fields[i]] = true end
redis.call('HSET', ledger, unpack(fields))
for i = 1, #stands, 2 do
  if not known[stands[i]] then redis.call('HDEL', ledger, stands[i]) end
end
redis.call('HSET', fills, 'booked', facts)
return 1
