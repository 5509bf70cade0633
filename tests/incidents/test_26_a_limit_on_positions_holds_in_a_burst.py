"""Incident 26: 17 positions with a limit of 10: four limits, none atomic, on counts seconds old."""

from collections import Counter

from redis.asyncio import Redis

from quantum_common.reasons import Gate
from tests.incidents.consuming import KEYS, send, work_off
from tests.unit.intent_bridge.at_work import make_bridge, plans, put, world
from tests.unit.intent_bridge.builders import RULES, intent, ledger, snapshot

SYMBOLS = tuple(f"S{n}USDT" for n in range(17))


async def test_seventeen_entries_at_once_on_a_count_that_is_old_are_ten_positions(redis: Redis) -> None:
    bridge = await make_bridge(redis, allowlist=",".join(SYMBOLS), positions_max=10)
    await world(redis)
    bridge.rules = dict.fromkeys(SYMBOLS, RULES)
    for symbol in SYMBOLS:
        await put(redis, KEYS.snapshot(symbol), snapshot())
        await put(redis, KEYS.ledger(symbol), ledger())
    await send(redis, *(intent(intent_id=symbol, symbol=symbol) for symbol in SYMBOLS))
    await work_off(redis, bridge)
    written = await plans(redis)
    assert Counter(one.gate for one in written) == {None: 10, Gate.POSITION_CAP: 7}

    # The result of an entry that never became an order gives its place back.
    await redis.hset(KEYS.order(written[0].plan_id), mapping={"state": "REFUSED", "updated_ms": "1"})
    await send(redis, *(intent(intent_id=f"{symbol}-again", symbol=symbol) for symbol in SYMBOLS[10:12]))
    await work_off(redis, bridge)
    assert Counter(one.gate for one in await plans(redis)) == {None: 11, Gate.POSITION_CAP: 8}
