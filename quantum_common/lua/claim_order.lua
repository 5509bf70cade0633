-- Claim a plan: write its journal record before anything is sent, and consume its two permits.
-- Changes nothing where this is not the server that the executor met (it may have forgotten a record), a record exists, a permit is not the one that was judged, or the trading state changed.
-- The record is one HSET, so that a torn script has either journaled or done nothing.
-- KEYS: order permit_governor permit_p33 governor_state
-- ARGV: server_id governor_text p33_text trading_state record
if string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') ~= server_id then return 'another_server' end
if redis.call('EXISTS', order) == 1 then return 'exists' end
if redis.call('GET', permit_governor) ~= governor_text then return 'permit_gone' end
if redis.call('GET', permit_p33) ~= p33_text then return 'permit_gone' end
if (redis.call('HGET', governor_state, 'trading_state') or '') ~= trading_state then return 'state_changed' end
redis.call('HSET', order, unpack(cjson.decode(record)))
redis.call('DEL', permit_governor, permit_p33)
return 'claimed'
