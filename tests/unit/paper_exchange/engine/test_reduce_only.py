"""Orders that may only reduce, self-trade prevention, and amendments."""

import pytest

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.enums import (
    ExecType,
    ExpireReason,
    OrderStatus,
    PriceMatch,
    ReduceOnlyExcess,
    SelfTrade,
    Side,
    SymbolStatus,
    TimeInForce,
)
from services.paper_exchange.engine.errors import Refusal
from services.paper_exchange.engine.events import OrderUpdate
from services.paper_exchange.engine.requests import AmendRequest
from tests.unit.paper_exchange.engine.scene import (
    BTC,
    BUY,
    NOW,
    RULES,
    SELL,
    d,
    exchange,
    flat_tick,
    held,
    limit,
    market,
    moving_tick,
    place,
    refusing,
)

STRICT = EngineConfig(reduce_only_excess=ReduceOnlyExcess.REJECT)


def long(quantity: str = "0.5", config: EngineConfig | None = None) -> Engine:
    engine = exchange(config=config)
    place(engine, market(BUY, quantity))
    engine.drain_events()
    return engine


def test_a_reduce_only_order_never_turns_the_position() -> None:
    engine = long()
    order = place(engine, market(SELL, "2", reduce_only=True))
    assert (order.status, order.executed_qty, order.orig_qty) == (OrderStatus.EXPIRED, d("0.5"), d(2))
    assert order.expire_reason is ExpireReason.REDUCE_ONLY
    assert held(engine).amount == 0


def test_a_reduce_only_order_is_exempt_from_the_smallest_notional() -> None:
    engine = exchange(price="40000")
    place(engine, market(BUY, "0.002"))
    assert place(engine, market(SELL, "0.001", reduce_only=True)).status is OrderStatus.FILLED


def test_the_strict_exchange_refuses_a_reduce_only_quantity_above_the_position() -> None:
    engine = long(config=STRICT)
    with refusing(errors.REDUCE_ONLY_REJECTED):
        place(engine, market(SELL, "0.6", reduce_only=True))
    assert place(engine, market(SELL, "0.5", reduce_only=True)).status is OrderStatus.FILLED


def test_reduce_only_on_the_position_s_own_side_is_refused() -> None:
    with refusing(errors.REDUCE_ONLY_REJECTED):
        place(long(), market(BUY, "0.1", reduce_only=True))


def test_open_reduce_only_orders_with_better_prices_count_first() -> None:
    engine = long()
    place(engine, limit(SELL, "0.3", "50500", reduce_only=True))
    second = place(engine, limit(SELL, "0.3", "50600", reduce_only=True))
    with refusing(errors.REDUCE_ONLY_REJECTED):
        place(engine, limit(SELL, "0.1", "50700", reduce_only=True))
    better = place(engine, limit(SELL, "0.5", "50400", reduce_only=True))
    assert engine.order(BTC, order_id=second.order_id).expire_reason is ExpireReason.REDUCE_ONLY
    assert engine.open_orders() == [better]


def test_reducing_orders_need_no_margin_and_end_with_their_position() -> None:
    engine = long()
    free = engine.account().available_balance
    order = place(engine, limit(SELL, "0.5", "51000", reduce_only=True))
    assert engine.account().available_balance == free
    place(engine, market(SELL, "0.5"))
    ended = engine.order(BTC, order_id=order.order_id)
    assert (ended.status, ended.expire_reason) == (OrderStatus.EXPIRED, ExpireReason.REDUCE_ONLY)


def test_two_reducing_orders_passed_in_one_tick_share_the_position() -> None:
    engine = long()
    place(engine, limit(SELL, "0.4", "50500", reduce_only=True))
    late = place(engine, limit(SELL, "0.4", "50600", reduce_only=True))
    engine.on_tick(BTC, moving_tick("50650", "50000", "50700"), NOW + 1)
    ended = engine.order(BTC, order_id=late.order_id)
    assert (ended.executed_qty, ended.status) == (d("0.1"), OrderStatus.EXPIRED)
    assert held(engine).amount == 0


