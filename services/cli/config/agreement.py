"""What services must agree on: the symbols, the exchange and Redis they share, and times that depend on each other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from quantum_common.env_file import Line
from quantum_common.settings import CommonSettings
from quantum_common.settings_changes import written
from services.cli.config.finding import Finding, Level, at, in_file
from services.cli.config.folder import ConfigFolder
from services.cli.formula_check import cutoff_faults
from services.governor.settings import GovernorSettings

Values = Mapping[str, CommonSettings]


@dataclass(frozen=True, slots=True)
class SymbolList:
    """A key that holds symbols: whose it is, and what a symbol that it lacks or has alone comes to."""

    service: str
    key: str
    missing: str


UNIVERSE = SymbolList("ai-engine", "AI_SYMBOLS", "nothing ever wishes for it")
ALLOWLISTS = (
    SymbolList("intent-bridge", "INTENT_BRIDGE_ALLOWLIST", "entries end at symbol_not_in_allowlist"),
    SymbolList("intent-executor", "INTENT_EXECUTOR_ALLOWLIST", "entries end at executor_symbol_not_in_allowlist"),
    SymbolList("position-state-brain", "P33_ALLOWLIST", "entries end at p33_symbol_not_in_allowlist"),
)
TIES = ("quantum_env", "quantum_key_prefix", "quantum_paper_url", "quantum_redis_url", "quantum_stream_keep_ms")
FOLLOWERS = (  # a key of how old a snapshot may be, with its service
    ("intent-bridge", "intent_bridge_snapshot_age_ms_max"),
    ("position-state-brain", "p33_stale_after_ms"),
    ("governor", "gov_portfolio_age_ms_max"),
)
CYCLES_MIN = 2  # one late cycle must not refuse entries


def symbols_of(values: Values, one: SymbolList) -> tuple[str, ...] | None:
    """Given settings, return the symbols of a list; None where they are not known: missing, or wrong."""
    found: tuple[str, ...] | None = getattr(values.get(one.service), one.key.lower(), None)
    return found


def agreement_findings(folder: ConfigFolder, values: Values) -> Iterator[Finding]:
    """Given a folder and the settings in it, yield where services do not agree."""
    yield from _allowlists(folder, values)
    yield from _universe(folder, values)
    yield from _ties(folder, values)
    yield from _snapshot_ages(folder, values)
    yield from _cutoffs(folder, values)


def _allowlists(folder: ConfigFolder, values: Values) -> Iterator[Finding]:
    """Yield one finding for each list that lacks what another has."""
    known = {one: found for one in ALLOWLISTS if (found := symbols_of(values, one)) is not None}
    for one, found in known.items():
        lacking: dict[tuple[str, ...], list[str]] = {}  # by the lists that have them
        for symbol in _without(found, known.values()):
            having = tuple(other.key for other, theirs in known.items() if symbol in theirs)
            lacking.setdefault(having, []).append(symbol)
        if lacking:
            parts = [
                f"{', '.join(symbols)}, which {' and '.join(keys)} {'has' if len(keys) == 1 else 'have'}"
                for keys, symbols in lacking.items()
            ]
            every = " ".join(symbol for symbols in lacking.values() for symbol in symbols)
            yield _at_list(
                folder, one, f"lacks {'; '.join(parts)}: {one.missing}",
                f"quantum allowlist add {every}, or remove {every}",
            )  # fmt: skip


def _universe(folder: ConfigFolder, values: Values) -> Iterator[Finding]:
    wished = symbols_of(values, UNIVERSE)
    allowed = [found for one in ALLOWLISTS if (found := symbols_of(values, one)) is not None]
    if wished is None or len(allowed) < len(ALLOWLISTS):
        return
    if alone := _without(_union(allowed), [wished]):
        yield _at_list(
            folder, UNIVERSE, f"has {', '.join(alone)}, which no allowlist has: close-only",
            f"quantum allowlist add {' '.join(alone)}, or take out here", Level.WARNING,
        )  # fmt: skip
    if lacking := _without(wished, allowed):
        yield _at_list(
            folder, UNIVERSE, f"lacks {', '.join(lacking)}, which an allowlist has: nothing ever wishes for them",
            f"add here, or quantum allowlist remove {' '.join(lacking)}", Level.WARNING,
        )  # fmt: skip


def _ties(folder: ConfigFolder, values: Values) -> Iterator[Finding]:
    """Yield a service whose own file takes it to another exchange, Redis or shard than the rest."""
    for name in TIES:
        chosen = {service: written(getattr(settings, name)) for service, settings in values.items()}
        [(usual, _)] = Counter(chosen.values()).most_common(1)
        for service, value in chosen.items():
            line = folder.of(service).get(name.upper())
            if value != usual and line is not None:
                yield at(line, f"is {value} for {service}, and {usual} for the others", "set it in common.env alone")


def _snapshot_ages(folder: ConfigFolder, values: Values) -> Iterator[Finding]:
    every_ms: int = getattr(values["position-state-brain"], "p33_snapshot_every_ms")  # noqa: B009 - one of a mapping of models
    for service, name in FOLLOWERS:
        age_ms: int = getattr(values[service], name)
        if age_ms < CYCLES_MIN * every_ms:
            yield _at_key(
                folder, service, name.upper(),
                f"{age_ms} ms is less than two cycles of P33_SNAPSHOT_EVERY_MS={every_ms}: a late one refuses entries",
                "raise this, or lower that", Level.WARNING,
            )  # fmt: skip


def _cutoffs(folder: ConfigFolder, values: Values) -> Iterator[Finding]:
    settings = values["governor"]
    if not isinstance(settings, GovernorSettings):
        raise TypeError(f"the governor's settings are {type(settings).__name__}")
    for key, faults in cutoff_faults(settings).items():
        if faults:
            more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
            yield _at_key(folder, "governor", key, faults[0] + more, "quantum governor check shows all")


def _union(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(symbol for one in lists for symbol in one))


def _without(found: tuple[str, ...], lists: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the symbols of the lists that are not among the found, in their order."""
    return [symbol for symbol in _union(lists) if symbol not in found]


def _at_list(folder: ConfigFolder, one: SymbolList, problem: str, remedy: str, level: Level = Level.ERROR) -> Finding:
    return _at_key(folder, one.service, one.key, problem, remedy, level)


def _at_key(
    folder: ConfigFolder, service: str, key: str, problem: str, remedy: str, level: Level = Level.ERROR
) -> Finding:
    """Given a key of a service, return a finding at its line, or at the file where it has its default."""
    line: Line | None = folder.of(service).get(key)
    path: Path = folder.file(service)
    return at(line, problem, remedy, level) if line else in_file(path, key, problem, remedy, level)
