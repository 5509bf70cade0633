"""The decision on one closed bar: at most one wish, why, and what to remember. Pure.

Exits are decided on at every bar, entries at the closes of the decision interval only. Exits come before entries; an
open position is never added to and never turned round: it is left first.
"""

from quantum_common.exchange.port import SymbolRules
from quantum_common.ids import intent_id
from quantum_common.messages import Action, Intent, Side
from quantum_common.state import Ledger, PositionSide
from services.ai_engine.entries import Entry, NoEntry, NotNow, entry_of
from services.ai_engine.exits import Exit, ExitReason, ExitVerdict, exit_of
from services.ai_engine.market_state import atr
from services.ai_engine.model import Model
from services.ai_engine.nerves import Alarm, asked, kill_of, next_nerves
from services.ai_engine.policy import Policy
from services.ai_engine.precision import decimal_of
from services.ai_engine.standing import Seen, Standing, rested, standing
from services.ai_engine.verdict import Verdict

SOURCE = "ai-engine"
_TOP = 3


def decide(seen: Seen, model: Model, policy: Policy, now_ms: int) -> Verdict:
    """Given what is known of a symbol at a bar's close, return the verdict. Times in epoch milliseconds.

    Never more than one intent; without a ledger or without the symbol's rules none. A backtest runs this fifteen
    thousand times a second: a bar on which nothing can happen costs next to nothing, and no record is made here.
    """
    ledger, rules = seen.ledger, seen.rules
    if ledger is None:
        return Verdict((), seen.memory, NoEntry.NO_LEDGER)
    if rules is None:
        return Verdict((), seen.memory, NoEntry.NO_RULES)
    if ledger.side is not PositionSide.FLAT:
        return _held(seen, ledger, rules, model, policy, now_ms)
    memory = rested(seen.memory, seen.bar.close_ms, policy)
    if (seen.bar.close_ms + 1) % policy.decision_ms:
        return Verdict((), memory, NoEntry.BETWEEN_DECISIONS)
    entry = entry_of(seen, memory, rules, model, policy)
    if isinstance(entry, NotNow):
        return Verdict((), memory, *entry)
    until_ms = seen.bar.close_ms + policy.entry.ask_again_bars * policy.interval_ms
    wished = entry.remembered(seen.bar.close_ms, until_ms, seen.features.label)
    return Verdict(
        (_entry_intent(seen, entry, model, policy, now_ms),), wished, None,
        entry.edge_bps, entry.cost_bps + policy.costs.margin_bps, entry.signal, entry.edge_bps, entry.cost_bps,
    )  # fmt: skip


def _held(seen: Seen, ledger: Ledger, rules: SymbolRules, model: Model, policy: Policy, now_ms: int) -> Verdict:
    """Decide on an open position: whether to leave it, to lock more in, or to let it stand."""
    held = standing(seen, ledger, rules, policy)
    held, alarm = _watched(held, seen, ledger, policy, now_ms)
    leaving = exit_of(held, seen.bar, seen.features, policy.exit, policy.costs, rules, policy.interval_ms)
    leaving = _or_nervous(leaving, held, alarm, policy)
    wish = leaving.wish
    if wish is None:
        return Verdict((), leaving.memory, NoEntry.STANDING, held.price, held.stop_price)
    intent = _exit_intent(seen, held, ledger, wish, model, now_ms)
    if alarm is not None:
        told = f"{intent.reason}; kill score {alarm.score:.4f} by {alarm.cause}"
        intent = intent.model_copy(update={"reason": told})
    return Verdict((intent,), leaving.memory, wish.reason, wish.value, wish.limit)


def _watched(held: Standing, seen: Seen, ledger: Ledger, policy: Policy, now_ms: int) -> tuple[Standing, Alarm | None]:
    """Return the position with what its kill score has done to it, and an alarm where it became nervous."""
    kill = kill_of(seen.features, ledger, now_ms)
    memory, alarm = next_nerves(held.memory, kill, policy.exit)
    return held if memory is held.memory else held._replace(memory=memory), alarm


def _or_nervous(leaving: ExitVerdict, held: Standing, alarm: Alarm | None, policy: Policy) -> ExitVerdict:
    """Leave in full because of the score, unless something else closes in full already."""
    if alarm is None or (leaving.wish is not None and leaving.wish.action is Action.CLOSE_FULL):
        return leaving
    out = Exit(Action.CLOSE_FULL, ExitReason.KILL_SCORE, alarm.score, policy.exit.kill_leave)
    return ExitVerdict(out, asked(held.memory, alarm))


def _entry_intent(seen: Seen, entry: Entry, model: Model, policy: Policy, now_ms: int) -> Intent:
    return Intent(
        intent_id=intent_id(seen.symbol, Action.OPEN, seen.bar.close_ms, model.version),
        symbol=seen.symbol, side=entry.side, action=Action.OPEN, eval_type=Action.OPEN.eval_type,
        confidence=decimal_of(entry.signal.confidence, 6), expected_edge_bps=entry.edge_bps,
        position_size_usd=entry.size_usd, fraction=None, leverage=entry.leverage, entry_price=seen.bar.close,
        stop_loss=entry.stop_loss, take_profit=entry.take_profit, atr_value=atr(seen.features),
        regime=seen.features.label, model=model.name, model_version=model.version, bar_close_ms=seen.bar.close_ms,
        reason=_because(entry, seen, policy), source=SOURCE, timestamp=now_ms // 1000,
        ts_ms=now_ms,
    )  # fmt: skip


def _because(entry: Entry, seen: Seen, policy: Policy) -> str:
    """Return why, as an operator reads it: what moved the signal most, and what it is worth against its costs."""
    top = ", ".join(f"{name} {bps:+.2f}" for name, bps in entry.signal.contributions[:_TOP])
    gate = "" if policy.entry.edge_gate else "; explores without the edge gate"
    return (
        f"{top} bps; p_up {entry.signal.p_up:.4f}; p_trend {seen.features.regime.p_trend:.2f}; "
        f"edge {entry.edge_bps:.2f} bps against {entry.cost_bps:.2f} of fees, slippage and funding"
        f"{gate}"
    )


def _exit_intent(seen: Seen, held: Standing, ledger: Ledger, wish: Exit, model: Model, now_ms: int) -> Intent:
    side = Side.SELL if held.sign > 0 else Side.BUY
    regime = seen.features.regime
    because = (
        f"{wish.reason}: {held.r:+.2f} R after {held.bars_held} bars, best {held.best_r:+.2f} R, "
        f"stop {held.stop_price}, p_trend {regime.p_trend:.2f}"
    )
    return Intent(
        intent_id=intent_id(seen.symbol, wish.action, seen.bar.close_ms, model.version),
        symbol=seen.symbol, side=side, action=wish.action, eval_type=wish.action.eval_type, confidence=None,
        expected_edge_bps=None, position_size_usd=None, fraction=wish.action.close_fraction, leverage=None,
        entry_price=ledger.avg_entry_price or None, stop_loss=wish.stop_price, take_profit=None,
        atr_value=atr(seen.features), regime=seen.features.label, model=model.name, model_version=model.version,
        bar_close_ms=seen.bar.close_ms, reason=because, source=SOURCE, timestamp=now_ms // 1000,
        ts_ms=now_ms,
    )  # fmt: skip