def test_a_reducing_order_meets_an_empty_position_and_expires() -> None:
    engine = long()
    place(engine, limit(SELL, "0.5", "50500"))
    late = place(engine, limit(SELL, "0.5", "50600", reduce_only=True))
    engine.on_tick(BTC, moving_tick("50650", "50000", "50700"), NOW + 1)
    ended = engine.order(BTC, order_id=late.order_id)
    assert (ended.executed_qty, ended.expire_reason) == (d(0), ExpireReason.REDUCE_ONLY)


def test_closing_a_position_with_a_plain_order_needs_no_margin() -> None:
    engine = exchange(wallet="1300")
    place(engine, market(BUY, "0.5"))
    assert engine.account().available_balance < 50
    assert place(engine, limit(SELL, "0.5", "50500")).status is OrderStatus.NEW
    with refusing(errors.INSUFFICIENT_MARGIN):
        place(engine, limit(SELL, "0.6", "50600"))


@pytest.mark.parametrize(
    ("mode", "taker_status", "maker_status"),
    [
        (SelfTrade.EXPIRE_TAKER, OrderStatus.EXPIRED_IN_MATCH, OrderStatus.NEW),
        (SelfTrade.EXPIRE_MAKER, OrderStatus.FILLED, OrderStatus.EXPIRED_IN_MATCH),
        (SelfTrade.EXPIRE_BOTH, OrderStatus.EXPIRED_IN_MATCH, OrderStatus.EXPIRED_IN_MATCH),
    ],
)
def test_an_order_never_trades_with_an_own_one(
    mode: SelfTrade, taker_status: OrderStatus, maker_status: OrderStatus
) -> None:
    engine = exchange()
    maker = place(engine, limit(BUY, "0.1", "50000"))
    taker = place(engine, limit(SELL, "0.1", "49999.9", stp_mode=mode))
    assert taker.status is taker_status
    assert engine.order(BTC, order_id=maker.order_id).status is maker_status
    reasons = {taker.expire_reason, engine.order(BTC, order_id=maker.order_id).expire_reason}
    assert reasons <= {ExpireReason.NONE, ExpireReason.SELF_TRADE}


def test_an_ioc_order_stopped_by_an_own_one_says_both() -> None:
    engine = exchange()
    place(engine, limit(SELL, "0.1", "50000.0"))
    taker = place(engine, limit(BUY, "0.1", "50000.1", stp_mode=SelfTrade.EXPIRE_TAKER, time_in_force=TimeInForce.IOC))
    assert taker.expire_reason is ExpireReason.IOC_SELF_TRADE


def test_the_book_s_better_price_trades_before_an_own_order_is_met() -> None:
    engine = exchange()
    own = place(engine, limit(SELL, "0.1", "50000.1", time_in_force=TimeInForce.GTC))
    assert own.status is OrderStatus.NEW
    assert place(engine, market(BUY, "0.1")).status is OrderStatus.FILLED
    assert engine.open_orders() == [own]


def test_own_orders_beyond_the_market_are_met_last() -> None:
    engine = exchange()
    own = place(engine, limit(SELL, "0.1", "50100"))
    engine.on_tick(BTC, flat_tick("50000", size="0.1"), NOW)
    order = place(engine, limit(BUY, "0.2", "50200"))
    assert order.executed_qty == d("0.1")
    assert not engine.order(BTC, order_id=own.order_id).is_open


def amended(side: Side, quantity: str, price: str | None, **more: object) -> AmendRequest:
    return AmendRequest(BTC, side, d(quantity), None if price is None else d(price), **more)  # type: ignore[arg-type]


def test_an_amendment_changes_price_and_quantity_and_loses_the_queue() -> None:
    engine = exchange()
    first, second = place(engine, limit(BUY, "0.1", "49000")), place(engine, limit(BUY, "0.1", "49000"))
    engine.drain_events()
    changed = engine.amend_order(amended(BUY, "0.2", "49000", order_id=first.order_id, modify_id=7), NOW + 1)
    assert (changed.order_id, changed.orig_qty, changed.update_ms) == (first.order_id, d("0.2"), NOW + 1)
    (event,) = engine.drain_events()
    assert isinstance(event, OrderUpdate)
    assert (event.exec_type, event.modify_id) == (ExecType.AMENDMENT, 7)
    engine.on_tick(BTC, moving_tick("48990", "48990", "50000"), NOW + 2)
    assert [trade.order_id for trade in engine.snapshot().trades] == [second.order_id, first.order_id]


