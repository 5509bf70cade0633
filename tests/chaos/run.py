"""One run: faults while intents flow, then everything calm, then the comparison from the outside."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.cli.exchange_link import ExchangeAway
from services.cli.redis_link import GONE
from tests.chaos.faults import schedule
from tests.chaos.history import History
from tests.chaos.paper import AWAY
from tests.chaos.probes import probes
from tests.chaos.recovery import percentile, recoveries_ms
from tests.chaos.settings import QUICK, SHIPPED
from tests.chaos.stage import Stage
from tests.chaos.strikes import Conductor
from tests.chaos.truth import booked_facts, collect
from tests.chaos.verdict import Left, Verdict, judge
from tests.chaos.wishes import Injector

LOOP_S = 0.01
LEASE_LOST = " is held by "  # the one death that is in order: a rival took over while the process slept
LOOK_EVERY_S = 0.5
SETTLE_FENCES = 4  # the bound on settling, as a multiple of the fence, and
SETTLE_MORE_S = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is told."""

    lasts_s: float
    seed: int
    rate: float = 3.0
    shipped: bool = False
    flush: bool = False
    symbols: int = 6
    speed: int = 60

    @property
    def replay(self) -> str:
        """Return the command that strikes in the same way again."""
        flags = " --shipped" * self.shipped + " --flush" * self.flush
        return f"python -m tests.chaos --minutes {self.lasts_s / 60:g} --seed {self.seed}{flags}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. Recoveries in milliseconds, one for each episode."""

    plan: Plan
    folder: Path
    kills: int
    strikes: Counter[str]
    probes: Counter[str]
    verdict: Verdict
    deaths: tuple[str, ...]
    recoveries_ms: tuple[int, ...]
    settled_s: float
    pids: tuple[int, ...]

    @property
    def failed(self) -> bool:
        """Return whether anything is not as it must be."""
        return bool(self.verdict.findings or self.deaths)

    @property
    def line(self) -> str:
        """Return the run's last line."""
        verdict = self.verdict
        return (
            f"kills={self.kills} orders={verdict.orders} duplicate_orders={len(verdict.duplicate_orders)}"
            f" lost_fills={len(verdict.lost_fills)} ledger_diffs={len(verdict.ledger_diffs)}"
            f" unresolved_plans={len(verdict.unresolved_plans)}"
            f" recovery_p99_s={percentile(self.recoveries_ms, 0.99) / 1000:.1f}"
        )


def run(plan: Plan, say: Callable[[str], None], folder: Path | None = None) -> Outcome:
    """Given what a run is told, carry it out and return what came of it. A run without a finding leaves no folder."""
    place = folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    place.mkdir(parents=True, exist_ok=True)
    tempo = SHIPPED if plan.shipped else QUICK
    with (
        History(place / "history.jsonl") as history,
        Stage(place, plan.seed, tempo, history, plan.symbols, plan.speed) as stage,
    ):
        episodes = schedule(plan.seed, plan.lasts_s, tempo.fence_ms, flush=plan.flush)
        conductor, injector = Conductor(stage, episodes), Injector(stage, plan.rate)
        faults = [fault for episode in episodes for fault in episode.faults]
        say(f"{len(faults)} faults in {len(episodes)} episodes; logs and history in {place}")
        _strike(plan, stage, conductor, injector)
        say("faults off: everything must settle")
        left, settled_s = _settle(plan, stage, conductor, injector)
        end_ms = history.note("info", "settled", after_s=settled_s)
        pids = tuple(actor.process.pid for actor in stage.actors.values())
        deaths = tuple(
            f"DIED {line['name']} with status {line['status']}: {line['words']}"
            for line in history.of("died", "info")
            if LEASE_LOST not in line["words"]
        )
        took_ms = tuple(recoveries_ms(conductor.ends_ms, left.facts, end_ms))
        for over_ms, after_ms in zip(conductor.ends_ms, took_ms, strict=True):
            history.note("info", "recovery", faults_over_ms=over_ms, took_ms=after_ms)
        outcome = Outcome(
            plan, place, conductor.kills, Counter(str(fault.strike) for fault in faults), probes(place, left.facts),
            judge(left), deaths, took_ms, settled_s, pids,
        )  # fmt: skip
        for finding in (*outcome.verdict.findings, *deaths):
            history.note("fail", "finding", text=finding)
    if not outcome.failed and folder is None:
        shutil.rmtree(place, ignore_errors=True)
    return outcome


def _strike(plan: Plan, stage: Stage, conductor: Conductor, injector: Injector) -> None:
    """The time of faults, with the calm at its end that the last recovery is measured in."""
    until_s = time.monotonic() + plan.lasts_s
    while time.monotonic() < until_s:
        stage.tend()
        conductor.step()
        injector.step()
        time.sleep(LOOP_S)


def _settle(plan: Plan, stage: Stage, conductor: Conductor, injector: Injector) -> tuple[Left, float]:
    """Take every fault away, end all wishing, and look until nothing is wrong any more or the bound is reached."""
    began_s = time.monotonic()
    conductor.calm()
    stage.retire("ai-engine")
    stage.wait_for(lambda: _still(stage), "the exchange without faults")
    until_s = began_s + SETTLE_MORE_S + SETTLE_FENCES * stage.tempo.fence_ms / 1000
    while True:
        stage.tend()
        try:
            left = Left(collect(stage), booked_facts(stage), frozenset(injector.wished), flushed=plan.flush)
            if not judge(left).findings or time.monotonic() >= until_s:
                return left, time.monotonic() - began_s
        except (*GONE, *AWAY, ExchangeAway):
            if time.monotonic() >= until_s:
                raise
        _tend_for(stage, LOOK_EVERY_S)


def _still(stage: Stage) -> bool:
    """Clear the exchange's menu and stop its market. Return whether that was done."""
    try:
        stage.paper.clear()
        stage.paper.pause()
    except AWAY:
        return False
    return stage.all_run()


def _tend_for(stage: Stage, pause_s: float) -> None:
    until_s = time.monotonic() + pause_s
    while time.monotonic() < until_s:
        stage.tend()
        time.sleep(LOOP_S)
