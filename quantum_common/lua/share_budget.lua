-- Bring what one process knows of the account's rate budget together with what the others know: in each window the
-- highest count, and the latest end of a ban. Answer: all of it, as [field, window, used ...] and the ban's end.
-- KEYS: budget
-- ARGV: counters closed_until_ms ttl_ms
local mine, merged = cjson.decode(counters), {}
for i = 1, #mine, 3 do
  local field, window, used = mine[i], tonumber(mine[i + 1]), tonumber(mine[i + 2])
  local known = redis.call('HGET', budget, field)
  if known then
    local known_window, known_used = string.match(known, '^(%d+):(%d+)$')
    known_window, known_used = tonumber(known_window), tonumber(known_used)
    if known_window > window then window, used = known_window, known_used
    elseif known_window == window and known_used > used then used = known_used end
  end
  redis.call('HSET', budget, field, string.format('%.0f:%.0f', window, used))
  merged[#merged + 1] = field
  merged[#merged + 1] = string.format('%.0f', window)
  merged[#merged + 1] = string.format('%.0f', used)
end
local closed = math.max(tonumber(closed_until_ms), tonumber(redis.call('HGET', budget, 'closed_until_ms') or '0'))
redis.call('HSET', budget, 'closed_until_ms', string.format('%.0f', closed))
redis.call('PEXPIRE', budget, ttl_ms)
return {merged, string.format('%.0f', closed)}
