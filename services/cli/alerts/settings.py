"""`alerts.env`: whom to tell, of what, how soon and how often."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from quantum_common.clock import HOUR_MS
from quantum_common.settings import CommonSettings
from services.cli.alerts.decide import Policy
from services.cli.health.check import Level


def _words(value: object) -> object:
    """Given a command line, return its words; a quote that is not closed raises ValueError."""
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def _names(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class AlertsSettings(CommonSettings):
    """Settings of `quantum alerts`. Times in milliseconds."""

    alerts_webhook_file: Path | None = Field(
        None, description="file with the URL that notices are posted to, mode 0600; none: no webhook"
    )
    alerts_command: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (), description="program and arguments that get each notice, as variables and on standard input; no shell"
    )
    alerts_level_min: Literal["WARN", "BAD"] = Field("BAD", description="from which level on a check is told")
    alerts_muted: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (), description="names of checks that are never told, comma-separated"
    )
    alerts_every_ms: int = Field(2_000, ge=200, le=60_000, description="pause between two looks")
    alerts_confirm_ms: int = Field(
        10_000, ge=0, le=HOUR_MS, description="how long a trouble must last before it is told; a halt is told at once"
    )
    alerts_calm_ms: int = Field(
        30_000, ge=0, le=HOUR_MS, description="how long it must be well again before that is told"
    )
    alerts_repeat_ms: int = Field(
        HOUR_MS, ge=0, le=7 * 24 * HOUR_MS, description="how often it is told again while it stands; 0: never"
    )
    alerts_timeout_ms: int = Field(5_000, ge=100, le=60_000, description="how long one delivery may take")
    alerts_state_file: Path = Field(
        Path("/var/lib/quantum-alerts/state.json"), description="what stands and what is still to be told"
    )

    @property
    def policy(self) -> Policy:
        """Return how these settings have it decided."""
        return Policy(
            level_min=Level(self.alerts_level_min),
            muted=frozenset(self.alerts_muted),
            confirm_ms=self.alerts_confirm_ms,
            calm_ms=self.alerts_calm_ms,
            repeat_ms=self.alerts_repeat_ms,
        )
