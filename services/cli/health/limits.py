"""What the pipeline is held against: the services' own settings, read as the services read them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quantum_common.keys import GROUP_EXECUTOR
from quantum_common.settings import SettingsError, load
from services.ai_engine.bars import BAR_MS
from services.ai_engine.settings import AiSettings
from services.cli.complaint import Complaint
from services.cli.health.place import Place, place_of
from services.cli.target import environ_of
from services.governor.settings import GovernorSettings
from services.intent_bridge.settings import BridgeSettings
from services.intent_executor.settings import ExecutorSettings
from services.position_state_brain.settings import P33Settings

WORKED_OFF_MS = 10_000  # what a group other than the executor's needs at most for one entry, a peer's hiccup included
WINDOW_MS = 600_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of all five services. `window_ms` is how far back counts and shares go; `executions_min` how many
    executions that time must show, 0 where none is set: a quiet market is no failure. `place` says where all of it
    runs, so that advice names the right log."""

    ai: AiSettings
    bridge: BridgeSettings
    governor: GovernorSettings
    p33: P33Settings
    executor: ExecutorSettings
    window_ms: int = WINDOW_MS
    executions_min: int = 0
    place: Place = field(default_factory=Place)

    @property
    def allowlists(self) -> Mapping[str, frozenset[str]]:
        """Return which symbols each key lets through, by the key."""
        return {
            "AI_SYMBOLS": frozenset(self.ai.ai_symbols),
            "INTENT_BRIDGE_ALLOWLIST": frozenset(self.bridge.intent_bridge_allowlist),
            "P33_ALLOWLIST": frozenset(self.p33.p33_allowlist),
            "INTENT_EXECUTOR_ALLOWLIST": frozenset(self.executor.intent_executor_allowlist),
        }

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return every symbol that some service is to look at, by name."""
        return tuple(sorted(frozenset().union(*self.allowlists.values())))

    @property
    def tradable(self) -> frozenset[str]:
        """Return the symbols that every allowlist lets through."""
        return frozenset(self.symbols).intersection(*self.allowlists.values())

    @property
    def snapshot_age_ms_max(self) -> int:
        """Return the age of a snapshot at which the first of bridge and P3.3 refuses entries."""
        return min(self.p33.p33_stale_after_ms, self.bridge.intent_bridge_snapshot_age_ms_max)

    @property
    def permits_within_ms(self) -> int:
        """Return after how long a plan must have both its permits."""
        return self.executor.intent_executor_permit_wait_ms

    @property
    def bars_within_ms(self) -> int:
        """Return the age of the newest bar from which a symbol is stale."""
        return self.ai.ai_stale_bars * BAR_MS

    def worked_off_ms(self, group: str) -> int:
        """Given a consumer group, return how long an entry may lie there. The executor's may wait for permits, and an
        order whose fate is unknown for the fence."""
        if group != GROUP_EXECUTOR:
            return WORKED_OFF_MS
        plan_ms = self.bridge.intent_bridge_plan_ttl_ms + self.executor.intent_executor_permit_wait_ms
        return plan_ms + self.executor.fence_ms


def limits_of(verb: str, folder: Path | None, *, window_ms: int = WINDOW_MS, executions_min: int = 0) -> Limits:
    """Given a command and a run's folder or None, return what its pipeline is held against. Raise Complaint."""
    environ = environ_of(verb, folder)
    try:
        return load_limits(os.environ if environ is None else environ, window_ms, executions_min)
    except SettingsError as error:
        raise Complaint(f"{verb}: {error}") from None


def load_limits(environ: Mapping[str, str], window_ms: int = WINDOW_MS, executions_min: int = 0) -> Limits:
    """Given an environment, return the limits that its env files name. Raise SettingsError."""
    return Limits(
        ai=load(AiSettings, "ai-engine", environ),
        bridge=load(BridgeSettings, "intent-bridge", environ),
        governor=load(GovernorSettings, "governor", environ),
        p33=load(P33Settings, "position-state-brain", environ),
        executor=load(ExecutorSettings, "intent-executor", environ),
        window_ms=window_ms,
        executions_min=executions_min,
        place=place_of(environ),
    )
