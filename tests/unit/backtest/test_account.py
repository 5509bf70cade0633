"""The account by the exchange's rows: sums, round trips and why each ended."""

from decimal import Decimal

from services.backtest.account import LIQUIDATED, OTHER, STOPPED, Account, RoundTrip
from services.backtest.books import differences
from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.enums import IncomeType, PositionSide, Side
from services.paper_exchange.engine.records import Income, Trade
from tests.unit.governor.builders import ledger

D = Decimal
NOW_MS = 1_750_000_000_000


def trade(number: int, side: Side, qty: str, price: str, pnl: str = "0", client: str = "qo-plan") -> Trade:
    return Trade(
        "AAAUSDT", number, number, client, side, PositionSide.BOTH, D(price), D(qty), D(price) * D(qty), D(pnl),
        D("0.1"), "USDT", maker=False, time_ms=NOW_MS + 60_000 * number,
    )  # fmt: skip


def funding(amount: str, number: int = 1) -> Income:
    return Income(number, IncomeType.FUNDING_FEE, D(amount), NOW_MS, "AAAUSDT")


def account() -> tuple[Account, list[RoundTrip], list[str]]:
    trips: list[RoundTrip] = []
    reasons: list[str] = []
    made = Account({"plan": "time_stop"}.get, lambda _, why: reasons.append(why), trips.append)  # type: ignore[arg-type]
    return made, trips, reasons


def test_a_position_from_flat_to_flat_is_one_round_trip_whatever_its_parts() -> None:
    made, trips, _ = account()
    made.take(Rows(trades=(trade(1, Side.BUY, "2", "100"), trade(2, Side.BUY, "2", "110"))))
    made.take(Rows(income=(funding("-0.5"),)))
    assert made.open_positions == 1
    made.take(Rows(trades=(trade(3, Side.SELL, "1", "120", "15"), trade(4, Side.SELL, "3", "90", "-45"))))
    [trip] = trips
    assert (trip.side, trip.qty, trip.entry_price, trip.exit_price) == ("LONG", D(4), D(105), D("97.5"))
    assert (trip.realized_pnl, trip.fees, trip.funding, trip.net) == (D(-30), D("0.4"), D("-0.5"), D("-30.9"))
    assert (trip.minutes, trip.reason) == (3.0, "time_stop")
    assert made.open_positions == 0
    assert made.total.net == made.symbols["AAAUSDT"].net == D("-30.9")
    assert made.total.notional == D(200 + 220 + 120 + 270)


def test_a_fill_that_crosses_zero_ends_one_trip_and_begins_the_next() -> None:
    made, trips, _ = account()
    made.take(Rows(trades=(trade(1, Side.SELL, "1", "100"), trade(2, Side.BUY, "3", "90", "10"))))
    made.take(Rows(trades=(trade(3, Side.SELL, "2", "95", "10"),)))
    assert [(trip.side, trip.qty, trip.entry_price, trip.exit_price) for trip in trips] == [
        ("SHORT", D(1), D(100), D(90)), ("LONG", D(2), D(90), D(95)),
    ]  # fmt: skip


def test_a_fill_s_reason_is_its_order_s() -> None:
    made, _, reasons = account()
    clients = ("qo-plan", "qs-plan", "qg-plan", "qr-AAAUSDT", "autoclose-5", "web_1", "qo-unknown")
    made.take(Rows(trades=tuple(trade(one, Side.BUY, "1", "100", client=name) for one, name in enumerate(clients))))
    assert reasons == ["time_stop", STOPPED, STOPPED, STOPPED, LIQUIDATED, OTHER, OTHER]


def test_what_differs_between_ledgers_and_trades_is_named() -> None:
    made, _, _ = account()
    made.take(Rows(trades=(trade(1, Side.BUY, "2", "100"),)))
    right = ledger("2", total_qty=D(2), fees=D("0.1"))
    assert differences(made.symbols, {"AAAUSDT": right, "BBBUSDT": ledger()}) == []
    wrong = right.model_copy(update={"fees": D("0.2")})
    assert differences(made.symbols, {"AAAUSDT": wrong}) == [
        "AAAUSDT: fees is 0.2 in the ledger and 0.1 on the exchange"
    ]
    assert differences(made.symbols, {}) == ["AAAUSDT: traded, and no ledger"]
    assert differences({}, {"AAAUSDT": right})[0].startswith("AAAUSDT: position_amt is 2 in the ledger and 0 on")
