"""When to ask for a position, how large, and where it is wrong. Every "no" has a name."""

import zlib
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import NamedTuple

from quantum_common.exchange.port import SymbolRules
from quantum_common.messages import Side
from quantum_common.money import BPS
from quantum_common.state import Portfolio, PositionSide
from services.ai_engine.features import WARM_BARS, Features
from services.ai_engine.memory import ExitMemory, Nerves
from services.ai_engine.model import Model, Signal
from services.ai_engine.policy import Policy
from services.ai_engine.precision import Measure, cents, decimal_of
from services.ai_engine.stops import on_grid, stop_distance

_ROOM = Decimal("1.05")  # above the exchange's smallest order, so that a tick against us does not make it too small


class NoEntry(StrEnum):
    """Why no position is asked for on this bar."""

    COLD = "cold"
    NO_LEDGER = "no_ledger"
    NO_RULES = "no_rules"
    NO_PORTFOLIO = "no_portfolio"
    STANDING = "standing"
    NOT_TRADABLE = "not_tradable"
    BETWEEN_DECISIONS = "between_decisions"
    QUIET = "quiet"
    NOT_ITS_TURN = "not_its_turn"
    NO_SIGNAL = "no_signal"
    NO_TREND = "no_trend"
    WEAK_SIGNAL = "weak_signal"
    EDGE_BELOW_COST = "edge_below_cost"
    NO_EQUITY = "no_equity"
    TOO_SMALL = "too_small"
    STOP_OUT_OF_RANGE = "stop_out_of_range"


