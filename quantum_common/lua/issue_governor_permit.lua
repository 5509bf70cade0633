-- Write the governor's permit on a plan: stream entry, key, what it takes from the budgets, acknowledgement.
-- Answer: `written`; `done` where the plan has been acknowledged before (a reply was lost, or Redis forgot the group):
-- nothing is written then, so that a permit which was used cannot come to life again.
-- Torn anywhere, the plan is delivered again; the day's total is raised before its fact, so that it can only overstate
-- until the next start folds it anew.
-- KEYS: plans permits permit executions executions_all day
-- ARGV: group id permit_text permit_fields ttl_ms reserve plan_id now_ms hour_ms cents day_ttl_ms
local pending = redis.pcall('XPENDING', plans, group, id, id, 1)
if pending.err or #pending == 0 then return 'done' end
local fields = cjson.decode(permit_fields)
local counted = redis.call('HEXISTS', day, plan_id) == 1

redis.call('XADD', permits, '*', unpack(fields))
redis.call('SET', permit, permit_text, 'PX', ttl_ms)
if reserve == '1' then
  for _, window in ipairs({executions, executions_all}) do
    redis.call('ZADD', window, now_ms, plan_id)
    redis.call('ZREMRANGEBYSCORE', window, '-inf', tonumber(now_ms) - tonumber(hour_ms))
    redis.call('PEXPIRE', window, hour_ms)
  end
  if not counted then
    redis.call('HINCRBY', day, 'total', cents)
    redis.call('HSET', day, plan_id, cents)
    redis.call('PEXPIRE', day, day_ttl_ms)
  end
end
redis.call('XACK', plans, group, id)
return 'written'
