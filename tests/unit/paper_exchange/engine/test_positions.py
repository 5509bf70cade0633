"""What fills do to positions, wallet and margins: one-way, hedge and isolated."""

from decimal import Decimal

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import IncomeType, MarginType, PositionSide
from services.paper_exchange.engine.folding import fold_fill
from services.paper_exchange.engine.records import Position
from services.paper_exchange.engine.requests import Window
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    NOW,
    SELL,
    d,
    exchange,
    flat_tick,
    held,
    limit,
    market,
    place,
    refusing,
)

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def fold(amount: str, entry: str, change: str, price: str) -> tuple[Decimal, Decimal, Decimal]:
    folded = fold_fill(Position(BTC, PositionSide.BOTH, d(amount), d(entry)), d(change), d(price), d(0), NOW)
    return folded.position.amount, folded.position.entry_price, folded.realized


@pytest.mark.parametrize(
    ("amount", "entry", "change", "price", "after", "new_entry", "realized"),
    [
        ("0", "0", "2", "100", "2", "100", "0"),
        ("2", "100", "2", "110", "4", "105", "0"),
        ("4", "105", "-1", "125", "3", "105", "20"),
        ("3", "105", "-3", "95", "0", "0", "-30"),
        ("1", "100", "-3", "120", "-2", "120", "20"),
        ("-2", "120", "-2", "100", "-4", "110", "0"),
        ("-4", "110", "1", "120", "-3", "110", "-10"),
        ("-3", "110", "5", "100", "2", "100", "30"),
    ],
)
def test_a_fill_averages_reduces_or_flips(
    amount: str, entry: str, change: str, price: str, after: str, new_entry: str, realized: str
) -> None:
    assert fold(amount, entry, change, price) == (d(after), d(new_entry), d(realized))


def test_a_round_trip_costs_two_fees_and_the_spread() -> None:
    engine = exchange(wallet="10000")
    place(engine, market(BUY, "0.1"))
    place(engine, market(SELL, "0.1"))
    fees = d("2.50000500") + d("2.49999500")
    assert engine.account().wallet_balance == 10_000 - d("0.02") - fees
    assert held(engine).amount == 0
    assert held(engine).realized_total == d("-0.02")
    rows = engine.income(NOW, Window())
    assert [row.type for row in rows] == [
        IncomeType.TRANSFER,
        IncomeType.COMMISSION,
        IncomeType.REALIZED_PNL,
        IncomeType.COMMISSION,
    ]


def test_the_break_even_price_earns_back_fees_and_takes_profit_into_account() -> None:
    engine = exchange()
    place(engine, market(BUY, "0.2"))
    (view,) = engine.positions(BTC)
    assert view.break_even_price == d("50000.1") * d("1.0005")
    engine.on_tick(BTC, flat_tick("51000"), NOW)
    place(engine, market(SELL, "0.1"))
    (view,) = engine.positions(BTC)
    fees, profit = d("5.00001") + d("2.549995"), d("99.98")
    assert view.break_even_price == d("50000.1") + (fees - profit) / d("0.1")


def test_a_flip_starts_the_break_even_price_anew() -> None:
    engine = exchange()
    place(engine, market(BUY, "0.1"))
    place(engine, market(SELL, "0.3"))
    row = held(engine)
    assert (row.amount, row.entry_price) == (d("-0.2"), d("49999.9"))
    assert row.carry == d("4.99999")


def test_an_order_answers_for_the_margins_of_the_account_at_the_mark_price() -> None:
    engine = exchange(wallet="10000")
    place(engine, market(BUY, "0.1"))
    engine.on_tick(BTC, flat_tick("50100"), NOW)
    account, (view,) = engine.account(), engine.positions()
    assert (view.notional, view.unrealized_pnl) == (d(5010), d("9.99"))
    assert (view.position_initial_margin, view.maint_margin) == (d("250.5"), d("20.04"))
    assert account.margin_balance == account.wallet_balance + d("9.99")
    assert account.available_balance == account.cross_wallet + d("9.99") - d("250.5")
    assert account.max_withdraw == account.cross_wallet - d("250.5")
    assert (view.leverage, view.max_notional, view.margin_type) == (20, d(5_000_000), MarginType.CROSSED)
    assert [row.symbol for row in engine.positions(all_symbols=True)] == ["BTCUSDT", "ETHUSDT"]


def test_open_orders_alone_show_a_position_row() -> None:
    engine = exchange()
    place(engine, limit(BUY, "1", "49000"))
    (view,) = engine.positions()
    assert (view.amount, view.bid_notional, view.open_order_initial_margin) == (d(0), d(49_000), d(2450))
    place(engine, limit(SELL, "1", "52000"))
    assert engine.positions()[0].open_order_initial_margin == 2600


@pytest.mark.parametrize(("move", "quantile"), [("49000", 0), ("50100", 0), ("50700", 1), ("54000", 4)])
def test_the_adl_rank_grows_with_profit_over_margin(move: str, quantile: int) -> None:
    engine = exchange()
    place(engine, market(BUY, "0.1"))
    engine.on_tick(BTC, flat_tick(move), NOW)
    assert engine.positions()[0].adl == quantile


def hedged(wallet: str = "100000") -> Engine:
    engine = exchange(wallet=wallet)
    engine.set_position_mode(NOW, dual_side=True)
    return engine


