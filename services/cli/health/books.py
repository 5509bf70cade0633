"""Positions: does every symbol have a fresh snapshot, do ledger and exchange agree, does each position have its stop.
Pure."""

from collections.abc import Iterator
from decimal import Decimal

from quantum_common.acl import EXECUTOR, P33
from quantum_common.money import ZERO, plain
from services.cli.health.check import Check, Level, graded
from services.cli.health.limits import Limits
from services.cli.health.picture import Picture, Symbol
from services.cli.spans import span

SETTLES_MS = 10_000  # a trade that is under way makes a difference for so long
NAMED_MAX = 5


def books(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    """Given a picture, return the verdicts on what we hold and what we believe to hold."""
    yield _coverage(picture, limits)
    yield from _snapshot_age(picture, limits, now_ms)
    yield _portfolio(picture, limits, now_ms)
    yield from _drift(picture, now_ms)
    yield from _stops(picture, limits, now_ms)
    yield from _close_only(picture, limits)


def named(names: list[str]) -> str:
    """Given names, return the first few as one text."""
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def difference(symbol: Symbol) -> Decimal:
    """Return ledger less exchange, in base asset; what is not there counts as flat."""
    did = symbol.ledger.position_amt if symbol.ledger else ZERO
    says = symbol.snapshot.position_amt if symbol.snapshot else ZERO
    return did - says


def position(symbol: Symbol) -> Decimal:
    """Return what the exchange says, flat where it has said nothing."""
    return symbol.snapshot.position_amt if symbol.snapshot else ZERO


def _coverage(picture: Picture, limits: Limits) -> Check:
    wanted = limits.p33.p33_allowlist
    missing = [name for name in wanted if name not in picture.symbols or picture.symbols[name].snapshot is None]
    words = (
        f"no snapshot of {named(missing)}: does the exchange list it? else {limits.place.log(P33)}" if missing else ""
    )
    level = graded(Level.OK, bad=bool(missing))
    figure = f"{len(wanted) - len(missing)} of {len(wanted)} symbols"
    return Check("snapshot_coverage", "", level, figure, f"{len(wanted)}", words)


def _snapshot_age(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    most_ms = limits.snapshot_age_ms_max
    ages = {
        name: now_ms - found.snapshot.ts_ms
        for name in {*limits.symbols, *(name for name, one in picture.symbols.items() if position(one))}
        if (found := picture.symbols.get(name)) and found.snapshot
    }
    if not ages:
        return
    oldest = max(ages, key=ages.__getitem__)
    stale = sorted(name for name, age_ms in ages.items() if age_ms > most_ms)
    words = (
        f"stale: {named(stale)}; entries are refused: does P3.3 run, does the exchange answer it? "
        f"{limits.place.log(P33)}"
        if stale
        else ""
    )
    figure = f"{span(max(ages[oldest], 0))} ({oldest})"
    yield Check("snapshot_age", "", graded(Level.OK, bad=bool(stale)), figure, span(most_ms), words)


def _portfolio(picture: Picture, limits: Limits, now_ms: int) -> Check:
    most_ms = limits.governor.gov_portfolio_age_ms_max
    if picture.portfolio is None:
        words = f"no entry passes without it; P3.3 writes it: {limits.place.log(P33)}"
        return Check("portfolio", "", Level.BAD, "none", span(most_ms), words)
    found = picture.portfolio
    age_ms = now_ms - found.ts_ms
    words = "entries are refused (portfolio_state_stale): does P3.3 run?" if age_ms > most_ms else ""
    figure = (
        f"{span(max(age_ms, 0))} ago, equity {found.equity_usd:.2f}, drawdown {100 * found.drawdown_pct:.2f} %, "
        f"{found.open_positions} open"
    )
    return Check("portfolio", "", graded(Level.OK, bad=bool(words)), figure, span(most_ms), words)


def _drift(picture: Picture, now_ms: int) -> Iterator[Check]:
    """One line for each symbol that is held or differs; one for all where none does."""
    odd = [one for one in picture.symbols.values() if one.hold is not None or difference(one)]
    for one in odd:
        figure = f"ledger {plain(difference(one) + position(one))}, exchange {plain(position(one))}"
        if one.hold is not None:
            words = (
                f"held for {span(now_ms - one.hold.since_ms)} ({one.hold.reason}): "
                f"{one.hold.details or 'being judged'}; entries wait, exits pass: quantum reconcile"
            )
            yield Check("drift", one.name, Level.BAD, figure, "equal", words)
            continue
        moved_ms = max(one.ledger.updated_ms if one.ledger else 0, one.snapshot.ts_ms if one.snapshot else 0)
        settled = now_ms - (one.ledger.updated_ms if one.ledger else 0) > SETTLES_MS
        words = (
            "they differ and nothing is under way: quantum ledger verify"
            if settled
            else f"a trade of {span(now_ms - moved_ms)} ago is being booked"
        )
        yield Check("drift", one.name, graded(Level.WARN, bad=settled), figure, "equal", words)
    if not odd:
        yield Check("drift", "", Level.OK, f"ledger = exchange on {len(picture.symbols)} symbols", "equal")


def _stops(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    """A position that nobody watches must be closed by the exchange where it goes wrong."""
    standing = [one for one in picture.symbols.values() if position(one)]
    bare = [one for one in standing if not one.stop.get("client_id")]
    for one in bare:
        opened_ms = one.ledger.opened_ms if one.ledger else None
        fresh = opened_ms is not None and now_ms - opened_ms <= limits.executor.intent_executor_stops_every_ms
        words = (
            "it was just opened; its stop is being placed"
            if fresh
            else f"it has no stop on the exchange: does the executor run? {limits.place.log(EXECUTOR)}; "
            "if it cannot place one: quantum flatten"
        )
        level = graded(Level.WARN, bad=not fresh)
        yield Check("protective_stop", one.name, level, f"none for {plain(position(one))}", "one a position", words)
    if not bare:
        yield Check("protective_stop", "", Level.OK, f"{len(standing)} of {len(standing)} positions", "one a position")


def _close_only(picture: Picture, limits: Limits) -> Iterator[Check]:
    """A symbol taken off an allowlist while a position stands: entries stop, exits pass, and health says so."""
    for one in picture.symbols.values():
        off = [key for key, symbols in limits.allowlists.items() if key != "AI_SYMBOLS" and one.name not in symbols]
        if position(one) and off:
            words = f"not in {', '.join(off)}: entries stop, exits pass; put it back or let it close"
            yield Check("close_only", one.name, Level.WARN, plain(position(one)), "flat", words)
