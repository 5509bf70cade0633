"""Bars on their way into the features: each once and in order, and whatever is wrong with one is told by name."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from quantum_common.exchange.port import Bar
from services.ai_engine.bars import BarFault, DeadBar
from services.ai_engine.features import Features, Ignored, SymbolFeatures, Updated
from services.ai_engine.leader import Leader
from services.ai_engine.policy import Policy

NOTES_MIN = 64  # of the leader: more than it can be ahead of anybody


@dataclass(frozen=True, slots=True)
class Universe:
    """What to look at: the symbols, how many minutes of their past to read, after how many without a bar one is stale,
    whether a trained model wants its inputs, and whose moves they show. A leader that is no symbol of ours is looked at
    and not traded."""

    symbols: tuple[str, ...]
    history_bars: int
    stale_bars: int
    trained: bool = False
    leader: str = ""

    @property
    def followed(self) -> tuple[str, ...]:
        """Return every symbol whose bars are needed, the leader first: its past is read before the others'."""
        return tuple(dict.fromkeys((self.leader, *self.symbols))) if self.leader else self.symbols


class Due(NamedTuple):
    """A bar that was taken in and is to be recorded, and where `act` to be decided on."""

    bar: Bar
    features: Features
    taken_ms: int
    act: bool = True


@dataclass(slots=True)
class Taken:
    """What came of some bars: what of each symbol's newest is due, every bar that has inputs, and what was wrong."""

    due: dict[str, Due] = field(default_factory=dict)
    decisions: list[tuple[str, Features]] = field(default_factory=list)
    count: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    restarted: list[str] = field(default_factory=list)
    refused: dict[str, BarFault] = field(default_factory=dict)
    dead: list[DeadBar] = field(default_factory=list)


class Intake:
    """The features of every symbol, and of the leader of all."""

    def __init__(self, universe: Universe, policy: Policy) -> None:
        self._symbols = frozenset(universe.symbols)
        notes = universe.history_bars * policy.interval_ms // policy.decision_ms + NOTES_MIN
        leader = Leader(universe.leader, notes) if universe.leader else None
        decision_ms = policy.decision_ms if universe.trained else None
        self.features = {
            symbol: SymbolFeatures(policy.interval_ms, decision_ms, leader) for symbol in universe.followed
        }

    def take(self, bars: Iterable[Bar], now_ms: int, taken: Taken | None = None) -> Taken:
        """Given bars in order, take each into its symbol's features; return what came of them, added to what came of
        those before. Of several of one symbol the newest is due."""
        taken = Taken() if taken is None else taken
        for bar in bars:
            features = self.features.get(bar.symbol)
            if features is None:
                continue
            match features.update(bar):
                case Updated(found, missing, anew):
                    taken.count += 1
                    if found.inputs:
                        taken.decisions.append((bar.symbol, found))
                    if bar.symbol in self._symbols:
                        taken.due[bar.symbol] = Due(bar, found, now_ms)
                    if missing:
                        taken.gaps[bar.symbol] = taken.gaps.get(bar.symbol, 0) + missing
                    if anew:
                        taken.restarted.append(bar.symbol)
                case BarFault() as fault:
                    taken.refused[bar.symbol] = fault
                    taken.dead.append(DeadBar.of(bar, fault, now_ms))
                case Ignored():
                    continue
        return taken
