"""Causes of adjustments, symbols that are halted, and what operators ask, on a real Redis."""

from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.messages import EvalType
from quantum_common.state import Ask, Request
from services.position_state_brain.reconcile import Cause, Judgement, Step, cause_of, judge
from tests.unit.position_state_brain.scripted import KEYS, NOW_MS, SYMBOL, D, World, plan, row, trade

OTHER = "ETHUSDT"


async def a_world(redis: Redis, **changes: Any) -> World:
    return await World(redis, **changes).begin()


async def drift(world: World, amount: str) -> None:
    """The exchange shows an amount that no trade explains, for as long as it takes to be adopted and healed."""
    world.account.rows[SYMBOL] = row(amount, update_ms=world.clock.now_ms())
    await world.cycles(7)


async def ask(world: World, what: Ask, symbol: str = SYMBOL, **changes: Any) -> None:
    values: dict[str, Any] = {"ask": what, "by": "anna", "reason": "looked at it", "ts_ms": world.clock.now_ms()}
    await world.redis.hset(KEYS.requests, symbol, Request.model_validate(values | changes).to_json())


async def kinds(world: World) -> list[str]:
    return [event.kind for event in await world.events()]


# --- causes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opening", "changed_ms", "adjusted", "cause"),
    [
        ("2", 500, False, Cause.BEFORE_US),
        ("1", 500, False, Cause.UNKNOWN),
        ("0", 50, False, Cause.UNKNOWN),
        (None, 50, False, Cause.BEFORE_US),
        (None, 150, False, Cause.UNKNOWN),
        ("2", 50, True, Cause.UNKNOWN),
    ],
)
def test_only_what_stood_when_the_ledger_began_is_before_us(
    opening: str | None, changed_ms: int, adjusted: bool, cause: Cause
) -> None:
    opened = None if opening is None else D(opening)
    assert cause_of(D(2), opening=opened, changed_ms=changed_ms, since_ms=100, adjusted=adjusted) is cause


async def test_a_position_before_us_is_named_in_hold_event_and_journal(redis: Redis) -> None:
    world = World(redis)
    world.account.rows[SYMBOL] = row("0.007", entry_price=D(64_000), update_ms=NOW_MS - 1_000_000)
    await world.begin()
    await world.cycles(2)
    hold = await world.hold()
    assert hold is not None
    assert (hold.reason, hold.details.partition(":")[0]) == ("ledger_drift", "before us")
    await world.cycles(4)
    assert [(event.kind, event.cause) for event in await world.events()] == [
        ("held", "before us"), ("adopted", "before us"), ("healed", "agreement"),
    ]  # fmt: skip
    assert [entry.cause for entry in await world.journal()] == ["before us"]


async def test_the_cause_is_known_after_a_restart_too(redis: Redis) -> None:
    world = World(redis)
    world.account.rows[SYMBOL] = row("0.007", entry_price=D(64_000), update_ms=NOW_MS - 1_000_000)
    await world.begin()
    await world.restart()
    await world.cycles(6)
    assert [entry.cause for entry in await world.journal()] == ["before us"]


async def test_own_fills_beside_a_position_before_us_do_not_hide_its_cause(redis: Redis) -> None:
    world = World(redis)
    world.account.rows[SYMBOL] = row("5", update_ms=NOW_MS - 1_000_000)
    await world.begin()
    await world.happen(trade(1, "1"))
    await world.cycles(7)
    assert [(entry.kind, entry.cause) for entry in await world.journal()] == [
        ("fill", "trade 1"), ("adjustment", "before us"),
    ]  # fmt: skip
    assert (await world.ledger()).position_amt == D(6)


async def test_a_foreign_trade_a_liquidation_and_an_adl_are_trades_and_no_adjustments(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(
        trade(1, "1", client_order_id="web_abc"),
        trade(2, "2", client_order_id="adl_autoclose"),
        trade(3, "-3", client_order_id="autoclose-77"),
    )
    await world.cycles(4)
    assert [(entry.kind, entry.origin) for entry in await world.journal()] == [
        ("fill", "foreign"), ("fill", "adl"), ("fill", "liquidation"),
    ]  # fmt: skip
    assert await world.events() == []


# --- halts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exchange", "may_adopt", "halted", "step"),
    [
        ("2", True, False, Step.ADOPT),
        ("2", False, False, Step.HALT),
        ("2", False, True, Step.NOTHING),
        ("2", True, True, Step.NOTHING),
        ("1", True, True, Step.NOTHING),
        ("1", True, False, Step.HEAL),
    ],
)
def test_a_halted_symbol_is_neither_adopted_nor_healed(
    exchange: str, may_adopt: bool, halted: bool, step: Step
) -> None:
    known = None
    for _ in range(4):
        found: Judgement = judge(
            D(exchange), D(1), known, held=True, quiet=True, adopt_after=3, now_ms=NOW_MS, may_adopt=may_adopt,
            halted=halted,
        )  # fmt: skip
        known = found.drift
    assert found.step is step


