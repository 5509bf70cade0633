-- Note that a permitted entry was executed: what it reserved falls away once the portfolio has been seen after that.
-- Acknowledge its result.
-- KEYS: results reserved
-- ARGV: group id plan_id now_ms
if redis.call('HEXISTS', reserved, plan_id) == 1 then redis.call('HSET', reserved, 'done:' .. plan_id, now_ms) end
return redis.call('XACK', results, group, id)
