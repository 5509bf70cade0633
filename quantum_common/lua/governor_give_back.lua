-- Give back what a plan that was not executed took from the budgets and the limits, and acknowledge its result.
-- Answer: how many cents were given back. The fact goes before the total is lowered: torn between the two, the total
-- overstates until the next start folds it anew.
-- KEYS: results executions executions_all day day_before reserved
-- ARGV: group id plan_id
local given = 0
redis.call('HDEL', reserved, plan_id, 'done:' .. plan_id)
for _, window in ipairs({executions, executions_all}) do redis.call('ZREM', window, plan_id) end
for _, key in ipairs({day, day_before}) do
  local cents = redis.call('HGET', key, plan_id)
  if cents then
    redis.call('HDEL', key, plan_id)
    redis.call('HINCRBY', key, 'total', '-' .. cents)
    given = given + tonumber(cents)
  end
end
redis.call('XACK', results, group, id)
return given
