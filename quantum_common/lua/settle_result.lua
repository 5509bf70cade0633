-- A plan is no longer under way: forget it, then acknowledge its result. Torn between the two, the result comes again.
-- KEYS: in_flight results
-- ARGV: group entry plan_id
redis.call('HDEL', in_flight, plan_id)
return redis.call('XACK', results, group, entry)