def test_an_amendment_that_crosses_trades_at_once() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000"))
    assert engine.amend_order(amended(BUY, "0.1", "50001", order_id=order.order_id), NOW).status is OrderStatus.FILLED
    assert engine.positions()[0].bid_notional == 0


def test_an_amendment_below_what_has_traded_cancels() -> None:
    engine = exchange()
    engine.on_tick(BTC, flat_tick("50000", size="0.05"), NOW)
    order = place(engine, limit(BUY, "0.1", "50000.1", client_order_id="part"))
    assert order.executed_qty == d("0.05")
    ended = engine.amend_order(amended(BUY, "0.05", "50000.1", client_order_id="part"), NOW)
    assert ended.status is OrderStatus.CANCELED


def test_a_post_only_order_amended_across_the_market_is_cancelled() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000", time_in_force=TimeInForce.GTX))
    assert engine.amend_order(amended(BUY, "0.1", "50001", order_id=order.order_id), NOW).status is OrderStatus.CANCELED


def test_an_amendment_may_match_the_book_s_price() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000"))
    request = amended(BUY, "0.1", None, order_id=order.order_id, price_match=PriceMatch.QUEUE)
    assert engine.amend_order(request, NOW).price == d("49999.9")


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (amended(BUY, "0.1", "49000"), errors.EITHER_MISSING),
        (amended(BUY, "0.1", "49000", client_order_id="no"), errors.NO_SUCH_ORDER),
        (amended(SELL, "0.1", "49000", client_order_id="it"), errors.BAD_PARAMETER),
        (amended(BUY, "0.1", "49000", client_order_id="it", reduce_only=True), errors.NOT_REDUCE_ONLY),
        (amended(BUY, "0.1", "49000", client_order_id="it"), errors.SAME_ORDER),
        (amended(BUY, "0.1", "49000.05", client_order_id="it"), errors.PRICE_OFF_TICK),
        (amended(BUY, "0", "49000", client_order_id="it"), errors.QUANTITY_BELOW_ZERO),
        (amended(BUY, "0.1", "52501", client_order_id="it"), errors.PRICE_ABOVE_MULTIPLIER),
        (amended(BUY, "0.001", "49000", client_order_id="it"), errors.AMEND_NOTIONAL_TOO_SMALL),
        (amended(BUY, "50", "49000", client_order_id="it"), errors.INSUFFICIENT_MARGIN),
    ],
)
def test_a_bad_amendment_is_refused_and_changes_nothing(request_: AmendRequest, refusal: Refusal) -> None:
    engine = exchange()
    place(engine, limit(BUY, "0.1", "49000", client_order_id="it"))
    before = engine.snapshot()
    with refusing(refusal):
        engine.amend_order(request_, NOW)
    assert engine.snapshot() == before


def test_an_amended_reducing_order_still_only_reduces() -> None:
    engine = long()
    place(engine, limit(SELL, "0.5", "50500", reduce_only=True, client_order_id="it"))
    assert engine.amend_order(amended(SELL, "0.4", "50600", client_order_id="it"), NOW).orig_qty == d("0.4")
    place(engine, limit(SELL, "0.5", "50500", reduce_only=True))
    with refusing(errors.NO_SUCH_ORDER):
        engine.amend_order(amended(SELL, "0.3", "50600", client_order_id="it"), NOW)


def test_an_order_is_amended_without_a_market_by_its_own_price() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000"))
    fresh = Engine.restore(RULES, engine.snapshot())
    assert fresh.amend_order(amended(BUY, "0.1", "60000", order_id=order.order_id), NOW).price == 60_000


def test_a_halted_contract_s_orders_cannot_be_amended() -> None:
    engine = exchange()
    order = place(engine, limit(BUY, "0.1", "49000"))
    engine.set_status(BTC, SymbolStatus.TRADING_HALT, NOW)
    with refusing(errors.AMEND_SYMBOL_STATUS):
        engine.amend_order(amended(BUY, "0.2", "49000", order_id=order.order_id), NOW)
