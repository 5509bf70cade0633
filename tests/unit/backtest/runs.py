"""Whole runs over made bars, for tests that look at what comes out."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.ai_engine.policy import ProfileName
from services.backtest.bars import Asked, open_source, span_of
from services.backtest.model import model_for
from services.backtest.replay import Replay, Terms, played
from services.backtest.result import result_of
from services.backtest.settings import load_settings

WARM_BARS = 300


def replay_of(
    data: Path,
    terms: Terms | None = None,
    changes: Mapping[str, Mapping[str, str]] | None = None,
    profile: ProfileName = ProfileName.EXPLORE,
) -> Replay:
    """A run over a folder of bars, ready to be played."""
    source = open_source(data, ())
    settings = load_settings(None, tuple(source.bars), profile, changes=changes)
    model, _ = model_for(None, settings.ai.policy)
    return Replay(source, span_of(source, Asked(), WARM_BARS), settings, model, terms or Terms(Decimal(10_000)))


def run(replay: Replay) -> dict[str, Any]:
    """Play a run to its end and return its result."""
    played(replay, lambda _: None, lambda: False)
    return result_of(replay, Path("klines"), None, {})
