"""The portfolio's limits: what is reserved, what fits, and that nothing ever goes beyond one."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.messages import Plan, Side
from quantum_common.reasons import Gate
from services.governor.checks import worded
from services.governor.correlation import Exposure, correlated, room_beside
from services.governor.decide import decide, decided
from services.governor.reservations import Reservation, Reserved, Taken, over, taken
from services.governor.returns import Returns
from services.governor.rooms import fitted, last_digit, risk_share
from services.governor.view import Book, View
from tests.unit.governor.builders import NOW_MS, limits, market, plan, portfolio, snapshot, spent, view

D = Decimal
WIDE: dict[str, Any] = {
    "symbol_exposure_usdt_max": 10**9, "gross_exposure_usdt_max": 10**9, "correlated_exposure_usdt_max": 10**9,
    "heat_max": 1, "daily_notional_usdt_max": 10**9,
}  # fmt: skip


def reserved(symbol: str = "ETHUSDT", done_ms: int = 0, **changes: Any) -> Reserved:
    values: dict[str, Any] = {
        "plan_id": f"plan-{symbol}", "symbol": symbol, "side": Side.BUY, "notional_usd": D(1000), "risk_usd": D(20),
        "opens": True, "until_ms": NOW_MS + 10_000,
    }  # fmt: skip
    return Reserved(Reservation.model_validate(values | changes), done_ms)


def together(**pairs: str) -> dict[frozenset[str], Decimal]:
    return {frozenset(name.split("_")): D(value) for name, value in pairs.items()}


ROOM = [
    ("all of it", plan(), view(), {}, "0.01"),
    ("what the symbol's cap leaves", plan(qty=D("0.11")), view(), {}, "0.05"),
    ("what the symbol's cap leaves beside a position", plan(qty=D("0.1")), view("0.02", ledger=None), {}, "0.03"),
    ("what gross exposure leaves", plan(qty=D("0.011")), view(portfolio=portfolio(gross_exposure_usd=D(9_600))), {},
     "0.008"),
    ("what the day leaves", plan(qty=D("0.013")), view(spent=spent(day_usdt=D(99_400))), {}, "0.012"),
    ("what heat leaves at a stop", plan(qty=D("0.123"), stop_loss=D(45_000)),
     view(portfolio=portfolio(portfolio_heat=D("0.05"))), {**WIDE, "heat_max": "0.06"}, "0.02"),
    ("what heat leaves without a stop", plan(qty=D("0.123")), view(portfolio=portfolio(portfolio_heat=D("0.05"))),
     {**WIDE, "heat_max": "0.06", "unstopped_risk_pct": 20}, "0.01"),
    ("all, where the stop costs nothing", plan(qty=D("0.1"), stop_loss=D(50_000)),
     view(portfolio=portfolio(portfolio_heat=D("0.05"))), {**WIDE, "heat_max": "0.06"}, "0.1"),
    ("what is not reserved", plan(qty=D("0.1")), view(reserved=(reserved("BTCUSDT"),), finest=D("0.01")), {}, "0.03"),
    ("what unknown correlation leaves", plan(qty=D("0.11")), view(book=Book({"ETHUSDT": D(3_000)})),
     {**WIDE, "correlated_exposure_usdt_max": 6_000}, "0.06"),
    ("more, where it is known to be none", plan(qty=D("0.123")),
     view(book=Book({"ETHUSDT": D(3_000)}, together(BTCUSDT_ETHUSDT="0"))),
     {**WIDE, "correlated_exposure_usdt_max": 6_000}, "0.103"),
    ("all, where it hedges", plan(qty=D("0.123")),
     view(book=Book({"ETHUSDT": D(-3_000)}, together(BTCUSDT_ETHUSDT="1"))),
     {**WIDE, "correlated_exposure_usdt_max": 6_000}, "0.123"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "seen", "allowed", "qty"), [case[1:] for case in ROOM], ids=[case[0] for case in ROOM])
def test_a_permit_is_as_large_as_fits(one: Plan, seen: View, allowed: dict[str, Any], qty: str) -> None:
    bounds = limits(z_cutoff_entry="open", require_kill_inputs=False, **allowed)
    permit = decide(one, seen, bounds, NOW_MS)
    assert (permit.reason, permit.safe_qty) == (None, D(qty))


REFUSED = [
    ("the eleventh position", view(portfolio=portfolio(open_positions=10)), Gate.POSITION_CAP),
    ("the tenth, where one is under way", view(portfolio=portfolio(open_positions=9), reserved=(reserved(),)),
     Gate.POSITION_CAP),
    ("gross exposure without room", view(portfolio=portfolio(gross_exposure_usd=D(9_990))), Gate.EXPOSURE_CAP),
    ("a symbol without room", view("0.05", ledger=None), Gate.SYMBOL_EXPOSURE_CAP),
    ("heat without room", view(portfolio=portfolio(portfolio_heat=D("0.0599"))), Gate.HEAT_LIMIT),
    ("heat of an account without equity", view(portfolio=portfolio(equity_usd=D(0))), Gate.HEAT_LIMIT),
    ("exposure that goes together", view(book=Book({"ETHUSDT": D(5_990)})), Gate.CORRELATED_EXPOSURE_CAP),
    ("room below the quantity's last digit", view(portfolio=portfolio(gross_exposure_usd=D(9_600))),
     Gate.EXPOSURE_CAP),
    ("exposure beyond its cap", view(book=Book({"ETHUSDT": D(7_000)})), Gate.CORRELATED_EXPOSURE_CAP),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "gate"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_leaves_less_than_a_tradable_size_refuses(seen: View, gate: Gate) -> None:
    permit = decide(plan(), seen, limits(z_cutoff_entry="open", require_kill_inputs=False), NOW_MS)
    assert (permit.reason, permit.safe_qty) == (gate, D(0))


def test_an_add_makes_no_new_position() -> None:
    full = portfolio(open_positions=10)
    for seen in (view("0.01", portfolio=full, ledger=None), view(portfolio=full, reserved=(reserved("BTCUSDT"),))):
        made = decided(plan(), seen, limits(require_kill_inputs=False, z_cutoff_entry="open"), NOW_MS)
        assert made.reservation is not None
        assert not made.reservation.opens


def test_an_entry_smaller_than_the_smallest_part_is_not_refused_for_that() -> None:
    assert decide(plan(qty=D("0.0002")), view(), limits(), NOW_MS).allow


def test_a_permitted_entry_reserves_what_it_was_permitted() -> None:
    made = decided(plan(qty=D("0.11"), stop_loss=D(49_000)), view(reserved=(reserved(until_ms=1),)), limits(), NOW_MS)
    assert made.reservation == Reservation(
        plan_id="plan-1", symbol="BTCUSDT", side=Side.BUY, notional_usd=D(2_500), risk_usd=D(50), opens=True,
        until_ms=NOW_MS + 5_000 + 11_000,
    )  # fmt: skip
    assert made.released == ("plan-ETHUSDT",)


def test_refusals_and_exits_reserve_nothing() -> None:
    assert decided(plan("CLOSE_FULL"), view("0.01"), limits(), NOW_MS).reservation is None
    assert decided(plan(), view(state=None), limits(), NOW_MS).reservation is None
    assert decided(plan(), view(portfolio=None), limits(), NOW_MS).released == ()


@pytest.mark.parametrize(
    ("one", "portfolio_ms", "stands"),
    [
        (reserved(), NOW_MS + 10_000, True), (reserved(), NOW_MS + 10_001, False),
        (reserved(done_ms=NOW_MS), NOW_MS + 1_000, True), (reserved(done_ms=NOW_MS), NOW_MS + 1_001, False),
    ],
)  # fmt: skip
def test_a_reservation_stands_until_the_portfolio_must_show_it(one: Reserved, portfolio_ms: int, stands: bool) -> None:
    assert one.standing(portfolio_ms, 1_000) is stands
    assert over([one], portfolio_ms, 1_000) == (() if stands else ("plan-ETHUSDT",))


def test_an_executed_entry_whose_position_is_seen_is_counted_there() -> None:
    done = reserved(done_ms=NOW_MS)
    assert taken([done], "BTCUSDT", {"ETHUSDT"}, NOW_MS, 1_000) == Taken()
    assert taken([done], "BTCUSDT", {}, NOW_MS, 1_000).positions == 1
    assert taken([reserved()], "BTCUSDT", {"ETHUSDT"}, NOW_MS, 1_000).positions == 1


def test_a_short_loses_above_its_price_and_a_stop_on_the_wrong_side_loses_nothing() -> None:
    assert risk_share(plan(side=Side.SELL, stop_loss=D(51_000)), D(50_000), D(1)) == D("0.02")
    assert risk_share(plan(stop_loss=D(51_000)), D(50_000), D(1)) == 0


@pytest.mark.parametrize(("qty", "digit"), [("0.010", "0.01"), ("12", "1"), ("1200", "100"), ("1.205", "0.001")])
def test_the_last_digit_is_a_multiple_of_the_step(qty: str, digit: str) -> None:
    assert last_digit(D(qty)) == D(digit)


USD = st.integers(-5_000, 5_000).map(D)
BOOKS = st.dictionaries(st.sampled_from(["AAUSDT", "BBUSDT", "CCUSDT"]), USD)
RHO = st.sampled_from([D(-1), D("-0.4"), D(0), D("0.6"), D(1)])


@given(BOOKS, st.lists(RHO, min_size=6, max_size=6), st.sampled_from([1, -1]), st.integers(100, 20_000))
def test_no_room_brings_what_goes_together_beyond_the_cap(
    book: dict[str, Decimal], rho: list[Decimal], sign: int, cap: int
) -> None:
    names = ["AAUSDT", "BBUSDT", "CCUSDT", "DDUSDT"]
    pairs = [frozenset((one, two)) for n, one in enumerate(names) for two in names[n + 1 :]]
    known = dict(zip(pairs, rho, strict=True))
    standing = [Exposure(symbol, usd) for symbol, usd in book.items()]
    room = room_beside(standing, "DDUSDT", sign, known, D(cap))
    assert room >= 0
    before = correlated(standing, known)
    if before <= cap:
        then = correlated([*standing, Exposure("DDUSDT", sign * room)], known)
        assert then <= D(cap) * D("1.0001") + before * 0 + 1
    assert before <= sum(abs(one.usd) for one in standing) + D("0.01")


@given(
    qty=st.integers(1, 10**6), heat=st.integers(0, 70), gross=st.integers(0, 12_000), taken_usd=st.integers(0, 3_000)
)
def test_no_permit_ever_goes_beyond_a_limit(qty: int, heat: int, gross: int, taken_usd: int) -> None:
    bounds = limits(z_cutoff_entry="open")
    seen = view(
        portfolio=portfolio(portfolio_heat=D(heat) / 1000, gross_exposure_usd=D(gross)),
        reserved=(reserved("BTCUSDT", notional_usd=D(taken_usd), risk_usd=D(taken_usd) / 50),),
    )
    one = plan(qty=D(qty) / 1000, stop_loss=D(49_000))
    fit = fitted(one, seen, bounds)
    assert fit.qty <= one.qty
    if decide(one, seen, bounds, NOW_MS).allow:
        assert fit.worth > 0
        assert gross + taken_usd + fit.worth <= bounds.gross_exposure_usdt_max
        assert taken_usd + fit.worth <= bounds.symbol_exposure_usdt_max
        assert D(heat) * 10 + D(taken_usd) / 50 + fit.risk <= bounds.heat_max * 10_000 + D("0.01")


def test_every_check_can_be_worded() -> None:
    rows = worded(fitted(plan(qty=D("0.1")), view(book=Book({"ETHUSDT": D(5_000)})), limits()).checks)
    assert [(row.gate, row.value, row.limit) for row in rows][-2:] == [
        ("heat_limit", "0 of the equity", "0.06"),
        ("correlated_exposure_cap", "5000 USDT taken", "6000 USDT"),
    ]


def closes(returns: Returns, symbol: str, prices: list[float], first: int = 1) -> None:
    for number, price in enumerate(prices, first):
        returns.take(symbol, number * 60_000, D(str(price)))


def test_returns_that_go_together_are_one_and_against_each_other_minus_one() -> None:
    returns = Returns()
    up = [100.0 + (n * 7) % 5 for n in range(60)]
    closes(returns, "AAUSDT", up)
    closes(returns, "BBUSDT", [2 * price for price in up])
    closes(returns, "CCUSDT", [10_000 / price for price in up])
    closes(returns, "FLAT", [5.0] * 60)
    closes(returns, "NEW", [5.0, 6.0])
    found = returns.correlations(["AAUSDT", "BBUSDT", "CCUSDT", "FLAT", "NEW", "UNSEEN"])
    assert found == together(AAUSDT_BBUSDT="1", AAUSDT_CCUSDT="-1", BBUSDT_CCUSDT="-1")
    assert returns.correlations(["AAUSDT", "BBUSDT"]) == together(AAUSDT_BBUSDT="1")


def test_a_bar_counts_once_and_an_old_one_not_at_all() -> None:
    returns = Returns()
    closes(returns, "AAUSDT", [1.0, 2.0])
    for at_ms, price in ((120_000, D(9)), (60_000, D(9)), (180_000, D(0))):
        returns.take("AAUSDT", at_ms, price)
    assert list(returns._closes["AAUSDT"])[-1][0] == 120_000


def test_a_mark_stands_in_for_a_plan_without_price() -> None:
    assert fitted(plan(price=None), view(snapshot=snapshot(mark_price=D(40_000))), limits()).worth == 400
    assert fitted(plan(price=None), view(snapshot=None, market=market()), limits()).qty == 0
