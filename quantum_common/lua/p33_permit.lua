-- Write P3.3's permit on a plan: stream entry, key, the reservation of the symbol, acknowledgement.
-- An entry is refused its reservation where another live plan holds one; then nothing is written. Nor is it where the
-- plan was acknowledged before (an answer was lost): a permit that was used must not come to life again.
-- KEYS: permit permits plans in_flight
-- ARGV: group entry permit_text permit_fields ttl_ms plan_id reserve_until_ms exclusive now_ms
local pending = redis.pcall('XPENDING', plans, group, entry, entry, 1)
if pending.err or #pending == 0 then return 'done' end
if exclusive == '1' then
  local flight = redis.call('HGETALL', in_flight)
  for i = 1, #flight, 2 do
    if flight[i] ~= plan_id and tonumber(flight[i + 1]) > tonumber(now_ms) then return 'in_flight' end
  end
end
redis.call('XADD', permits, '*', unpack(cjson.decode(permit_fields)))
redis.call('SET', permit, permit_text, 'PX', ttl_ms)
if reserve_until_ms ~= '0' then
  redis.call('HSET', in_flight, plan_id, reserve_until_ms)
  redis.call('PEXPIREAT', in_flight, reserve_until_ms, 'GT')
  redis.call('PEXPIREAT', in_flight, reserve_until_ms, 'NX')
end
redis.call('XACK', plans, group, entry)
return 'written'
