"""What flows: streams, the groups that read them, and what became of the latest plans. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from quantum_common.keys import GROUP_P33
from quantum_common.messages import Decision, EvalType, Issuer
from quantum_common.reasons import Gate
from services.cli.health.books import named
from services.cli.health.check import Check, Level, graded
from services.cli.health.limits import Limits
from services.cli.health.picture import Group, Picture, Stream
from services.cli.redis_link import written_ms
from services.cli.spans import span

PLANS, PERMITS, RESULTS = "apply.plan", "apply.permit", "apply.result"
UNLISTED = frozenset(
    {Gate.SYMBOL_NOT_IN_ALLOWLIST, Gate.P33_SYMBOL_NOT_IN_ALLOWLIST, Gate.EXECUTOR_SYMBOL_NOT_IN_ALLOWLIST}
)
# Why an exit may well not be executed: there is nothing to close, or it was asked for before.
HARMLESS_FOR_EXITS = frozenset(
    {Gate.NO_POSITION, Gate.DUPLICATE_INTENT, Gate.MIN_HOLD, Gate.BELOW_MIN_NOTIONAL, Gate.STALE_INTENT}
)
SERVICE_OF = {GROUP_P33: "position-state-brain"}


def flow(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    """Given a picture, return the verdicts on what flows."""
    reach_ms = min(now_ms - picture.window(RESULTS).since_ms, limits.window_ms)
    yield _executions(picture, limits, reach_ms)
    yield _unlisted(picture, reach_ms)
    yield _allowlists(limits)
    for stream in picture.streams:
        yield _stream(stream, now_ms)
    for group in picture.groups:
        yield _consumer(group, picture, limits, now_ms)
    yield from _dead(picture, limits, now_ms)
    yield from _permits(picture, limits, now_ms)
    yield from _gates(picture, reach_ms)


def gates(picture: Picture, eval_type: EvalType) -> Counter[str]:
    """Given a picture and ENTRY or EXIT, return how the plans of the window ended: each gate, or `executed`."""
    found: Counter[str] = Counter()
    for _, fields in picture.window(RESULTS).entries:
        if fields.get("eval_type") == eval_type:
            found[fields.get("gate") or "executed"] += 1
    for _, fields in picture.window(PLANS).entries:  # the one gate whose plans have no result
        if fields.get("eval_type") == eval_type and fields.get("gate") == Gate.DUPLICATE_INTENT:
            found[Gate.DUPLICATE_INTENT] += 1
    return found


def waits_ms(group: Group, now_ms: int) -> int:
    """Given a group, return for how long its oldest entry has been lying there, read or not; 0 where nothing waits."""
    ids = [one for one in (group.oldest_pending_id, group.first_unread_id) if one]
    return max((now_ms - written_ms(one) for one in ids), default=0)


def service_of(group: str) -> str:
    """Given a consumer group, return the service that reads with it."""
    return SERVICE_OF.get(group, group)


def _executions(picture: Picture, limits: Limits, reach_ms: int) -> Check:
    """`reach_ms` is how far back the results were read: not all of the window where there were too many."""
    done = sum(fields.get("executed") == "True" for _, fields in picture.window(RESULTS).entries)
    minutes = reach_ms / 60_000
    least = limits.executions_min
    words = "fewer than asked for: quantum why" if done < least else ""
    figure = f"{done} in {span(reach_ms)}, {done / minutes:.1f} a minute"
    limit = f"{least}" if least else ""
    return Check("executions", "", graded(Level.OK, bad=bool(words)), figure, limit, words)


def _unlisted(picture: Picture, reach_ms: int) -> Check:
    tried = Counter(
        fields.get("symbol", "") for _, fields in picture.window(RESULTS).entries if fields.get("gate") in UNLISTED
    )
    if not tried:
        return Check("unlisted", "", Level.OK, f"0 in {span(reach_ms)}", "0")
    told = ", ".join(f"{symbol} {count}" for symbol, count in tried.most_common(5))
    words = f"{told}; take it out of AI_SYMBOLS or into all three allowlists"
    return Check("unlisted", "", Level.WARN, f"{tried.total()} in {span(reach_ms)}", "0", words)


def _allowlists(limits: Limits) -> Check:
    lists = {key: symbols for key, symbols in limits.allowlists.items() if key != "AI_SYMBOLS"}
    every = frozenset[str]().union(*lists.values())
    missing = {key: sorted(every - symbols) for key, symbols in lists.items() if every - symbols}
    asked = sorted(limits.allowlists["AI_SYMBOLS"] - limits.tradable)
    figure = f"{len(limits.tradable)} symbols in all of them"
    if missing:
        told = "; ".join(f"{key} lacks {named(symbols)}" for key, symbols in missing.items())
        return Check("allowlists", "", Level.WARN, figure, "equal", f"{told}; no entry on these can pass")
    if asked:
        return Check("allowlists", "", Level.WARN, figure, "equal", f"AI_SYMBOLS has {named(asked)} and no list does")
    return Check("allowlists", "", Level.OK, figure, "equal")


def _stream(stream: Stream, now_ms: int) -> Check:
    """Freshness is a figure: a quiet market writes nothing."""
    if not stream.last_id:
        return Check("stream", stream.name, Level.OK, "empty")
    age = span(max(now_ms - written_ms(stream.last_id), 0))
    return Check("stream", stream.name, Level.OK, f"{age} ago, length {stream.length}, last {stream.last_id}")


def _consumer(group: Group, picture: Picture, limits: Limits, now_ms: int) -> Check:
    subject, most_ms, service = f"{group.stream}/{group.name}", limits.worked_off_ms(group.name), service_of(group.name)
    if not group.there:
        words = f"the group does not exist, and nobody reads: {limits.place.start(service)}" if group.lag else ""
        return Check("consumer", subject, graded(Level.OK, bad=bool(words)), f"{group.lag} unread, no group", "", words)
    waits = waits_ms(group, now_ms)
    lag = "?" if group.lag is None else str(group.lag)
    figure = f"{lag} unread, {group.pending} pending" + (f", oldest {span(waits)}" if waits > 0 else "")
    runs = service in picture.beats
    if group.behind:
        words = f"its cursor is behind what was trimmed: entries are lost to it; restart {service} and read its log"
    elif waits > most_ms:
        place = limits.place
        do = f"it runs and does not move: {place.log(service)}" if runs else f"it is down: {place.start(service)}"
        words = f"{service} has left entries lying for {span(waits)}; {do}"
    else:
        words = ""
    return Check("consumer", subject, graded(Level.OK, bad=bool(words)), figure, span(most_ms), words)


def _dead(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    found = [dead for dead in picture.dead if dead.count]
    for dead in found:
        age_ms = now_ms - written_ms(dead.last_id) if dead.last_id else limits.window_ms + 1
        recent = age_ms <= limits.window_ms
        words = f"malformed entries: quantum tail {dead.name}.dead" if recent else ""
        level = graded(Level.OK, warn=recent)
        yield Check("dead_letters", dead.name, level, f"{dead.count}, last {span(age_ms)} ago", "0", words)
    if not found:
        yield Check("dead_letters", "", Level.OK, "0", "0")


def permits_by_plan(picture: Picture) -> Mapping[str, frozenset[str]]:
    """Given a picture, return who has spoken on each plan of the window."""
    found: dict[str, set[str]] = {}
    for _, fields in picture.window(PERMITS).entries:
        found.setdefault(fields.get("plan_id", ""), set()).add(fields.get("issuer", ""))
    return {plan: frozenset(issuers) for plan, issuers in found.items()}


def _permits(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    """Of the plans that were to be executed and are old enough: how many have the word of both issuers."""
    from_ms = max(picture.window(PLANS).since_ms, picture.window(PERMITS).since_ms)
    until_ms = now_ms - limits.permits_within_ms
    told = permits_by_plan(picture)
    plans = [
        fields.get("plan_id", "")
        for entry_id, fields in picture.window(PLANS).entries
        if fields.get("decision") == Decision.EXECUTE and from_ms <= written_ms(entry_id) <= until_ms
    ]
    if not plans:
        yield Check("permits", "", Level.OK, "no plan to permit", "100 %")
        return
    missing = Counter(issuer for plan in plans for issuer in Issuer if issuer not in told.get(plan, frozenset()))
    whole = sum(told.get(plan, frozenset()) >= frozenset(Issuer) for plan in plans)
    words = "".join(
        f"{issuer} did not speak on {count}: {limits.place.log(service_of(issuer))}; "
        for issuer, count in missing.items()
    ).rstrip("; ")
    figure = f"{whole} of {len(plans)} plans have both, {100 * whole / len(plans):.1f} %"
    yield Check("permits", "", graded(Level.OK, bad=bool(missing)), figure, "100 %", words)


def shares(found: Counter[str]) -> str:
    """Given counts, return each with its share, the largest first."""
    return ", ".join(f"{gate} {100 * count / found.total():.0f} % ({count})" for gate, count in found.most_common())


def _gates(picture: Picture, reach_ms: int) -> Iterator[Check]:
    for eval_type in EvalType:
        found = gates(picture, eval_type)
        if not found:
            yield Check("gates", eval_type, Level.OK, f"no plan in {span(reach_ms)}")
            continue
        refused = {gate for gate in found if gate != "executed" and gate not in HARMLESS_FOR_EXITS}
        bad = eval_type is EvalType.EXIT and bool(refused)
        words = (
            f"exits that would close were not executed: quantum gates --since {max(reach_ms // 60_000, 1)}m"
            if bad
            else ""
        )
        yield Check("gates", eval_type, graded(Level.OK, warn=bad), shares(found), "", words)
