-- Give a lease back, if it is still ours.
-- KEYS: lease
-- ARGV: token
if redis.call('GET', lease) ~= token then return 0 end
return redis.call('DEL', lease)
