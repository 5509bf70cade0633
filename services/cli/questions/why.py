"""Why a symbol is not trading, or that it is: entries and exits apart, from the engine's verdict to the order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from quantum_common.messages import EvalType
from quantum_common.money import plain
from quantum_common.state import EngineVerdict
from services.ai_engine.exits import ExitReason
from services.cli.health.books import position
from services.cli.health.limits import Limits
from services.cli.health.picture import Picture, Symbol
from services.cli.questions.causes import Cause, particular
from services.cli.questions.story import Mark, Step, standing
from services.cli.questions.threads import Gauge, Thread
from services.cli.spans import span

# What the engine says on most bars of a pipeline that does well; it says nothing against the last wish.
ROUTINE = frozenset({"entry", "standing", "quiet", "not_its_turn", "between_decisions", *ExitReason})
UNDER_WAY_MS = 2_000
ENGINE_SAYS = {
    "no_model": "no model is loaded",
    "not_in_model": "the model was not trained on it",
    "cold": "it is still reading its history of bars",
    "no_ledger": "there is no ledger of it yet; P3.3 begins one with its first snapshot",
    "no_rules": "the exchange does not list it",
    "no_portfolio": "there is no portfolio; P3.3 writes it",
    "standing": "a position stands, and is not added to",
    "not_tradable": "the exchange does not trade it now",
    "between_decisions": "entries are decided on at the closes of longer bars",
    "quiet": "it was asked for lately, and is not asked for again so soon",
    "not_its_turn": "it is not its turn on this bar",
    "no_signal": "the model sees nothing in it",
    "no_trend": "its market has no trend",
    "weak_signal": "the model is not sure enough",
    "edge_below_cost": "the expected edge does not pay the costs",
    "no_equity": "the account has no equity",
    "too_small": "the exchange's smallest order is too large for its size",
    "stop_out_of_range": "no stop fits the exchange's price grid",
    "model_expired": "the model is past its age or has drifted",
}
STAGES = {
    "intent": "ai-engine", "plan": "intent-bridge", "permit governor": "governor",
    "permit p33": "position-state-brain", "sent": "intent-executor", "order": "intent-executor",
    "ledger": "position-state-brain", "result": "intent-executor",
}  # fmt: skip


class How(StrEnum):
    """How entries or exits of a symbol stand."""

    TRADES = "TRADES"
    NO_WISH = "NO WISH"
    WAITS = "WAITS"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class Line:
    """Entries or exits of one symbol: how they stand, at which stage, in words, and since when (epoch ms). `gauge` is
    the gate with the value and the limit that decided; `plan_id` the plan that it was."""

    how: How
    stage: str
    words: str
    since_ms: int | None = None
    gauge: Gauge | None = None
    plan_id: str = ""


FLAT = Line(How.NO_WISH, "ai-engine", "flat: there is nothing to close")


@dataclass(frozen=True, slots=True)
class Why:
    """One symbol."""

    symbol: str
    entries: Line
    exits: Line


def why(
    name: str, picture: Picture, every: Sequence[Cause], threads: Sequence[Thread], limits: Limits, now_ms: int
) -> Why:
    """Given a symbol, one look at the pipeline, what stops every symbol, and the threads, the newest first, return why
    its entries and its exits do or do not come to orders."""
    own = particular(name, picture, limits, now_ms)
    found = picture.symbols.get(name, Symbol(name))
    mine = [one for one in threads if one.said("symbol") == name]
    entering = [one for one in mine if one.said("eval_type") == EvalType.ENTRY]
    leaving = [one for one in mine if one.said("eval_type") == EvalType.EXIT]
    return Why(
        name,
        _entries([cause for cause in (*every, *own) if cause.entries], found, entering, now_ms),
        _exits([cause for cause in (*every, *own) if cause.exits], found, leaving, now_ms),
    )


def _entries(causes: list[Cause], symbol: Symbol, threads: list[Thread], now_ms: int) -> Line:
    if causes:
        return _caused(causes[0])
    says = symbol.verdict
    if threads and (says is None or says.why in ROUTINE or threads[0].began_ms >= _decided_ms(says) - UNDER_WAY_MS):
        return _told(threads, now_ms)
    return _engine(symbol)


def _exits(causes: list[Cause], symbol: Symbol, threads: list[Thread], now_ms: int) -> Line:
    amount = position(symbol)
    if causes:
        return _caused(causes[0]) if amount else FLAT
    newest = threads[0] if threads else None
    if newest is not None and (amount or newest.said("executed") == "True"):
        told = _told(threads, now_ms)
        opened_ms = symbol.ledger.opened_ms if symbol.ledger else None
        if not amount or opened_ms is None or newest.began_ms >= opened_ms:
            return told
    if not amount:
        return FLAT
    return Line(How.NO_WISH, "ai-engine", f"the engine sees no reason to close {plain(amount)}")


def _caused(cause: Cause) -> Line:
    return Line(How.STOPPED, cause.name, cause.words)


def _told(threads: list[Thread], now_ms: int) -> Line:
    """Return how the newest wish stands, and since when wishes have been ending there."""
    newest = threads[0]
    step = standing(newest, now_ms)
    plan_id = newest.said("plan_id")
    if step.mark is Mark.DONE:
        words = f"last executed {span(now_ms - newest.began_ms)} ago: {newest.done()}"
        return Line(How.TRADES, "exchange", words, newest.began_ms, None, plan_id)
    if step.mark is Mark.WAITING:
        young = now_ms - newest.began_ms <= UNDER_WAY_MS
        words = "a wish is under way" if young else f"{step.name}: {step.words}"
        return Line(How.WAITS, stage_of(step), words, newest.began_ms, None, plan_id)
    since, count = newest, 0
    for thread in threads:
        other = standing(thread, now_ms)
        if other.mark is not Mark.STOPPED or _gate(other) != _gate(step):
            break
        since, count = thread, count + 1
    times = f", {count} wishes in a row" if count > 1 else ""
    gauge = step.gauge.words() if step.gauge is not None else step.words
    words = f"{gauge} ({newest.said('action')} {newest.said('side')}{times})"
    return Line(How.STOPPED, stage_of(step), words, since.began_ms, step.gauge, plan_id)


def _gate(step: Step) -> str:
    return step.gauge.gate if step.gauge is not None else ""


def stage_of(step: Step) -> str:
    """Given a step that stopped or waits, return who it is that the wish stopped at."""
    if step.mark is Mark.STOPPED and _gate(step).startswith("exchange_"):
        return "exchange"
    return STAGES.get(step.name, step.name)


def _decided_ms(says: EngineVerdict) -> int:
    """Return when the engine decided: a verdict is written anew with each bar, and stands between two decisions."""
    return says.ts_ms - (says.bar_close_ms - says.decided_bar_ms)


def _engine(symbol: Symbol) -> Line:
    """Return what the engine said on the last bar that it decided on."""
    says = symbol.verdict
    if says is not None and says.why in set(ExitReason):
        return Line(How.NO_WISH, "ai-engine", f"the engine has just closed it or moved its stop: {says.why}")
    if says is None:
        standing_now = ENGINE_SAYS["standing"] if position(symbol) else "the engine has not decided on a bar of it yet"
        return Line(How.NO_WISH, "ai-engine", standing_now)
    value, limit = (plain(one) if one is not None else "" for one in (says.value, says.limit))
    gauge = Gauge(says.why, ok=False, value=value, limit=limit)
    meaning = f" ({ENGINE_SAYS[says.why]})" if says.why in ENGINE_SAYS else ""
    return Line(How.NO_WISH, "ai-engine", f"{gauge.words()}{meaning}", _decided_ms(says), gauge)