class NotNow(NamedTuple):
    """Why not, by which value against which limit; both None where a thing was missing rather than small."""

    why: NoEntry
    value: Measure | None = None
    limit: Measure | None = None
    signal: Signal | None = None
    edge_bps: Decimal | None = None
    cost_bps: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A wish to open. Prices in USDT; `risk` is one R; `edge_bps` is expected after the haircut and before costs."""

    side: Side
    signal: Signal
    size_usd: Decimal
    leverage: int
    stop_loss: Decimal
    take_profit: Decimal
    risk: Decimal
    edge_bps: Decimal
    cost_bps: Decimal

    def remembered(self, bar_close_ms: int, until_ms: int) -> ExitMemory:
        """Return what to remember of the wish: its stop, and until when not to ask again."""
        return ExitMemory(
            side=PositionSide.LONG if self.side is Side.BUY else PositionSide.SHORT, wished=True, opened_ms=0,
            since_bar_ms=bar_close_ms, stop_price=self.stop_loss, risk=self.risk, best_price=None, stages=0,
            asked_bar_ms=0, asked_amt=Decimal(0), quiet_until_ms=until_ms, nerves=Nerves.UNKNOWN, kill_causes="",
        )  # fmt: skip


def entry_of(
    symbol: str,
    features: Features,
    memory: ExitMemory | None,
    portfolio: Portfolio | None,
    rules: SymbolRules,
    model: Model,
    policy: Policy,
) -> Entry | NotNow:
    """Given a flat symbol whose bar has closed, return the position to ask for, or why none is."""
    waiting = _not_now(symbol, features, memory, rules, policy)
    if waiting is not None:
        return waiting
    if portfolio is None:
        return NotNow(NoEntry.NO_PORTFOLIO)
    signal = model.predict(features)
    if signal is None or signal.expected_move_bps == 0.0:
        return NotNow(NoEntry.NO_SIGNAL)
    edge_bps, cost_bps = decimal_of(abs(signal.expected_move_bps), 4), policy.costs.round_trip_bps
    no = _too_weak(features, signal, edge_bps, cost_bps, policy)
    if no is None:
        found = _sized(signal, edge_bps, cost_bps, features, portfolio, rules, policy)
        if isinstance(found, Entry):
            return found
        no = found
    return no._replace(signal=signal, edge_bps=edge_bps, cost_bps=cost_bps)


def _not_now(
    symbol: str, features: Features, memory: ExitMemory | None, rules: SymbolRules, policy: Policy
) -> NotNow | None:
    if not features.warm:
        return NotNow(NoEntry.COLD, features.bars, WARM_BARS)
    if not rules.tradable:
        return NotNow(NoEntry.NOT_TRADABLE)
    if memory is not None and features.bar_close_ms < memory.quiet_until_ms:
        return NotNow(NoEntry.QUIET, features.bar_close_ms, memory.quiet_until_ms)
    number = features.bar_close_ms // policy.interval_ms + zlib.crc32(symbol.encode())
    if number % policy.entry.turn_bars:
        return NotNow(NoEntry.NOT_ITS_TURN, number % policy.entry.turn_bars, 0)
    return None


def _too_weak(
    features: Features, signal: Signal, edge_bps: Decimal, cost_bps: Decimal, policy: Policy
) -> NotNow | None:
    rules = policy.entry
    if features.regime.p_trend < rules.p_trend_min:
        return NotNow(NoEntry.NO_TREND, features.regime.p_trend, rules.p_trend_min)
    if signal.confidence < rules.confidence_min:
        return NotNow(NoEntry.WEAK_SIGNAL, signal.confidence, rules.confidence_min)
    if rules.edge_gate and edge_bps < cost_bps + policy.costs.margin_bps:
        return NotNow(NoEntry.EDGE_BELOW_COST, edge_bps, cost_bps + policy.costs.margin_bps)
    return None


def _sized(
    signal: Signal,
    edge_bps: Decimal,
    cost_bps: Decimal,
    features: Features,
    portfolio: Portfolio,
    rules: SymbolRules,
    policy: Policy,
) -> Entry | NotNow:
    """Given a signal worth acting on, return the entry with its size, leverage, stop and target."""
    if portfolio.equity_usd <= 0:
        return NotNow(NoEntry.NO_EQUITY, portfolio.equity_usd, 0)
    size = size_usd(signal, portfolio.equity_usd, features.price, rules, policy)
    if isinstance(size, NotNow):
        return size
    sign = 1 if signal.expected_move_bps > 0 else -1
    risk = stop_distance(features, policy.exit, rules)
    stop = on_grid(features.price - sign * risk, rules)
    target = on_grid(features.price + sign * policy.exit.take_profit_r * risk, rules)
    if sign * (features.price - stop) <= 0 or sign * (target - features.price) <= 0:
        return NotNow(NoEntry.STOP_OUT_OF_RANGE, stop, features.price)  # the grid is coarser than the price itself
    return Entry(
        side=Side.BUY if sign > 0 else Side.SELL, signal=signal, size_usd=size,
        leverage=leverage_for(size, portfolio.equity_usd, policy), stop_loss=stop, take_profit=target, risk=risk,
        edge_bps=edge_bps, cost_bps=cost_bps,
    )  # fmt: skip


def size_usd(
    signal: Signal, equity_usd: Decimal, price: Decimal, rules: SymbolRules, policy: Policy
) -> Decimal | NotNow:
    """Given a signal and the equity, return the notional in USDT, or why there is none: the smallest order is too much.

    One sigma over the horizon is to move the equity by `target_bps`; no more than the caps, nor than the equity can
    bind as margin at the highest leverage; no less than the exchange's smallest order.
    """
    sizing = policy.sizing
    sigma_bps = decimal_of(signal.sigma_h) * BPS
    if sigma_bps <= 0:
        return NotNow(NoEntry.TOO_SMALL, sigma_bps, 0)
    cap = min(
        sizing.size_usd_max,
        sizing.equity_fraction_max * equity_usd,
        sizing.margin_fraction * equity_usd * sizing.leverage_max,
    )
    smallest = _ROOM * max(rules.min_notional, price * max(rules.min_qty, rules.step_size))
    if smallest > cap:
        return NotNow(NoEntry.TOO_SMALL, cap, smallest)
    wanted = equity_usd * sizing.target_bps / sigma_bps
    return cents(max(min(wanted, cap), smallest))


def leverage_for(size: Decimal, equity_usd: Decimal, policy: Policy) -> int:
    """Given a notional, return the lowest leverage that keeps its margin inside the position's share of the equity."""
    share = equity_usd * policy.sizing.margin_fraction
    wanted = int((size / share).quantize(Decimal(1), ROUND_CEILING))
    return max(1, min(wanted, policy.sizing.leverage_max))
