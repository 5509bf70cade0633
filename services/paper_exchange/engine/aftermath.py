"""What must follow once a contract has traded or its mark price has moved: trimming, liquidation, warning."""

from dataclasses import replace

from services.paper_exchange.engine import lifecycle, liquidation
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.digits import ZERO
from services.paper_exchange.engine.enums import AlgoStatus, ExpireReason, OrderStatus, Side, TimeInForce
from services.paper_exchange.engine.state import State


def settle(state: State, desk: Desk) -> None:
    """Given a contract that traded or moved, bring what hangs on its position into order."""
    if desk.reducing:
        _trim_reducing(state, desk)
    touched = liquidation.liquidate_due(state, desk) if state.live else ()
    for changed in (desk, *touched):
        if changed.algos:
            _expire_without_position(state, changed)
    liquidation.cover_bankruptcy(state)
    liquidation.warn(state)


def _trim_reducing(state: State, desk: Desk) -> None:
    """Expire the reducing orders for which those with better prices leave nothing of the position."""
    for holding in desk.active:
        for side in Side:
            left = holding.reducible(side)
            for order_id in list(desk.resting[side]):
                order = desk.open.get(order_id)
                if order_id not in desk.reducing or order is None:
                    continue
                if order.position_side is not holding.position.side:
                    continue
                if left <= 0:
                    lifecycle.end(state, desk, order, OrderStatus.EXPIRED, ExpireReason.REDUCE_ONLY)
                else:
                    left -= order.open_qty


def _expire_without_position(state: State, desk: Desk) -> None:
    """Expire the waiting GTE_GTC orders of positions that are gone."""
    for algo_id in list(desk.algos):
        algo = state.open_algos[algo_id]
        if algo.time_in_force is not TimeInForce.GTE_GTC or algo.status is not AlgoStatus.NEW:
            continue
        if desk.holdings[algo.position_side].reducible(algo.side) == ZERO:
            lifecycle.put_algo(state, replace(algo, status=AlgoStatus.EXPIRED, update_ms=state.now_ms))
