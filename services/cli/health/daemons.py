"""The five services: do they run, is it one build, do bars come, may they trade, is the model any good. Pure."""

from collections.abc import Iterator

from quantum_common.acl import ENGINE, EXECUTOR
from quantum_common.clock import DAY_MS
from quantum_common.keys import SERVICES
from quantum_common.state import EngineModel, ModelStatus, TradingState
from services.cli.health.books import named
from services.cli.health.check import Check, Level, graded
from services.cli.health.limits import Limits
from services.cli.health.picture import Fields, Picture
from services.cli.health.place import Place
from services.cli.spans import span
from services.intent_executor.settings import ExecutorMode

BEAT_MS_MAX = 6_000  # three beats
RUNNING = "running"


def daemons(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    """Given a picture, return the verdicts on the services themselves."""
    yield _trading_state(picture, now_ms)
    for service in SERVICES:
        yield _heartbeat(service, picture.beats.get(service), limits.place, now_ms)
    yield _build(picture, limits.place)
    yield _mode(picture, limits)
    yield from _bars(picture, limits, now_ms)
    yield model(picture.model, now_ms)


def whole(text: str | None) -> int | None:
    """Given a field, return its whole number; None where it has none."""
    return int(text) if text and text.isdigit() else None


def _trading_state(picture: Picture, now_ms: int) -> Check:
    state = picture.state
    if state is None:
        words = "no entry passes without one; the governor writes it at its start: quantum resume sets it"
        return Check("trading_state", "", Level.BAD, "none", "ACTIVE", words)
    if state.trading_state is TradingState.ACTIVE:
        return Check("trading_state", "", Level.OK, "ACTIVE", "ACTIVE")
    passes = "only exits pass" if state.trading_state is TradingState.REDUCING else "nothing passes, exits neither"
    words = (
        f"{passes}, by {state.by} for {span(now_ms - state.since_ms)}: {state.reason}; once it is clear: "
        "quantum resume --reason TEXT"
    )
    return Check("trading_state", "", Level.BAD, str(state.trading_state), "ACTIVE", words)


def _heartbeat(service: str, beat: Fields | None, place: Place, now_ms: int) -> Check:
    if beat is None:
        words = f"it is down, hangs or waits for redis: {place.look(service)}"
        return Check("heartbeat", service, Level.BAD, "none", span(BEAT_MS_MAX), words)
    age_ms = now_ms - (whole(beat.get("ts_ms")) or 0)
    status = beat.get("status", "")
    started_ms, handled = whole(beat.get("started_ms")) or now_ms, beat.get("handled", "0")
    last_ms = whole(beat.get("last_message_ms"))
    moved = f", the last {span(max(now_ms - last_ms, 0))} ago" if last_ms else ""
    figure = f"{span(max(age_ms, 0))} ago, {status}, handled {handled}{moved}, up {span(now_ms - started_ms)}"
    lost = whole(beat.get("lost")) or 0
    words = ""
    if age_ms > BEAT_MS_MAX:
        words = f"it hangs: {place.look(service)}"
    elif status != RUNNING:
        words = f"it is {status}, for what its log says: {place.log(service)}"
    elif lost:
        words = f"it met {lost} losses of entries since its start: {place.log(service)}"
    level = graded(Level.OK, warn=bool(words), bad=age_ms > BEAT_MS_MAX)
    return Check("heartbeat", service, level, figure, span(BEAT_MS_MAX), words)


def _build(picture: Picture, place: Place) -> Check:
    """Incident 36: the deployed code was not the running code."""
    builds = {service: beat.get("version", "") for service, beat in picture.beats.items()}
    different = sorted(set(builds.values()))
    if not different:
        return Check("build", "", Level.OK, "nothing runs", "one build")
    if len(different) == 1:
        [running] = different
        words = f"installed is {picture.installed}: {place.restart}" if running != picture.installed else ""
        return Check("build", "", graded(Level.OK, warn=bool(words)), running, "one build, the installed one", words)
    told = "; ".join(
        f"{version or 'none'}: {', '.join(service for service, one in builds.items() if one == version)}"
        for version in different
    )
    return Check(
        "build", "", Level.BAD, f"{len(different)} builds", "one build, the installed one",
        f"{told}; restart those that are behind: {place.restart}",
    )  # fmt: skip


def _bars(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    """A symbol whose bars stopped is not decided on, whatever else is well."""
    most_ms, seen = limits.bars_within_ms, picture.symbols
    markets = {name: seen[name].market if name in seen else None for name in limits.ai.ai_symbols}
    ages = {name: None if market is None else now_ms - market.ts_ms for name, market in markets.items()}
    if not ages:
        return
    stale = [symbol for symbol, age_ms in ages.items() if age_ms is None or age_ms > most_ms]
    known = [age_ms for age_ms in ages.values() if age_ms is not None]
    newest = f", the last {span(max(min(known), 0))} ago" if known else ""
    figure = f"{len(ages) - len(stale)} of {len(ages)} symbols{newest}"
    if not stale:
        yield Check("bars", "", Level.OK, figure, span(most_ms))
        return
    words = f"no closed bar of {named(stale)}: does the exchange list and trade it? {limits.place.log(ENGINE)}"
    yield Check("bars", "", graded(Level.WARN, bad=len(stale) == len(ages)), figure, span(most_ms), words)


def model(found: EngineModel | None, now_ms: int) -> Check:
    """Given what the engine says of its model, return the verdict: which it is, how old, how long it may be used."""
    if found is None:
        words = "the engine has not said which model it uses: is it running, and of this build?"
        return Check("model", "", Level.WARN, "unknown", "not expired", words)
    left_ms = None if found.expires_ms is None else found.expires_ms - now_ms
    expired = found.status is ModelStatus.EXPIRED or (left_ms is not None and left_ms <= 0)
    useless = expired or found.status is ModelStatus.NONE
    because = f": {found.reason}" if found.reason else ""
    if expired:
        words = f"entries have stopped (model_expired){because}; train a new one: quantum train"
    elif found.status is ModelStatus.NONE:
        words = f"no model is loaded, so no entry is asked for{because}; exits go on; quantum train makes one"
    elif left_ms is not None and left_ms <= DAY_MS:
        words = "entries stop when it expires; train a new one today: quantum train"
    elif found.status is ModelStatus.WARNING:
        words = f"it comes near a limit{because}; have a new one ready: quantum train"
    else:
        words = ""
    return Check(
        "model", "", graded(Level.OK, warn=bool(words), bad=useless), _figure(found, now_ms), "not expired", words
    )


def _figure(found: EngineModel, now_ms: int) -> str:
    called = f"{found.name} {found.version}".strip() or "none"
    parts = [f"{called}: {found.status}"]
    if found.trained_ms is not None:
        parts.append(f"{span(now_ms - found.trained_ms)} old")
    if found.expires_ms is not None:
        left_ms = found.expires_ms - now_ms
        parts.append(f"expires in {span(left_ms)}" if left_ms > 0 else f"expired {span(-left_ms)} ago")
    if found.drift_inputs is not None and found.drift_inputs_limit is not None:
        parts.append(f"drift {found.drift_inputs:.3f} of {found.drift_inputs_limit:.3f}")
    return ", ".join(parts)


def _mode(picture: Picture, limits: Limits) -> Check:
    """Whether orders are sent: what the running executor says of itself comes before what the files say."""
    wanted = limits.executor.executor_mode
    mode = picture.beats.get(EXECUTOR, {}).get("mode") or wanted
    words = ""
    if mode == ExecutorMode.SHADOW:
        words = "everything but the sending: no order reaches the exchange; EXECUTOR_MODE"
    if mode != wanted:
        words = f"{words}{'; ' if words else ''}the files say {wanted}, which takes a restart of the executor"
    where = limits.executor.quantum_env
    return Check("mode", "", graded(Level.OK, warn=bool(words)), f"{mode} on {where}", "live", words)
