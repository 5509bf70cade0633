"""What was typed behind `quantum backtest`, before anything is loaded that could read it."""

from dataclasses import dataclass
from pathlib import Path

from services.ai_engine.policy import ProfileName

LATENCY_MS_MAX = 59_999


@dataclass(frozen=True, slots=True)
class Given:
    """The options as they were typed; a text is empty where its option was left out. Money in USDT, fees in bps."""

    data: Path
    symbols: str
    from_: str
    to: str
    profile: ProfileName | None
    model: Path | None
    balance: str
    config: Path | None
    fee: str
    latency_ms: int
    out: Path | None
    as_json: bool
