-- Fold old facts away: the checkpoint first, so that a torn script leaves facts that it already covers; the count last.
-- KEYS: fills
-- ARGV: checkpoint folded
if redis.call('HEXISTS', fills, 'checkpoint') == 0 then return 0 end
redis.call('HSET', fills, 'checkpoint', checkpoint)
local gone = 0
for _, fact_id in ipairs(cjson.decode(folded)) do gone = gone + redis.call('HDEL', fills, fact_id) end
redis.call('HINCRBY', fills, 'booked', -gone)
return gone
