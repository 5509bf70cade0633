-- End a plan: terminal record, its one result, acknowledgement.
-- A record that is terminal already keeps its result; a result that a torn script left out is written now. The record
-- holds the result's fields as JSON, so that one HSET decides both.
-- KEYS: order results plans
-- ARGV: group entry record unsent keep_ms
local state = redis.call('HGET', order, 'state')
if state == 'SENDING' and unsent == '1' then return 'sending' end
local answer = 'finished'
if state and state ~= 'SENDING' then
  answer = 'terminal'
else
  redis.call('HSET', order, unpack(cjson.decode(record)))
end
if (redis.call('HGET', order, 'result_id') or '') == '' then
  local id = redis.call('XADD', results, '*', unpack(cjson.decode(redis.call('HGET', order, 'result'))))
  redis.call('HSET', order, 'result_id', id)
  redis.call('PEXPIRE', order, keep_ms)
end
redis.call('XACK', plans, group, entry)
return answer
