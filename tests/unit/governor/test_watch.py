"""When the governor goes to REDUCING by itself, and that only a person comes back."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from quantum_common.clock import ManualClock
from quantum_common.messages import GovernorEvent, Record, Result
from quantum_common.reasons import Gate
from quantum_common.state import GovernorState, Hold, Portfolio, TradingState
from services.governor.disarm import DisarmLimits, Health, cause
from services.governor.service import Governor
from services.governor.watch import SYMBOLS_EVERY, Watch
from services.governor.watch_store import RedisWatch
from tests.unit.governor.at_work import KEYS, deliver, make_governor
from tests.unit.governor.builders import NOW_MS, market, plan, portfolio, result, snapshot

D = Decimal
LIMITS = DisarmLimits(drawdown=D("0.15"), errors=3, hold_ms=60_000, portfolio_ms=60_000, bursts=4)
OFF = DisarmLimits(drawdown=D("0.15"), errors=0, hold_ms=0, portfolio_ms=0, bursts=0)
ACTIVE = GovernorState(trading_state=TradingState.ACTIVE, reason="", by="a person", since_ms=NOW_MS - 600_000)


def refused(ts_ms: int = NOW_MS, gate: Gate = Gate.EXCHANGE_REJECTED) -> Result:
    return result(plan(), executed=False, gate=gate, ts_ms=ts_ms)


def nothing_left() -> Result:
    """What the second of two queued exits of one position is told."""
    return result(
        plan("CLOSE_FULL"), executed=False, gate=Gate.EXCHANGE_REJECTED, error="-2022 ReduceOnly Order is rejected."
    )


def seen(**changes: Any) -> Health:
    values: dict[str, Any] = {
        "state": ACTIVE, "portfolio": portfolio(), "results": (), "held": (), "bursts": (),
        "started_ms": NOW_MS - 900_000,
    }  # fmt: skip
    return Health(**(values | changes))


STALE = portfolio(ts_ms=NOW_MS - 60_000)
CAUSES: list[tuple[str, Health, str]] = [
    ("nothing", seen(), ""),
    ("a drawdown", seen(portfolio=portfolio(drawdown_pct=D("0.15"))), "drawdown 0.15 of the peak"),
    ("errors in a row", seen(results=[refused(), refused(gate=Gate.EXCHANGE_UNAVAILABLE), refused()]),
     "3 orders in a row"),
    ("errors broken by a success", seen(results=[refused(), refused(), result(plan(), executed=True), refused()]), ""),
    ("errors among blocked plans", seen(results=[refused(), refused(gate=Gate.PLAN_EXPIRED), refused(), refused()]),
     "3 orders in a row"),
    ("errors from before a person resumed", seen(results=[refused(), refused(), refused(ACTIVE.since_ms)]), ""),
    ("exits that found nothing left to close", seen(results=[nothing_left()] * 9), ""),
    ("a drift", seen(held=[("BTCUSDT", NOW_MS - 60_000)]), "the ledger of BTCUSDT has differed"),
    ("a young drift", seen(held=[("BTCUSDT", NOW_MS - 59_999)]), ""),
    ("a portfolio that stands still", seen(portfolio=STALE), "the portfolio has stood still for 60000 ms"),
    ("one that stood still before the start", seen(portfolio=STALE, started_ms=NOW_MS - 59_999), ""),
    ("no portfolio yet", seen(portfolio=None), ""),
    ("a burst", seen(bursts=[NOW_MS - 1] * 4), "4 entries over the burst limit"),
    ("an old burst", seen(bursts=[NOW_MS - 300_000] * 4), ""),
    ("no trading state", seen(state=None, portfolio=STALE), ""),
    ("no longer ACTIVE",
     seen(state=ACTIVE.model_copy(update={"trading_state": TradingState.REDUCING}), portfolio=STALE), ""),
]  # fmt: skip


@pytest.mark.parametrize(("health", "words"), [case[1:] for case in CAUSES], ids=[case[0] for case in CAUSES])
def test_a_cause_is_named(health: Health, words: str) -> None:
    found = cause(health, LIMITS, NOW_MS)
    assert found.startswith(words) if words else not found


def test_every_cause_but_the_drawdown_can_be_turned_off() -> None:
    everything = seen(results=[refused()] * 9, held=[("BTCUSDT", 1)], portfolio=STALE, bursts=[NOW_MS] * 99)
    assert cause(everything, OFF, NOW_MS) == ""
    assert cause(everything, LIMITS, NOW_MS) != ""


@given(st.integers(0, 10**6))
def test_what_a_person_has_resumed_after_does_not_disarm_again(later_ms: int) -> None:
    since = NOW_MS + 1
    resumed = ACTIVE.model_copy(update={"since_ms": since})
    old = seen(state=resumed, results=[refused()] * 9, held=[("BTCUSDT", 5)], bursts=[NOW_MS] * 9)
    fresh = portfolio(ts_ms=since + later_ms)
    held_long = later_ms >= LIMITS.hold_ms
    assert bool(cause(Health(**{**_fields(old), "portfolio": fresh}), LIMITS, since + later_ms)) is held_long


def _fields(health: Health) -> dict[str, Any]:
    return {name: getattr(health, name) for name in health.__slots__}


async def write(redis: Redis, records: Mapping[str, Record]) -> None:
    for key, record in records.items():
        fields: dict[Any, Any] = record.to_fields()
        await redis.hset(key, mapping=fields)


async def watching(redis: Redis) -> tuple[Governor, Watch]:
    governor = await make_governor(redis)
    await governor.recover()
    log = structlog.get_logger()
    return governor, Watch(RedisWatch(redis, KEYS, log), governor, LIMITS, log)


async def test_a_drawdown_leads_to_reducing_with_an_event_and_stays(redis: Redis) -> None:
    governor, watch = await watching(redis)
    await write(redis, {KEYS.portfolio: portfolio(drawdown_pct=D("0.2"))})
    for _ in range(3):
        await watch.step()
    assert isinstance(governor.clock, ManualClock)
    await write(redis, {KEYS.portfolio: portfolio()})
    governor.clock.advance(600_000)
    await watch.step()
    assert await redis.hget(KEYS.governor_state, "trading_state") == "REDUCING"
    events: Any = await redis.xrange(KEYS.governor_events)
    kinds = [(event["kind"], event["trading_state"], event["by"]) for _, event in events]
    assert kinds == [("trading_state", "ACTIVE", "governor"), ("auto_disarm", "REDUCING", "governor")]


async def test_a_halt_that_came_first_is_not_softened(redis: Redis) -> None:
    governor, watch = await watching(redis)
    state, _ = await watch.state.account()
    assert state is not None
    await redis.hset(KEYS.governor_state, "trading_state", "HALTED")
    reducing = state.model_copy(update={"trading_state": TradingState.REDUCING})
    events: Any = await redis.xrange(KEYS.governor_events)
    assert not await watch.state.disarm(reducing, GovernorEvent.from_fields(events[0][1]))
    assert await redis.hget(KEYS.governor_state, "trading_state") == "HALTED"
    assert governor.book.notional == {}


async def test_a_person_who_halts_at_the_same_moment_wins(redis: Redis) -> None:
    _, watch = await watching(redis)
    state, drawn_down = (await watch.state.account())[0], portfolio(drawdown_pct=D("0.2"))
    await redis.hset(KEYS.governor_state, "trading_state", "HALTED")

    async def as_it_was() -> tuple[GovernorState | None, Portfolio | None]:
        return state, drawn_down

    watch.state.account = as_it_was  # type: ignore[method-assign]
    await watch.step()
    assert await redis.hget(KEYS.governor_state, "trading_state") == "HALTED"
    assert await redis.xlen(KEYS.governor_events) == 1


async def test_the_watch_sees_positions_bars_and_holds(redis: Redis) -> None:
    governor, watch = await watching(redis)
    held = Hold(
        reason="drift", exchange_position_amt=D(1), ledger_position_amt=D(0), since_ms=NOW_MS - 60_000, details=""
    )
    await write(
        redis,
        {
            KEYS.snapshot("ETHUSDT"): snapshot("-2", mark_price=D(3_000)),
            KEYS.hold("BTCUSDT"): held,
            KEYS.market_state("ETHUSDT"): market(price=D(3_000)),
        },
    )
    await redis.delete(KEYS.market_state("BTCUSDT"))
    assert isinstance(governor.clock, ManualClock)
    governor.clock.advance(60_000)
    await watch.step()
    assert governor.book.notional == {"ETHUSDT": D(-6_000)}
    assert list(governor.returns._closes) == ["ETHUSDT"]
    assert str(await redis.hget(KEYS.governor_state, "reason")).startswith("auto-disarm: the ledger of BTCUSDT")


async def test_a_new_symbol_is_found_in_time(redis: Redis) -> None:
    governor, watch = await watching(redis)
    await watch.step()
    await write(redis, {KEYS.snapshot("SOLUSDT"): snapshot("1", mark_price=D(10))})
    for _ in range(SYMBOLS_EVERY):
        await watch.step()
    assert governor.book.notional == {"SOLUSDT": D(10)}


async def test_results_and_a_broken_account_are_read_as_what_they_are(redis: Redis) -> None:
    _, watch = await watching(redis)
    for number in range(3):
        await deliver(redis, refused(NOW_MS + number))
    assert [one.ts_ms for one in await watch.state.results(2)] == [NOW_MS + 2, NOW_MS + 1]
    await redis.hset(KEYS.portfolio, "equity_usd", "plenty")
    assert await watch.state.account() == (None, None)
    await redis.delete(KEYS.portfolio, KEYS.governor_state)
    assert await watch.state.account() == (None, None)
