"""What the governor keeps in Redis: statistics that count once, reservations that are atomic, alarms that are said."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from quantum_common.messages import EvalType
from quantum_common.reasons import Gate
from services.governor.inputs import as_inputs, view_of
from services.governor.normalisation import UNSEEN, Moments, observed
from services.governor.ports import Issued
from services.governor.reservations import Reserved
from services.governor.store import ALL
from services.governor.view import Book
from tests.unit.governor.at_work import KEYS, deliver, make_governor, permits, reserved, statistics
from tests.unit.governor.builders import FLIPPED, NOW_MS, ledger, market, plan, portfolio, result, view
from tests.unit.governor.test_limits import reserved as reservation


def moments(fields: dict[str, str]) -> Moments:
    return Moments(float(fields["ewma_mean"]), float(fields["ewma_var"]), int(fields["n"]))


async def set_market(redis: Redis, symbol: str = "BTCUSDT", **changes: Any) -> None:
    fields: dict[Any, Any] = market(**changes).to_fields()
    await redis.hset(KEYS.market_state(symbol), mapping=fields)


async def test_each_score_teaches_symbol_and_portfolio_the_same_bits_as_python(redis: Redis) -> None:
    governor = await make_governor(redis, symbol_entries_per_5min_max=99)
    await governor.recover()
    expected, everything = {"BTCUSDT": UNSEEN, "ETHUSDT": UNSEEN}, UNSEEN
    for number in range(14):
        symbol = ("BTCUSDT", "ETHUSDT")[number % 2]
        await set_market(redis, symbol, sigma=Decimal(10 + 3 * number) / 1000, **(FLIPPED if number % 3 else {}))
        await governor.handle_plan(await deliver(redis, plan(plan_id=f"p{number}", symbol=symbol)))
        score = float((await governor.state.view(plan(symbol=symbol), NOW_MS)).market.sigma)  # type: ignore[union-attr]
        assert score > 0
        permit = (await permits(redis))[-1]
        exact = float(orjson.loads(permit.details)["score"])
        expected[symbol] = observed(expected[symbol], exact, 0.1)
        everything = observed(everything, exact, 0.1)
    for symbol, want in expected.items():
        assert moments(await statistics(redis, symbol)) == want
    assert moments(await statistics(redis, ALL)) == everything


async def test_a_score_is_held_against_what_was_before_it(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    first = (await permits(redis))[0]
    assert orjson.loads(first.details)["inputs"]["statistics"] == [[0.0, 0.0, 0], [0.0, 0.0, 0]]
    await governor.handle_plan(await deliver(redis, plan(plan_id="p2")))
    second = orjson.loads((await permits(redis))[1].details)["inputs"]["statistics"]
    assert [part[2] for part in second] == [1, 1]


async def test_a_torn_permit_teaches_once_and_is_decided_on_the_same_statistics_again(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan(plan_id="p0")))
    message = await deliver(redis, plan())
    await governor.handle_plan(message)
    taught = await statistics(redis)
    [before] = [orjson.loads(one.details)["inputs"] for one in await permits(redis) if one.plan_id == "plan-1"]
    await redis.xgroup_setid(KEYS.plans, "governor", "0")  # as if the acknowledgement alone had been torn off
    again: Any = await redis.xreadgroup("governor", "governor", {KEYS.plans: ">"}, count=9)
    assert len(again[0][1]) == 2
    await governor.handle_plan(message)
    assert await statistics(redis) == taught
    repeated = orjson.loads((await permits(redis))[-1].details)["inputs"]
    assert repeated["statistics"] == before["statistics"]
    assert repeated["reserved"] == before["reserved"]


async def test_entries_and_exits_learn_apart_and_a_restart_loses_nothing(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    await governor.handle_plan(await deliver(redis, plan("CLOSE_FULL", plan_id="p2")))
    assert (await statistics(redis))["plan_id"] == "plan-1"
    assert (await statistics(redis, eval_type=EvalType.EXIT))["plan_id"] == "p2"
    seen = await governor.state.view(plan(plan_id="p3"), NOW_MS)
    assert (seen.statistics.own.n, seen.statistics.portfolio.n) == (1, 1)


async def test_a_score_of_which_a_part_is_missing_teaches_nothing(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.recover()
    await redis.delete(KEYS.market_state("BTCUSDT"))
    await governor.handle_plan(await deliver(redis, plan()))
    assert await statistics(redis) == {}


async def test_a_reservation_stands_until_the_portfolio_shows_its_entry(redis: Redis) -> None:
    governor = await make_governor(redis, positions_max=1)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    assert set(await reserved(redis)) == {"seq", "plan-1"}
    await governor.handle_plan(await deliver(redis, plan(plan_id="p2", symbol="ETHUSDT")))
    await governor.handle_result(await deliver(redis, result(plan(), executed=True)))
    await governor.handle_plan(await deliver(redis, plan(plan_id="p3", symbol="ETHUSDT")))
    fields: dict[Any, Any] = portfolio(ts_ms=NOW_MS + 1_001).to_fields()
    await redis.hset(KEYS.portfolio, mapping=fields)
    await governor.handle_plan(await deliver(redis, plan(plan_id="p4", symbol="ETHUSDT")))
    assert [one.reason for one in await permits(redis)] == [None, Gate.POSITION_CAP, Gate.POSITION_CAP, None]
    assert set(await reserved(redis)) == {"seq", "p4"}


async def test_a_result_that_was_not_executed_frees_its_room_at_once(redis: Redis) -> None:
    governor = await make_governor(redis, positions_max=1)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    await governor.handle_result(await deliver(redis, result(plan(), executed=False, gate=Gate.PLAN_EXPIRED)))
    await governor.handle_plan(await deliver(redis, plan(plan_id="p2", symbol="ETHUSDT")))
    assert [one.reason for one in await permits(redis)] == [None, None]


async def test_a_result_of_a_plan_that_reserved_nothing_leaves_no_trace(redis: Redis) -> None:
    governor = await make_governor(redis)
    await governor.handle_result(await deliver(redis, result(plan(), executed=True)))
    assert await reserved(redis) == {}


async def test_two_governors_never_take_the_same_room(redis: Redis) -> None:
    one = await make_governor(redis, positions_max=1)
    await one.recover()
    messages = [
        await deliver(redis, plan(plan_id=f"p{n}", symbol=symbol)) for n, symbol in enumerate(("BTCUSDT", "ETHUSDT"))
    ]
    issue = one.state.issue
    answers: list[Issued | None] = []

    async def overtaken(*arguments: Any) -> Issued:
        if not answers:  # the other governor is faster, once
            answers.append(None)
            await one.handle_plan(messages[1])
        answer = await issue(*arguments)
        answers.append(answer)
        return answer

    one.state.issue = overtaken  # type: ignore[method-assign,assignment]
    await one.handle_plan(messages[0])
    assert answers == [None, Issued.WRITTEN, Issued.CHANGED, Issued.WRITTEN]
    assert {permit.plan_id: permit.reason for permit in await permits(redis)} == {"p1": None, "p0": Gate.POSITION_CAP}


async def test_an_undefined_cutoff_is_an_alarm_once_until_it_is_defined_again(redis: Redis) -> None:
    governor = await make_governor(redis, z_cutoff_entry="1 / portfolio_heat", z_cutoff_exit="1 / portfolio_heat")
    await governor.recover()
    for number in range(2):
        await governor.handle_plan(await deliver(redis, plan(plan_id=f"e{number}")))
    await governor.handle_plan(await deliver(redis, plan("CLOSE_50", plan_id="x0")))
    fields: dict[Any, Any] = portfolio(portfolio_heat=Decimal("0.01")).to_fields()
    await redis.hset(KEYS.portfolio, mapping=fields)
    await governor.handle_plan(await deliver(redis, plan(plan_id="e3")))
    reasons = [one.reason for one in await permits(redis)]
    assert reasons == [Gate.CUTOFF_UNDEFINED, Gate.CUTOFF_UNDEFINED, None, None]
    events: Any = await redis.xrange(KEYS.governor_events)
    said = [(event["kind"], event["reason"].split(":")[0]) for _, event in events]
    assert said[1:] == [("cutoff_undefined", "ENTRY cutoff"), ("cutoff_undefined", "EXIT cutoff")]
    assert governor.undefined == {EvalType.EXIT}


async def test_exits_keep_the_last_cutoff_that_could_be_read(redis: Redis) -> None:
    governor = await make_governor(redis, z_cutoff_exit="-9 / (1 - drawdown_pct)")
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan("CLOSE_50", plan_id="x0")))
    assert governor.exit_cutoff_kept == -9.0
    fields: dict[Any, Any] = portfolio(drawdown_pct=Decimal(1)).to_fields()
    await redis.hset(KEYS.portfolio, mapping=fields)
    await governor.handle_plan(await deliver(redis, plan("CLOSE_50", plan_id="x1")))
    await governor.handle_plan(await deliver(redis, plan("CLOSE_FULL", plan_id="x2")))
    reasons = [one.reason for one in await permits(redis)]
    assert reasons == [Gate.KILL_SCORE_EXIT_BLOCKED, Gate.KILL_SCORE_EXIT_BLOCKED, None]
    assert governor.exit_cutoff_kept == -9.0


async def test_a_permit_is_cut_to_the_finest_digit_that_was_seen(redis: Redis) -> None:
    governor = await make_governor(redis, correlated_exposure_usdt_max=3_000, symbol_exposure_usdt_max=10_000)
    await governor.recover()
    governor.book = Book({"ETHUSDT": Decimal(1_000)})
    await governor.handle_plan(await deliver(redis, plan(plan_id="p0", qty=Decimal("0.011"))))
    await governor.handle_plan(await deliver(redis, plan(plan_id="p1", qty=Decimal("0.1"))))
    assert [one.safe_qty for one in await permits(redis)] == [Decimal("0.011"), Decimal("0.029")]


async def test_a_burst_is_remembered_for_the_watch(redis: Redis) -> None:
    governor = await make_governor(redis, entries_per_5min_max=0)
    await governor.recover()
    await governor.handle_plan(await deliver(redis, plan()))
    assert list(governor.bursts) == [NOW_MS]


def test_what_a_decision_read_is_read_back_to_the_same() -> None:
    full = view(
        "0.02", ledger=ledger("0.02", opened_ms=NOW_MS - 5),
        reserved=(reservation(), Reserved(reservation().reservation, 7)),
        seq=3, exit_cutoff_kept=1.5, finest=Decimal("0.001"),
        book=Book({"ETHUSDT": Decimal("-12.5")}, {frozenset(("BTCUSDT", "ETHUSDT")): Decimal("0.3")}),
    )  # fmt: skip
    for seen in (full, replace(full, state=None, portfolio=None, market=None, ledger=None, snapshot=None, finest=None)):
        written = as_inputs(seen)
        assert as_inputs(view_of(orjson.loads(orjson.dumps(written)))) == written


@pytest.mark.parametrize("broken", [{}, {"trading_state": "ASLEEP"}, as_inputs(view()) | {"spent": [1]}])
def test_inputs_that_no_governor_wrote_are_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="are not what a governor writes"):
        view_of(broken)