async def test_a_drift_that_repeats_halts_the_symbol_until_it_is_released(redis: Redis) -> None:
    world = await a_world(redis, p33_adoptions_hour_max=2)
    await drift(world, "1")
    await drift(world, "2")
    assert (await kinds(world)).count("adopted") == 2
    await drift(world, "3")
    hold = await world.hold()
    assert hold is not None
    assert (hold.reason, (await world.ledger()).position_amt) == ("drift_repeats", D(2))
    assert f"release {SYMBOL}" in hold.details
    last = (await world.events())[-1]
    assert (last.kind, last.cause) == ("held", "drift repeats")
    refused = await world.permit(plan(expires_ms=world.clock.now_ms() + 30_000))
    assert not refused.allow
    world.account.rows[SYMBOL] = row("2", update_ms=world.clock.now_ms())
    await world.cycles(4)
    refused = await world.permit(plan(plan_id="b" * 16, expires_ms=world.clock.now_ms() + 30_000))
    assert (refused.allow, refused.reason) == (False, "symbol_on_hold"), "agreement alone does not lift it"

    await ask(world, Ask.RELEASE)
    await world.cycles(1)
    assert await world.hold() is None
    told = (await world.events())[-1]
    assert (told.kind, told.cause) == ("released", "operator")
    assert told.details == "drift_repeats released by anna: looked at it"
    assert await redis.hgetall(KEYS.requests) == {}
    assert (await world.permit(plan(plan_id="c" * 16, expires_ms=world.clock.now_ms() + 30_000))).allow


async def test_what_was_adopted_before_a_release_does_not_count_after_it_not_even_after_a_restart(redis: Redis) -> None:
    world = await a_world(redis, p33_adoptions_hour_max=1)
    await drift(world, "1")
    await drift(world, "2")
    assert (await world.hold()) is not None
    await ask(world, Ask.RELEASE)
    await world.cycles(1)
    await world.restart()
    await world.cycles(7)
    assert (await world.ledger()).position_amt == D(2)
    assert await world.hold() is None
    assert (await kinds(world)).count("adopted") == 2


async def test_an_hour_later_adoptions_do_not_count_any_more(redis: Redis) -> None:
    world = await a_world(redis, p33_adoptions_hour_max=1)
    await drift(world, "1")
    world.clock.advance(3_600_000)
    await drift(world, "2")
    assert (await world.hold(), (await world.ledger()).position_amt) == (None, D(2))


async def test_a_halt_survives_a_restart_and_exits_pass_meanwhile(redis: Redis) -> None:
    world = await a_world(redis, p33_adoptions_hour_max=1)
    await drift(world, "1")
    await drift(world, "3")
    await world.restart()
    await world.cycles(4)
    hold = await world.hold()
    assert hold is not None
    assert hold.reason == "drift_repeats"
    permit = await world.permit(plan("CLOSE_FULL", qty=D(3), expires_ms=world.clock.now_ms() + 30_000))
    assert (permit.eval_type, permit.allow, permit.safe_qty) == (EvalType.EXIT, True, D(3))


# --- requests --------------------------------------------------------------------------------------------------------


async def test_a_release_of_a_standing_drift_watches_it_anew_and_adopts_it(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.rows[SYMBOL] = row("3")
    await world.cycles(2)
    await ask(world, Ask.RELEASE)
    await world.cycles(8)
    assert await kinds(world) == ["held", "released", "held", "adopted", "healed"]


@pytest.mark.parametrize("wish", [Ask.RELEASE, Ask.REBUILD])
async def test_a_request_for_nothing_out_of_date_or_malformed_is_taken_away_untold(redis: Redis, wish: Ask) -> None:
    world = await a_world(redis)
    world.account.rows[SYMBOL] = row("3")
    await world.cycles(2)
    await ask(world, wish, ts_ms=world.clock.now_ms() - 600_001)
    await ask(world, wish, OTHER)
    await redis.hset(KEYS.requests, "XRPUSDT", '{"ask":"dance"}')
    await redis.hset(KEYS.requests, "BNBUSDT", "not json")
    await world.cycles(1)
    assert await redis.hgetall(KEYS.requests) == {}
    assert await kinds(world) == ["held"]


async def test_a_ledger_is_rebuilt_from_its_facts_whatever_stood_there(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "2"), trade(2, "1"))
    right: Any = await redis.hgetall(KEYS.ledger(SYMBOL))
    journal = len(await world.journal())
    await redis.hset(KEYS.ledger(SYMBOL), mapping={"position_amt": "17", "fees": "x", "nonsense": "1"})
    await ask(world, Ask.REBUILD)
    await world.cycles(1)
    found: Any = await redis.hgetall(KEYS.ledger(SYMBOL))
    noted = ("updated_ms", "updated_at", "lag_ms")  # when it was written is not in the facts
    assert {name: found[name] for name in found if name not in noted} == {
        name: right[name] for name in right if name not in noted
    }
    assert len(await world.journal()) == journal, "a rebuild is no change of the ledger's facts"
    told = (await world.events())[-1]
    assert (told.kind, told.exchange_position_amt) == ("rebuilt", D(3))
    assert told.details == "rebuilt by anna: looked at it; changed ledger"


async def test_a_rebuild_names_what_was_wrong_and_reads_the_exchange_again(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "2"))
    await world.brain.sync()
    await redis.hset(KEYS.ledger(SYMBOL), mapping={"fees": "17"})
    await world.happen(trade(2, "1"), pushed=False)
    await ask(world, Ask.REBUILD)
    await world.brain.snapshot()
    assert (await world.events())[-1].details.endswith("changed fees")
    await world.brain.sync()
    assert (await world.ledger()).position_amt == D(3)


async def test_a_rebuild_of_what_is_right_changes_nothing(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "2"))
    right: Any = await redis.hgetall(KEYS.ledger(SYMBOL))
    await ask(world, Ask.REBUILD)
    await world.brain.snapshot()
    assert await redis.hgetall(KEYS.ledger(SYMBOL)) == right
    assert (await world.events())[-1].details.endswith("no change")


async def test_a_lost_ledger_hash_is_rebuilt(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "2"))
    await redis.delete(KEYS.ledger(SYMBOL))
    await ask(world, Ask.REBUILD)
    await world.brain.snapshot()
    assert (await world.ledger()).position_amt == D(2)
    assert [entry.trade_id for entry in await world.journal()] == ["1"]
