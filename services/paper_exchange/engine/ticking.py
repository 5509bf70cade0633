"""What the market does to the account: a tick, and a change of a contract's trading status."""

from dataclasses import replace

from services.paper_exchange.engine import aftermath, algos, lifecycle, matching
from services.paper_exchange.engine.book import Tick
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.enums import AlgoStatus, ExpireReason, OrderStatus, SymbolStatus
from services.paper_exchange.engine.state import State


def on_tick(state: State, desk: Desk, tick: Tick) -> None:
    """Given a contract's new market, carry out what it brings: resting fills, triggers, liquidation.

    The path within a tick is low first where the last price rose, else high first.
    """
    before = desk.book.last
    desk.book.replace(tick, state.now_ms)
    if not desk.open and not desk.algos and not desk.has_position():
        return
    for holding in desk.active:
        state.revalue(desk, holding)
    low_first = before is None or tick.last >= before
    if desk.open:
        matching.match_resting(state, desk, tick, buys_first=low_first)
    if desk.algos:
        algos.watch_tick(state, desk, tick, low_first=low_first)
    aftermath.settle(state, desk)


def set_status(state: State, desk: Desk, status: SymbolStatus) -> None:
    """Given a trading status, apply it; a closed contract's orders expire."""
    desk.rules = replace(desk.rules, status=status)
    if status is not SymbolStatus.CLOSE:
        return
    for order in list(desk.open.values()):
        lifecycle.end(state, desk, order, OrderStatus.EXPIRED, ExpireReason.DELISTED)
    for algo_id in list(desk.algos):
        algos.end(state, state.open_algos[algo_id], AlgoStatus.EXPIRED)
