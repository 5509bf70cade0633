"""The services' own settings for a backtest: the same env files and defaults as live, and what a run sets itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from quantum_common.money import plain
from quantum_common.settings import CommonSettings, load
from services.ai_engine.policy import ProfileName
from services.ai_engine.settings import AiSettings
from services.governor.settings import GovernorSettings
from services.intent_bridge.settings import EXPLORING, BridgeSettings
from services.intent_executor.settings import ExecutorSettings
from services.position_state_brain.settings import P33Settings

Changes = Mapping[str, Mapping[str, str]]
_NOWHERE = "/nonexistent"
S = TypeVar("S", bound=CommonSettings)


@dataclass(frozen=True, slots=True)
class Settings:
    """What each service is told."""

    ai: AiSettings
    bridge: BridgeSettings
    governor: GovernorSettings
    executor: ExecutorSettings
    p33: P33Settings


def load_settings(
    folder: Path | None,
    symbols: Sequence[str],
    profile: ProfileName | None,
    environ: Mapping[str, str] | None = None,
    changes: Changes | None = None,
) -> Settings:
    """Given the folder of the env files (None: defaults alone), the symbols, the profile (None: as the files say), the
    environment, which wins over the files, and changes by service, return the settings. Raise SettingsError for a
    value that cannot be used.

    The symbols take the place of universe and allowlists, and the environment is paper: what is tested is a strategy
    on these bars, not which account may trade what. Exploring relaxes the bridge as `quantum up` does.
    """
    listed = ",".join(symbols)
    explores = profile is ProfileName.EXPLORE
    ours: dict[str, dict[str, str]] = {
        "ai-engine": {"AI_SYMBOLS": listed} | ({"AI_PROFILE": profile.value} if profile is not None else {}),
        "intent-bridge": {
            "INTENT_BRIDGE_ALLOWLIST": listed,
            **(EXPLORING if explores else {}),
        },
        "governor": {},
        "intent-executor": {"INTENT_EXECUTOR_ALLOWLIST": listed, "EXECUTOR_MODE": "live"},
        "position-state-brain": {"P33_ALLOWLIST": listed},
    }

    def of(settings: type[S], name: str) -> S:
        place = {"QUANTUM_CONFIG_DIR": str(folder) if folder is not None else _NOWHERE, "QUANTUM_ENV": "paper"}
        return load(settings, name, {**(environ or {}), **place, **ours[name], **(changes or {}).get(name, {})})

    return Settings(
        of(AiSettings, "ai-engine"),
        of(BridgeSettings, "intent-bridge"),
        of(GovernorSettings, "governor"),
        of(ExecutorSettings, "intent-executor"),
        of(P33Settings, "position-state-brain"),
    )


def shown(settings: Settings) -> dict[str, dict[str, Any]]:
    """Given settings, return for each service what differs from its defaults, as a report shows it."""
    return {
        name: {
            key.upper(): _plain(getattr(one, key))
            for key, field in type(one).model_fields.items()
            if key not in CommonSettings.model_fields and getattr(one, key) != field.default
        }
        for name, one in (
            ("ai-engine", settings.ai), ("intent-bridge", settings.bridge), ("governor", settings.governor),
            ("intent-executor", settings.executor), ("position-state-brain", settings.p33),
        )
    }  # fmt: skip


def _plain(value: object) -> object:
    match value:
        case tuple():
            return ",".join(map(str, value))
        case bool() | int() | float():
            return value
        case Decimal():
            return plain(value)
        case _:
            return str(value)
