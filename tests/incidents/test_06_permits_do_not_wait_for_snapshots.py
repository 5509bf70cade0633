"""Incident 6: all snapshots stale for three hours: one account-wide call per symbol, in the loop of permits."""

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis

from quantum_common.exchange.port import PositionView
from tests.unit.position_state_brain.scripted import NOW_MS, World, plan, row


async def test_a_cycle_is_one_account_call_whatever_the_number_of_symbols(redis: Redis) -> None:
    world = World(redis)
    for number in range(500):
        world.account.rows[f"S{number}USDT"] = row(symbol=f"S{number}USDT")
    await world.begin()
    assert world.account.calls.count("positions") == 1
    world.clock.advance(2_000)
    await world.brain.snapshot()
    assert world.account.calls.count("positions") == 2
    assert {(await world.snapshot(f"S{number}USDT")).ts_ms for number in range(500)} == {NOW_MS + 2_000}


async def test_a_permit_is_granted_while_a_snapshot_is_being_read(redis: Redis) -> None:
    world = await World(redis).begin()
    answer = asyncio.Event()
    positions = world.account.positions

    async def hanging() -> Sequence[PositionView]:
        await answer.wait()
        return await positions()

    vars(world.account)["positions"] = hanging
    cycle = asyncio.create_task(world.brain.snapshot())
    assert (await world.permit(plan())).allow
    assert not cycle.done()
    answer.set()
    await cycle
