"""Incident 9: ten hours of hold: the exchange said 0.007, the ledger 0.002, and the close that would clear it was
blocked by the hold."""

from typing import Any

from redis.asyncio import Redis

from quantum_common.reasons import Gate
from tests.unit.position_state_brain.scripted import NOW_MS, SYMBOL, D, World, plan, row, trade


async def drifted(redis: Redis) -> World:
    world = await World(redis).begin()
    world.account.rows[SYMBOL] = row()
    await world.happen(trade(1, "0.002"))
    world.account.rows[SYMBOL] = row("0.07", update_ms=NOW_MS + 1_001)
    await world.cycles(4)
    assert await world.hold() is not None
    return world


async def test_while_a_symbol_is_held_entries_wait_and_the_close_passes(redis: Redis) -> None:
    world = await drifted(redis)
    until: dict[str, Any] = {"expires_ms": world.clock.now_ms() + 10_000}
    entry = await world.permit(plan(plan_id="a" * 16, **until))
    assert entry.reason is Gate.RECONCILE_REQUIRED_QTY_MISMATCH
    close = await world.permit(plan("CLOSE_FULL", plan_id="b" * 16, **until))
    assert (close.allow, close.safe_qty) == (True, D("0.07"))


async def test_the_exchange_s_word_is_adopted_and_the_hold_ends_within_seconds(redis: Redis) -> None:
    world = await drifted(redis)
    began_ms = world.clock.now_ms()
    while await world.hold() is not None:
        await world.cycles(1)
        assert world.clock.now_ms() - began_ms < 30_000
    assert (await world.ledger()).position_amt == D("0.07")
    entry = (await world.journal())[-1]
    assert (entry.kind, entry.qty, entry.position_amt) == ("adjustment", D("0.068"), D("0.07"))
