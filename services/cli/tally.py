"""What flowed lately: counts, rates, gates and latencies, from entries read once each. Pure; its memory is bounded."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from quantum_common.reasons import Gate

RATE_WINDOW_MS = 60_000
GATES_WINDOW_MS = 600_000
LATENCIES_MAX = 2_000
INTENTS_MAX = 20_000
RESULTS_SHOWN = 8
FLOWS = ("intents", "plans", "permits", "results", "orders", "fills")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result as it is shown: when it was written, and its fields."""

    written_ms: int
    fields: Mapping[str, str]


@dataclass
class Tally:
    """Takes the entries of the streams in their order and answers what a screen asks."""

    counts: Counter[str] = field(default_factory=Counter)
    results: deque[Outcome] = field(default_factory=lambda: deque(maxlen=RESULTS_SHOWN))
    _recent: dict[str, deque[int]] = field(default_factory=lambda: {flow: deque() for flow in FLOWS})
    _gates: deque[tuple[int, str]] = field(default_factory=deque)
    _intents: dict[str, int] = field(default_factory=dict)
    _to_result: deque[int] = field(default_factory=lambda: deque(maxlen=LATENCIES_MAX))
    _to_sent: deque[int] = field(default_factory=lambda: deque(maxlen=LATENCIES_MAX))
    _to_ledger: deque[int] = field(default_factory=lambda: deque(maxlen=LATENCIES_MAX))

    def intent(self, written_ms: int, fields: Mapping[str, str]) -> None:
        """Take an entry of trade.intent."""
        self._count("intents", written_ms)
        self._intents.setdefault(fields.get("intent_id", ""), written_ms)
        if len(self._intents) > INTENTS_MAX:
            del self._intents[next(iter(self._intents))]

    def plan(self, written_ms: int, fields: Mapping[str, str]) -> None:
        """Take an entry of apply.plan."""
        self._count("plans", written_ms)
        if fields.get("gate") == Gate.DUPLICATE_INTENT:  # the only gate that has no result
            self._gates.append((written_ms, Gate.DUPLICATE_INTENT))

    def permit(self, written_ms: int, fields: Mapping[str, str]) -> None:  # noqa: ARG002 - one shape for all streams
        """Take an entry of apply.permit."""
        self._count("permits", written_ms)

    def result(self, written_ms: int, fields: Mapping[str, str]) -> None:
        """Take an entry of apply.result."""
        self._count("results", written_ms)
        if fields.get("gate"):
            self._gates.append((written_ms, fields["gate"]))
        if fields.get("order_id"):
            self._count("orders", written_ms)
        asked_ms = self._intents.get(fields.get("intent_id", ""))
        if asked_ms is not None:
            self._to_result.append(max(written_ms - asked_ms, 0))
            if fields.get("sent_ms", "").isdigit():
                self._to_sent.append(max(int(fields["sent_ms"]) - asked_ms, 0))
        self.results.append(Outcome(written_ms, fields))

    def journal(self, written_ms: int, fields: Mapping[str, str]) -> None:
        """Take an entry of ledger.journal."""
        if fields.get("kind") == "fill":
            self._count("fills", written_ms)
            if fields.get("trade_ms", "").isdigit():
                self._to_ledger.append(max(written_ms - int(fields["trade_ms"]), 0))

    def per_minute(self, flow: str, now_ms: int) -> int:
        """Given a flow, return how many entries it had in the last minute."""
        recent = self._recent[flow]
        while recent and recent[0] < now_ms - RATE_WINDOW_MS:
            recent.popleft()
        return len(recent)

    def gates(self, now_ms: int) -> Counter[str]:
        """Return how often each gate held in the last ten minutes."""
        while self._gates and self._gates[0][0] < now_ms - GATES_WINDOW_MS:
            self._gates.popleft()
        return Counter(code for _, code in self._gates)

    def latencies(self) -> dict[str, tuple[int, int] | None]:
        """Return p50 and p99 in milliseconds of each hop, over the latest; None where nothing passed yet."""
        hops = {"order": self._to_sent, "ledger": self._to_ledger, "result": self._to_result}
        return {name: (percentile(found, 50), percentile(found, 99)) if found else None for name, found in hops.items()}

    def _count(self, flow: str, written_ms: int) -> None:
        self.counts[flow] += 1
        self._recent[flow].append(written_ms)
        if len(self._recent[flow]) > INTENTS_MAX:
            self._recent[flow].popleft()


def percentile(values: deque[int] | list[int], percent: int) -> int:
    """Given at least one value and a percentage, return the smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]
