-- Book one fact: the fact first, then the journal, then the ledger that follows from it.
-- Nothing is written where the fact is known, or where the ledger is not the one that was folded from.
-- A torn script leaves the fact without its ledger: every start folds anew and fills what is missing.
-- KEYS: fills ledger journal
-- ARGV: fact_id fact expected entry ledger_fields
local current = redis.call('HGET', ledger, 'journal_id') or ''
if redis.call('HEXISTS', fills, fact_id) == 1 then return {'known', current} end
if current ~= expected then return {'conflict', current} end
redis.call('HSET', fills, fact_id, fact)
local id = redis.call('XADD', journal, '*', unpack(cjson.decode(entry)))
local fields = cjson.decode(ledger_fields)
fields[#fields + 1] = 'journal_id'
fields[#fields + 1] = id
redis.call('HSET', ledger, unpack(fields))
return {'booked', id}