def test_hedge_mode_keeps_a_long_and_a_short() -> None:
    engine = hedged()
    place(engine, market(BUY, "0.2", position_side=LONG))
    place(engine, market(SELL, "0.1", position_side=SHORT))
    assert (held(engine, side=LONG).amount, held(engine, side=SHORT).amount) == (d("0.2"), d("-0.1"))
    place(engine, market(SELL, "0.2", position_side=LONG))
    place(engine, market(BUY, "0.1", position_side=SHORT))
    assert all(view.amount == 0 for view in engine.positions())


def test_hedge_mode_refuses_what_it_does_not_know() -> None:
    engine = hedged()
    with refusing(errors.BAD_POSITION_SIDE):
        place(engine, market(BUY, "0.1"))
    with refusing(errors.NOT_REQUIRED):
        place(engine, market(BUY, "0.1", position_side=LONG, reduce_only=False))
    with refusing(errors.REDUCE_ONLY_REJECTED):
        place(engine, market(SELL, "0.1", position_side=LONG))
    place(engine, market(BUY, "0.1", position_side=LONG))
    with refusing(errors.REDUCE_ONLY_REJECTED):
        place(engine, market(SELL, "0.2", position_side=LONG))
    with refusing(errors.REDUCE_ONLY_REJECTED):
        place(engine, market(BUY, "0.1", position_side=SHORT))


def test_a_hedged_reducing_order_needs_no_margin_and_goes_with_its_position() -> None:
    engine = hedged()
    place(engine, market(BUY, "0.1", position_side=LONG))
    before = engine.account().available_balance
    order = place(engine, limit(SELL, "0.1", "51000", position_side=LONG))
    assert engine.account().available_balance == before
    place(engine, market(SELL, "0.1", position_side=LONG))
    assert not engine.order(BTC, order_id=order.order_id).is_open


def test_a_hedged_pair_is_liquidated_by_the_larger_leg() -> None:
    engine = hedged("1000")
    place(engine, market(BUY, "0.2", position_side=LONG))
    place(engine, market(SELL, "0.1", position_side=SHORT))
    long, short = engine.positions()
    assert long.liquidation_price == short.liquidation_price
    assert 40_000 < long.liquidation_price < 41_000


def isolated(wallet: str = "10000") -> Engine:
    engine = exchange(wallet=wallet)
    engine.set_margin_type(BTC, MarginType.ISOLATED, NOW)
    return engine


def test_an_isolated_position_takes_its_margin_out_of_the_cross_wallet() -> None:
    engine = isolated()
    place(engine, market(BUY, "0.1"))
    account, row = engine.account(), held(engine)
    assert row.isolated_wallet == d("250.00050000")
    assert account.cross_wallet == account.wallet_balance - row.isolated_wallet
    assert account.available_balance == account.cross_wallet
    (view,) = engine.positions()
    assert view.isolated_margin == row.isolated_wallet + view.unrealized_pnl
    assert account.initial_margin == view.position_initial_margin == 250


def test_reducing_an_isolated_position_returns_its_share_and_closing_all_of_it() -> None:
    engine = isolated()
    place(engine, market(BUY, "0.2"))
    place(engine, market(SELL, "0.05"))
    assert held(engine).isolated_wallet == d("500.001") * d("0.75")
    place(engine, market(SELL, "0.15"))
    assert held(engine).isolated_wallet == 0
    assert engine.account().cross_wallet == engine.account().wallet_balance


def test_flipping_an_isolated_position_funds_the_new_side_only() -> None:
    engine = isolated()
    place(engine, market(BUY, "0.1"))
    place(engine, market(SELL, "0.3"))
    assert held(engine).isolated_wallet == d("0.2") * d("49999.9") / 20


def test_an_isolated_liquidation_price_counts_its_own_wallet_only() -> None:
    engine = isolated()
    place(engine, market(BUY, "0.1"))
    (view,) = engine.positions()
    row = held(engine)
    expected = (row.isolated_wallet - d("0.1") * row.entry_price) / (d("0.1") * d("0.004") - d("0.1"))
    assert view.liquidation_price == expected


def test_isolated_margin_can_be_added_and_taken_back_down_to_the_initial_margin() -> None:
    engine = isolated()
    place(engine, market(BUY, "0.1"))
    engine.modify_isolated_margin(BTC, PositionSide.BOTH, d(100), NOW)
    assert held(engine).isolated_wallet == d("350.0005")
    engine.modify_isolated_margin(BTC, PositionSide.BOTH, d(-90), NOW)
    assert held(engine).isolated_wallet == d("260.0005")
    with refusing(errors.ISOLATED_BALANCE_INSUFFICIENT):
        engine.modify_isolated_margin(BTC, PositionSide.BOTH, d(-50), NOW)
    with refusing(errors.CROSS_BALANCE_INSUFFICIENT):
        engine.modify_isolated_margin(BTC, PositionSide.BOTH, d(20_000), NOW)
    with refusing(errors.AMOUNT_NOT_POSITIVE):
        engine.modify_isolated_margin(BTC, PositionSide.BOTH, d(0), NOW)


def test_margin_cannot_be_added_to_what_is_not_isolated_or_not_there() -> None:
    engine = exchange()
    with refusing(errors.MARGIN_NOT_ISOLATED):
        engine.modify_isolated_margin(BTC, PositionSide.BOTH, d(1), NOW)
    with refusing(errors.MARGIN_WITHOUT_POSITION):
        isolated().modify_isolated_margin(BTC, PositionSide.BOTH, d(1), NOW)
