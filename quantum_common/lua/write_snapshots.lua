-- Write what the exchange says: each symbol's snapshot, and the portfolio where it is known. Bounded by the symbols.
-- KEYS: portfolio
-- ARGV: snapshots portfolio_fields
for _, row in ipairs(cjson.decode(snapshots)) do redis.call('HSET', row[1], unpack(row[2])) end
local totals = cjson.decode(portfolio_fields)
if #totals > 0 then redis.call('HSET', portfolio, unpack(totals)) end
return 1
