-- Read all that a decision on an intent needs, at one instant. Writes nothing.
-- Answer: the first entry's id, the hashes of snapshot, ledger and portfolio, and (for entries) one row for each
-- reservation: its JSON, its order's state and time, its symbol's position and snapshot time.
-- KEYS: seen snapshot ledger portfolio reserved
-- ARGV: entry prefix
local rows = {}
if entry == '1' then
  local pairs_read = redis.call('HGETALL', reserved)
  for i = 1, #pairs_read, 2 do
    local plan_id = cjson.decode(pairs_read[i + 1])['plan_id']
    local order = redis.call('HMGET', prefix .. ':order:' .. plan_id, 'state', 'updated_ms')
    local shown = redis.call('HMGET', prefix .. ':position:snapshot:' .. pairs_read[i], 'position_amt', 'ts_ms')
    rows[#rows + 1] = {pairs_read[i + 1], order[1] or '', order[2] or '0', shown[1] or '', shown[2] or '0'}
  end
end
return {
  redis.call('GET', seen) or '',
  redis.call('HGETALL', snapshot),
  redis.call('HGETALL', ledger),
  redis.call('HGETALL', portfolio),
  rows,
}
