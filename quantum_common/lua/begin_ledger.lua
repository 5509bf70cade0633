-- Begin the ledger of a symbol that is seen for the first time: its checkpoint, and the ledger that follows from it.
-- One that exists is left alone.
-- KEYS: fills ledger
-- ARGV: checkpoint ledger_fields
if redis.call('HSETNX', fills, 'checkpoint', checkpoint) == 1 then
  redis.call('HSET', ledger, unpack(cjson.decode(ledger_fields)))
end
return 1
