"""Whole runs over made bars, for tests that look at what comes out."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from services.ai_engine.policy import ProfileName
from services.backtest.bars import Asked
from services.backtest.opening import Request, opened
from services.backtest.replay import Replay, Terms, played
from services.backtest.result import result_of
from services.backtest.settings import Changes
from tests.unit.backtest.klines import START_MS

WARM_BARS = 300


def replay_of(
    data: Path, terms: Terms | None = None, changes: Changes | None = None, profile: ProfileName = ProfileName.EXPLORE
) -> Replay:
    """A run over a folder of bars, ready to be played."""
    asked = Asked(from_ms=START_MS + WARM_BARS * 60_000)
    replay, _ = opened(Request(data, asked, profile, changes=changes), terms or Terms(Decimal(10_000)))
    return replay


def run(replay: Replay) -> dict[str, Any]:
    """Play a run to its end and return its result."""
    played(replay, lambda _: None, lambda: False)
    return result_of(replay, Path("klines"), None, {})
