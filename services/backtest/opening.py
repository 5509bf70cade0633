"""From what an operator asks to a run that is ready: settings, model, bars and span, each refused in one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantum_common.clock import minute_utc
from services.ai_engine.ensemble import Ensemble
from services.ai_engine.mind import mind_of, misfit, universe_of
from services.ai_engine.model_files import ModelRefused, load_model
from services.ai_engine.policy import ProfileName
from services.ai_engine.settings import AiSettings
from services.backtest.bars import Asked, span_of
from services.backtest.replay import Replay, Terms
from services.backtest.settings import Changes, load_settings
from services.paper_exchange.market.csv_files import bar_files
from services.paper_exchange.market.replay import ReplaySource


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run: bars, the period and symbols of them, and where the settings come from. `environ` wins over
    the files of `config`, and `changes` by service over both; None keeps what the settings say."""

    data: Path
    asked: Asked
    profile: ProfileName | None = None
    model: Path | None = None
    config: Path | None = None
    environ: Mapping[str, str] | None = None
    changes: Changes | None = None


def opened(request: Request, terms: Terms) -> tuple[Replay, dict[str, Any] | None]:
    """Given a request, return the run and its model's card, if it has one. Raise FileFault, NoBars, SettingsError or
    ModelRefused, each with one line that says what to do."""
    symbols = tuple(bar_files(request.data, request.asked.symbols))
    changes = dict(request.changes or {})
    if request.model is not None:
        changes["ai-engine"] = {**changes.get("ai-engine", {}), "AI_MODEL_DIR": str(request.model)}
    settings = load_settings(request.config, symbols, request.profile, request.environ, changes)
    trained = trained_for(settings.ai)
    universe = universe_of(settings.ai, trained)
    source = ReplaySource(request.data, universe.followed)
    span = span_of(source, request.asked, universe.history_bars)
    mind = mind_of(settings.ai, trained)
    replay = Replay(source, span, settings, universe, mind, terms)
    if mind.care is None:
        return replay, None
    if (expires_ms := mind.care.expires_ms) <= span.start_ms:
        raise ModelRefused(
            f"{settings.ai.ai_model_dir}: is older than these bars: it may be used until {minute_utc(expires_ms)}, and "
            f"the run begins at {minute_utc(span.start_ms)}; train a new one, or give an earlier --from"
        )
    return replay, mind.care.card.model_dump(mode="json")


def trained_for(settings: AiSettings) -> Ensemble | None:
    """Given the engine's settings, return the trained model that they name, None where they name none. Raise
    ModelRefused for one that cannot be used with them.

    Its age is not asked for here: that is judged at the time of the bars, not at that of the clock on the wall.
    """
    folder = settings.ai_model_dir
    if folder is None:
        return None
    model = load_model(folder)
    if wrong := misfit(model.card, settings):
        raise ModelRefused(f"{folder}: {wrong}")
    return model
