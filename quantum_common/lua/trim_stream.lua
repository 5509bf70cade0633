-- Trim a stream to an age, never past an entry that a group has not acknowledged. Answer: how many entries went.
-- KEYS: stream
-- ARGV: cutoff_ms
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

if redis.call('EXISTS', stream) == 0 then return 0 end
local keep_ms, keep_seq = tonumber(cutoff_ms), 0
local function keep_from(ms, seq)
  if ms < keep_ms or (ms == keep_ms and seq < keep_seq) then keep_ms, keep_seq = ms, seq end
end

for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local facts = {}
  for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
  local ms, seq = parts(facts['last-delivered-id'])
  keep_from(ms, seq + 1)
  local pending = redis.call('XPENDING', stream, facts['name'])
  if pending[1] > 0 then
    local pending_ms, pending_seq = parts(pending[2])
    keep_from(pending_ms, pending_seq)
  end
end
return redis.call('XTRIM', stream, 'MINID', string.format('%d-%d', keep_ms, keep_seq))
