-- Note a new best price of an open position, as a fact and on the ledger; only while it is the same position.
-- KEYS: fills ledger
-- ARGV: opened_ms peak price
if redis.call('HGET', ledger, 'opened_ms') ~= opened_ms then return 0 end
redis.call('HSET', fills, 'peak', peak)
redis.call('HSET', ledger, 'peak_price', price)
return 1
