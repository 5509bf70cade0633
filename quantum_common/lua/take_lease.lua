-- Take a lease that is free, ours, or held by `expected`; answer who holds it otherwise, and an empty string if we do.
-- KEYS: lease
-- ARGV: token expected ttl_ms
local holder = redis.call('GET', lease)
if holder and holder ~= token and holder ~= expected then return holder end
redis.call('SET', lease, token, 'PX', ttl_ms)
return ''
