"""What happens because time passes: GTD orders run out, and so do countdowns nobody renewed."""

import heapq

from services.paper_exchange.engine import algos, errors, lifecycle, orders
from services.paper_exchange.engine.enums import AlgoStatus, OrderStatus
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.records import Countdown
from services.paper_exchange.engine.state import TIMERS_LEAST, State


def advance(state: State, now_ms: int) -> None:
    """Given the clock, which never goes back, do what was due by now."""
    state.now_ms = max(state.now_ms, now_ms)
    if len(state.timers) > state.timers_most:
        _drop_stale(state)
    timers = state.timers
    while timers and timers[0][0] <= state.now_ms:
        _run_out(state, *heapq.heappop(timers))


def next_deadline_ms(state: State) -> int | None:
    """Return the earliest deadline that may have something to do, or None."""
    return state.timers[0][0] if state.timers else None


def set_countdown(state: State, symbol: str, countdown_ms: int) -> None:
    """Given a countdown in milliseconds, start or renew it; 0 stops it."""
    if countdown_ms < 0:
        raise refused(errors.BAD_PARAMETER, "countdownTime")
    state.desk(symbol)
    deadline = state.now_ms + countdown_ms if countdown_ms else 0
    _keep_countdown(state, symbol, deadline)
    if deadline:
        heapq.heappush(state.timers, (deadline, 0, symbol))


def _drop_stale(state: State) -> None:
    """Drop the timers of what is finished or renewed, so that they do not pile up until their time comes."""
    state.timers = [timer for timer in state.timers if _is_live(state, *timer)]
    heapq.heapify(state.timers)
    state.timers_most = max(TIMERS_LEAST, 2 * len(state.timers))


def _is_live(state: State, deadline_ms: int, number: int, symbol: str) -> bool:
    if number == 0:
        return state.countdowns.get(symbol) == deadline_ms
    return number in state.open_algos or number in state.desks[symbol].open


def _run_out(state: State, deadline_ms: int, number: int, symbol: str) -> None:
    """Given a timer's entry, act on it unless it is stale."""
    if not _is_live(state, deadline_ms, number, symbol):
        return
    desk = state.desks[symbol]
    if number == 0:
        _keep_countdown(state, symbol, 0)
        orders.cancel_all(state, desk)
    elif number in state.open_algos:
        algos.end(state, state.open_algos[number], AlgoStatus.EXPIRED)
    else:
        lifecycle.end(state, desk, desk.open[number], OrderStatus.EXPIRED)


def _keep_countdown(state: State, symbol: str, deadline_ms: int) -> None:
    if deadline_ms:
        state.countdowns[symbol] = deadline_ms
    else:
        state.countdowns.pop(symbol, None)
    state.outbox.countdowns[symbol] = Countdown(symbol, deadline_ms)
