"""What keeps a pipeline, or one symbol of it, from trading although no gate says so: a service that is down, a stuck
consumer, no bars, a full Redis, a list that lacks the symbol. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quantum_common.acl import ENGINE, P33
from services.cli.health.check import Check, Level
from services.cli.health.limits import Limits
from services.cli.health.picture import Picture, Symbol
from services.cli.spans import span


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that stops entries, exits or both. `name` is a check's, or says what of the symbol it is."""

    name: str
    words: str
    entries: bool = True
    exits: bool = True


# The checks that mean that something cannot pass, with whether exits pass still. The rest tell of risk, not of silence.
STOPPING = {
    "redis_memory": False,
    "redis_persistence": False,
    "heartbeat": False,
    "trading_state": False,
    "consumer": False,
    "rate_budget": False,
    "bars": False,
    "model": True,
    "portfolio": True,
}


def general(checks: Iterable[Check]) -> list[Cause]:
    """Given the checklist, return what stops every symbol, what everything else stands on first."""
    bad = [check for check in checks if check.level is Level.BAD and check.name in STOPPING]
    causes = []
    for name, exits_pass in STOPPING.items():
        for check in bad:
            if check.name == name:
                halted = name != "trading_state" or check.figure == "HALTED"
                told = f"{check.name} {check.subject}".strip()
                causes.append(Cause(told, f"{check.figure}: {check.words}", exits=halted and not exits_pass))
    return causes


def particular(name: str, picture: Picture, limits: Limits, now_ms: int) -> list[Cause]:
    """Given a symbol, return what stops it alone."""
    return list(_particular(name, picture.symbols.get(name, Symbol(name)), limits, now_ms))


def _particular(name: str, symbol: Symbol, limits: Limits, now_ms: int) -> Iterator[Cause]:
    lacking = [key for key, symbols in limits.allowlists.items() if name not in symbols]
    if lacking:
        add = f"quantum allowlist add {name}{' --engine' if 'AI_SYMBOLS' in lacking else ''} --reload"
        others = "" if len(lacking) == len(limits.allowlists) else ", or take it out of the others"
        words = f"{name} is not in {', '.join(lacking)}: {add}{others}"
        yield Cause("allowlist", words, exits=False)
        if "AI_SYMBOLS" in lacking:
            return  # nobody asks for it, so nothing else of it matters
    if symbol.snapshot is None:
        words = f"P3.3 has no snapshot of it: does the exchange list it? {limits.place.log(P33)}"
        yield Cause("snapshot", words, exits=False)
    elif (age_ms := now_ms - symbol.snapshot.ts_ms) > limits.snapshot_age_ms_max:
        limit = span(limits.snapshot_age_ms_max)
        words = f"its snapshot is {span(age_ms)} old against {limit}: does P3.3 run, does the exchange answer it?"
        yield Cause("snapshot", words, exits=False)
    if symbol.hold is not None:
        hold = symbol.hold
        words = (
            f"held for {span(now_ms - hold.since_ms)}, {hold.reason}: exchange {hold.exchange_position_amt}, ledger "
            f"{hold.ledger_position_amt}; quantum reconcile tells more, quantum reconcile release lifts it"
        )
        yield Cause("hold", words, exits=False)
    if symbol.market is None:
        yield Cause("bars", "the engine has had no closed bar of it: does the exchange list and trade it?")
    elif (age_ms := now_ms - symbol.market.ts_ms) > limits.bars_within_ms:
        words = f"no closed bar for {span(age_ms)}, and one a minute is due: {limits.place.log(ENGINE)}"
        yield Cause("bars", words)
