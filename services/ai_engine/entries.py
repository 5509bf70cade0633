"""When to ask for a position, how large, and where it is wrong. Every "no" has a name."""

import zlib
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import NamedTuple

from quantum_common.exchange.port import SymbolRules
from quantum_common.messages import Side
from quantum_common.money import BPS
from quantum_common.state import ModelStatus, Portfolio, PositionSide
from services.ai_engine.features import WARM_BARS, Features
from services.ai_engine.funding import funding_bps
from services.ai_engine.memory import ExitMemory, Nerves
from services.ai_engine.model import Model, Signal
from services.ai_engine.policy import Policy
from services.ai_engine.precision import Measure, cents, decimal_of
from services.ai_engine.standing import Seen
from services.ai_engine.stops import on_grid, stop_distance

_ROOM = Decimal("1.03")  # of the price to move before the order is there, either way


class NoEntry(StrEnum):
    """Why no position is asked for on this bar."""

    COLD = "cold"
    NO_MODEL = "no_model"
    MODEL_EXPIRED = "model_expired"
    NOT_IN_MODEL = "not_in_model"
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

    def remembered(self, bar_close_ms: int, until_ms: int, regime: str) -> ExitMemory:
        """Return what to remember of the wish: its stop, the market's regime, and until when not to ask again."""
        return ExitMemory(
            side=PositionSide.LONG if self.side is Side.BUY else PositionSide.SHORT, wished=True, opened_ms=0,
            since_bar_ms=bar_close_ms, stop_price=self.stop_loss, risk=self.risk, best_price=None, stages=0,
            asked_bar_ms=0, asked_amt=Decimal(0), quiet_until_ms=until_ms, nerves=Nerves.UNKNOWN, kill_causes="",
            regime=regime,
        )  # fmt: skip


def entry_of(seen: Seen, memory: ExitMemory | None, rules: SymbolRules, model: Model, policy: Policy) -> Entry | NotNow:
    """Given a flat symbol whose decision bar has closed, return the position to ask for, or why none is."""
    waiting = _unfit(seen, policy) or _not_now(seen, memory, rules, policy)
    if waiting is not None:
        return waiting
    portfolio = seen.portfolio
    if portfolio is None:
        return NotNow(NoEntry.NO_PORTFOLIO)
    signal = model.predict(seen.features)
    if signal is None or signal.expected_move_bps == 0.0:
        return NotNow(NoEntry.NO_SIGNAL)
    edge_bps, cost_bps = decimal_of(abs(signal.expected_move_bps), 4), cost_of(seen, signal, policy)
    weak = _too_weak(seen.features, signal, edge_bps, cost_bps, policy)
    found = weak or _sized(seen.features, signal, edge_bps, cost_bps, portfolio, rules, policy)
    if isinstance(found, NotNow):
        return found._replace(signal=signal, edge_bps=edge_bps, cost_bps=cost_bps)
    return found


def cost_of(seen: Seen, signal: Signal, policy: Policy) -> Decimal:
    """Given a signal, return what a round trip on its side costs in bps: fees, slippage, and funding over the horizon.

    Funding that is received makes a trade cheaper, and never pays for one.
    """
    close_ms = seen.bar.close_ms
    until_ms = close_ms + policy.entry.horizon_bars * policy.interval_ms
    sign = 1 if signal.expected_move_bps > 0 else -1
    funding = funding_bps(seen.funding, policy.costs.funding_bps, sign, close_ms, until_ms)
    return max(policy.costs.round_trip_bps + funding, Decimal(0))


def _unfit(seen: Seen, policy: Policy) -> NotNow | None:
    """Given what is known, return why the model in use may not open a position here."""
    fitness = seen.fitness
    if fitness.status is ModelStatus.NONE:
        return NotNow(NoEntry.NO_MODEL)
    if fitness.status is ModelStatus.EXPIRED:
        return NotNow(NoEntry.MODEL_EXPIRED, fitness.value, fitness.limit)
    if policy.entry.symbols and seen.symbol not in policy.entry.symbols:
        return NotNow(NoEntry.NOT_IN_MODEL)
    return None


def _not_now(seen: Seen, memory: ExitMemory | None, rules: SymbolRules, policy: Policy) -> NotNow | None:
    features = seen.features
    if not features.warm:
        return NotNow(NoEntry.COLD, features.bars, WARM_BARS)
    if not rules.tradable:
        return NotNow(NoEntry.NOT_TRADABLE)
    if memory is not None and features.bar_close_ms < memory.quiet_until_ms:
        return NotNow(NoEntry.QUIET, features.bar_close_ms, memory.quiet_until_ms)
    number = features.bar_close_ms // policy.decision_ms + zlib.crc32(seen.symbol.encode())
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
    features: Features,
    signal: Signal,
    edge_bps: Decimal,
    cost_bps: Decimal,
    portfolio: Portfolio,
    rules: SymbolRules,
    policy: Policy,
) -> Entry | NotNow:
    """Given a signal worth acting on, return the entry with its size, leverage, stop and target."""
    if portfolio.equity_usd <= 0:
        return NotNow(NoEntry.NO_EQUITY, portfolio.equity_usd, 0)
    size = size_usd(signal, edge_bps - cost_bps, portfolio.equity_usd, features.price, rules, policy)
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
    signal: Signal, net_bps: Decimal, equity_usd: Decimal, price: Decimal, rules: SymbolRules, policy: Policy
) -> Decimal | NotNow:
    """Given a signal, its edge after costs and the equity, return the notional in USDT, or why there is none.

    One sigma over the horizon is to move the equity by `target_bps`; no more than the caps, than the equity can bind as
    margin at the highest leverage, and than a fraction of Kelly's bet; no less than the exchange's smallest order.
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
    if policy.entry.edge_gate:
        cap = min(cap, sizing.kelly_fraction * equity_usd * net_bps * BPS / (sigma_bps * sigma_bps))
    smallest = smallest_usd(price, rules)
    if smallest > cap:
        return NotNow(NoEntry.TOO_SMALL, cap, smallest)
    if sizing.smallest_only:
        return cents(smallest)
    wanted = equity_usd * sizing.target_bps / sigma_bps
    return cents(max(min(wanted, cap), smallest))


def smallest_usd(price: Decimal, rules: SymbolRules) -> Decimal:
    """Given a price, return the notional of the smallest order that the exchange takes, with room for a move.

    A quantity is rounded down to the step afterwards, so it is the next step above the smallest notional that counts.
    """
    steps = (_ROOM * rules.min_notional / price / rules.step_size).to_integral_value(ROUND_CEILING)
    return _ROOM * price * max(steps * rules.step_size, rules.min_qty, rules.step_size)


def leverage_for(size: Decimal, equity_usd: Decimal, policy: Policy) -> int:
    """Given a notional, return the lowest leverage that keeps its margin inside the position's share of the equity."""
    share = equity_usd * policy.sizing.margin_fraction
    wanted = int((size / share).quantize(Decimal(1), ROUND_CEILING))
    return max(1, min(wanted, policy.sizing.leverage_max))
