-- Write the governor's permit on a plan: stream entry, key, what its score teaches the statistics, what it takes from
-- the budgets and the limits, acknowledgement.
-- Answer: `written`; `done` where the plan has been acknowledged before (a reply was lost, or Redis forgot the group):
-- nothing is written then, so that a permit which was used cannot come to life again; `changed` where something else
-- was reserved since the decision read (its count is `seq`): nothing is written then either, the caller decides again.
-- Torn anywhere, the plan is delivered again; each statistic is one HSET that names its plan, so a score counts once;
-- the day's total is raised before its fact, so that it can only overstate until the next start folds it anew.
-- KEYS: plans permits permit executions executions_all day stats stats_all reserved
-- ARGV: group id permit_text permit_fields ttl_ms reserve plan_id now_ms hour_ms cents day_ttl_ms score alpha seq reservation released
local pending = redis.pcall('XPENDING', plans, group, id, id, 1)
if pending.err or #pending == 0 then return 'done' end
if reserve == '1' and (redis.call('HGET', reserved, 'seq') or '0') ~= seq then return 'changed' end
local fields, gone = cjson.decode(permit_fields), cjson.decode(released)
local counted = redis.call('HEXISTS', day, plan_id) == 1

local function number(value) return string.format('%.17g', value) end

local function observe(key)
  local last = redis.call('HMGET', key, 'ewma_mean', 'ewma_var', 'n', 'plan_id')
  if last[4] == plan_id then return end
  local mean, var, n = tonumber(last[1] or '0'), tonumber(last[2] or '0'), tonumber(last[3] or '0')
  local weight = math.max(tonumber(alpha), 1.0 / (n + 1))
  local away = tonumber(score) - mean
  redis.call('HSET', key,
    'ewma_mean', number(mean + weight * away),
    'ewma_var', number((1.0 - weight) * (var + weight * away * away)),
    'n', string.format('%.0f', n + 1),
    'plan_id', plan_id, 'mean_before', number(mean), 'var_before', number(var), 'n_before', string.format('%.0f', n))
end

redis.call('XADD', permits, '*', unpack(fields))
redis.call('SET', permit, permit_text, 'PX', ttl_ms)
if score ~= '' then
  observe(stats)
  observe(stats_all)
end
if reserve == '1' then
  redis.call('HINCRBY', reserved, 'seq', 1)
  redis.call('HSET', reserved, plan_id, reservation)
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
for _, over in ipairs(gone) do redis.call('HDEL', reserved, over, 'done:' .. over) end
redis.call('XACK', plans, group, id)
return 'written'
