"""A steady load over minutes or an hour: is anything lost, does the chain keep up, what does each process use?"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.audit import Findings, read_findings
from benchmarks.children import BenchmarkFailed
from benchmarks.injector import Injector
from benchmarks.ledgers import Comparison, compare
from benchmarks.machine import Machine
from benchmarks.processes import Usage, usage
from benchmarks.rig import DAEMONS, Rig, chain
from benchmarks.tables import table
from benchmarks.wishes import Wishes
from services.cli.embedded_redis import Fsync

RATE = 300.0
SYMBOLS, STANDING = 240, 60  # at full rate a position stands for 0.4 s
DRAIN_WITHIN_S = 90.0
RSS_MIB_MAX = 120
AUDIT = "audit"
KEEP_MS = "120000"
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """How a load went. `backlog` is how many wishes had no result yet when the last was written."""

    fsync: Fsync
    wanted_rate: float
    injected: int
    injected_s: float
    backlog: int
    drained_s: float | None
    findings: Findings
    comparison: Comparison
    before: Mapping[str, Usage]
    after: Mapping[str, Usage]
    machine: str

    def tables(self) -> str:
        """Return the load as text."""
        return "\n".join(
            (
                f"## Sustained: {self.wanted_rate:g} plans/s for {self.injected_s:.0f} s, appendfsync {self.fsync}",
                "",
                table(("what", "measured", "wanted"), self._outcome()),
                "",
                table(("process", "CPU % of a core", "RSS MiB at start", "RSS MiB at end", "limit"), self._usage()),
                "",
                self.machine,
            )
        )

    def _outcome(self) -> list[list[str]]:
        total_s = self.injected_s + (self.drained_s or DRAIN_WITHIN_S)
        drained = f"{self.drained_s:.1f} s" if self.drained_s is not None else f"not within {DRAIN_WITHIN_S:g} s"
        blocked = ", ".join(f"{gate} {count}" for gate, count in self.findings.blocked.items()) or "none"
        return [
            ["intents written", str(self.injected), ""],
            ["rate of intents", f"{self.injected / self.injected_s:.1f}/s", f"{self.wanted_rate:g}/s"],
            ["rate of results, drained", f"{self.findings.results / total_s:.1f}/s", f"{self.wanted_rate:g}/s"],
            ["backlog at the end", str(self.backlog), "small"],
            ["backlog drained after", drained, ""],
            ["plans", str(self.findings.plans), str(self.injected)],
            ["results", str(self.findings.results), str(self.injected)],
            ["executed", str(self.findings.executed), str(self.injected)],
            ["blocked, by gate", blocked, "none"],
            ["lost", str(self.findings.lost(self.injected)), "0"],
            ["entries that came twice", str(self.findings.repeated), "0"],
            ["dead letters", str(self.findings.dead), "0"],
            ["trades in the journal", str(self.findings.trades), str(self.comparison.trades)],
            ["ledgers unlike the exchange's trades", str(len(self.comparison.differing)), "0"],
        ]

    def _usage(self) -> list[list[str]]:
        return [
            [
                name,
                f"{now.share_since(self.before[name], self.injected_s):.0f}",
                f"{self.before[name].rss_mib:.0f}",
                f"{now.rss_mib:.0f}",
                f"{RSS_MIB_MAX}" if name in DAEMONS else "",
            ]
            for name, now in self.after.items()
        ]


def measure(fsync: Fsync, seconds: float, rate: float = RATE, symbols: int = SYMBOLS) -> Load:
    """Given when Redis syncs, for how long, the rate and the number of symbols, load the chain. Raise
    BenchmarkFailed where it does not come up or a process dies."""
    with chain(fsync, symbols, {"common": {"QUANTUM_STREAM_KEEP_MS": KEEP_MS}}) as rig:
        machine = Machine.now(rig.redis_version())
        out = rig.children.folder / "findings.json"
        rig.children.start(AUDIT, "benchmarks.audit", "--redis", rig.redis_url, "--out", str(out))
        injector = Injector(rig.redis, rig.keys, Wishes(rig.symbols, min(STANDING, symbols // 2), uuid.uuid4().hex))
        before, began_s = _usages(rig), time.monotonic()
        count = 0
        for count, _ in enumerate(injector.steady(0, max(int(seconds * rate), 1), rate), start=1):
            if count % int(rate) == 0:
                rig.children.require_alive()
        injected_s = time.monotonic() - began_s
        backlog, after = count - rig.length(rig.keys.results), _usages(rig)
        drained_s = _drain(rig, count)
        rig.children.finish(AUDIT)
        return Load(
            fsync, rate, count, injected_s, backlog, drained_s, read_findings(out), compare(rig), before, after,
            machine.line(),
        )  # fmt: skip


def _drain(rig: Rig, intents: int) -> float | None:
    """Wait until every wish has its result and every fill is booked; return how long that took, or None where it was
    too long."""
    began_s = time.monotonic()
    try:
        rig.children.wait_until(lambda: rig.length(rig.keys.results) >= intents, "all results", DRAIN_WITHIN_S)
    except BenchmarkFailed:
        rig.children.require_alive()
        return None
    drained_s = time.monotonic() - began_s
    booked = -1
    while booked != (now := rig.length(rig.keys.journal)):
        booked = now
        time.sleep(LOOK_EVERY_S)
    return drained_s


def _usages(rig: Rig) -> dict[str, Usage]:
    return {name: usage(pid) for name, pid in rig.pids.items()}
