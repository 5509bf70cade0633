-- Read all that a decision on a plan needs, at one instant. Writes nothing.
-- Answer: the hashes of trading state, portfolio, market state, ledger and snapshot; then what is spent: entries of the
-- symbol in five minutes and in an hour, the same of all symbols, and the day's notional in cents; then the statistics
-- of the symbol and of the portfolio, each mean, variance and count; then the hash of what is reserved. What this plan
-- took or taught in an earlier delivery does not count.
-- KEYS: state portfolio market ledger snapshot executions executions_all day stats stats_all reserved
-- ARGV: plan_id burst_from_ms hour_from_ms
local function since(key, from_ms)
  local count = redis.call('ZCOUNT', key, '(' .. from_ms, '+inf')
  local own = redis.call('ZSCORE', key, plan_id)
  if own and tonumber(own) > tonumber(from_ms) then count = count - 1 end
  return count
end

local function before(key)
  local names = {'ewma_mean', 'ewma_var', 'n'}
  if redis.call('HGET', key, 'plan_id') == plan_id then names = {'mean_before', 'var_before', 'n_before'} end
  return redis.call('HMGET', key, unpack(names))
end

local spent = redis.call('HMGET', day, 'total', plan_id)
return {
  redis.call('HGETALL', state),
  redis.call('HGETALL', portfolio),
  redis.call('HGETALL', market),
  redis.call('HGETALL', ledger),
  redis.call('HGETALL', snapshot),
  {
    since(executions, burst_from_ms),
    since(executions, hour_from_ms),
    since(executions_all, burst_from_ms),
    since(executions_all, hour_from_ms),
    tonumber(spent[1] or '0') - tonumber(spent[2] or '0'),
  },
  before(stats),
  before(stats_all),
  redis.call('HGETALL', reserved),
}
