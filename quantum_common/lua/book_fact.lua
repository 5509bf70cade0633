-- Book one fact: the fact first, then the journal, then the ledger that follows from it, then the count of what was
-- booked whole.
-- Nothing is written where the symbol has no checkpoint (`gone`: Redis forgot it), where the fact is known, where the ledger is not the one that was folded from, or where a torn
-- script has left a fact that was not booked whole: answer `torn`, and the caller mends before it books on.
-- KEYS: fills ledger journal
-- ARGV: fact_id fact expected entry ledger_fields
if redis.call('HEXISTS', fills, 'checkpoint') == 0 then return {'gone', ''} end
local current = redis.call('HGET', ledger, 'journal_id') or ''
local facts = redis.call('HLEN', fills)
for _, other in ipairs({'checkpoint', 'peak', 'booked'}) do facts = facts - redis.call('HEXISTS', fills, other) end
if facts ~= tonumber(redis.call('HGET', fills, 'booked') or '0') then return {'torn', current} end
if redis.call('HEXISTS', fills, fact_id) == 1 then return {'known', current} end
if current ~= expected then return {'conflict', current} end
redis.call('HSET', fills, fact_id, fact)
local id = redis.call('XADD', journal, '*', unpack(cjson.decode(entry)))
local fields = cjson.decode(ledger_fields)
fields[#fields + 1] = 'journal_id'
fields[#fields + 1] = id
redis.call('HSET', ledger, unpack(fields))
redis.call('HSET', fills, 'booked', facts + 1)
return {'booked', id}
