"""The executor and P3.3 over one Redis that forgets everything between an order and its result."""

from typing import Any

from redis.asyncio import Redis

from quantum_common.keys import GROUP_EXECUTOR
from quantum_common.messages import Plan
from quantum_common.stream import Message
from tests.contract.chain import KEYS, Chain, D


async def test_an_order_that_redis_forgot_is_adopted_and_the_position_is_right_in_the_end(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await chain.ask(chain.wish())
    [plan] = await chain.plans()
    assert len(chain.venue.requests) == 1
    await redis.flushall()
    for group, handlers in chain.groups.items():
        for stream in handlers:
            await redis.xgroup_create(stream, group, id="0", mkstream=True)
    await chain.governor.recover()
    chain.clock.advance(1)
    await chain.executor.recover()
    await chain.p33.recover()
    fields: Any = plan.to_fields()
    await redis.xadd(KEYS.plans, fields)
    reply: Any = await redis.xreadgroup(GROUP_EXECUTOR, GROUP_EXECUTOR, {KEYS.plans: ">"})
    [(entry, read)] = reply[0][1]
    await chain.executor.handle_plan(Message(KEYS.plans, entry, read))
    assert len(chain.venue.requests) == 1
    [result] = await chain.results()
    assert (result.plan_id, result.executed, result.filled_qty) == (Plan.from_fields(read).plan_id, True, D(5))
    for _ in range(8):
        chain.clock.advance(2_000)
        await chain.p33.sync()
        await chain.p33.snapshot()
    assert (await chain.ledger()).position_amt == D(5)
