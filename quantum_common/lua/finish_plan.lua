-- End a plan: terminal record, its one result, acknowledgement.
-- A record that is terminal already keeps its result; a result that a torn script left out is written now, unless it
-- stands in the stream and only the note of it was torn off. The record holds the result's fields as JSON, so that one
-- HSET decides both.
-- KEYS: order results plans
-- ARGV: group entry record unsent keep_ms plan_id
local LOOK_BACK = 1000
local function written()
  for _, one in ipairs(redis.call('XREVRANGE', results, '+', '-', 'COUNT', LOOK_BACK)) do
    for i = 1, #one[2], 2 do
      if one[2][i] == 'plan_id' and one[2][i + 1] == plan_id then return one[1] end
    end
  end
end

local state = redis.call('HGET', order, 'state')
if state == 'SENDING' and unsent == '1' then return 'sending' end
local answer, id = 'finished', nil
if state and state ~= 'SENDING' then
  answer = 'terminal'
  id = redis.call('HGET', order, 'result_id')
  if id == '' then id = written() or '' end
else
  redis.call('HSET', order, unpack(cjson.decode(record)))
end
if not id or id == '' then
  id = redis.call('XADD', results, '*', unpack(cjson.decode(redis.call('HGET', order, 'result'))))
end
redis.call('HSET', order, 'result_id', id)
redis.call('PEXPIRE', order, keep_ms)
redis.call('XACK', plans, group, entry)
return answer
