-- Fold old facts away: the checkpoint first, so that a torn script leaves facts that it already covers.
-- KEYS: fills
-- ARGV: checkpoint folded
redis.call('HSET', fills, 'checkpoint', checkpoint)
for _, fact_id in ipairs(cjson.decode(folded)) do redis.call('HDEL', fills, fact_id) end
return 1
