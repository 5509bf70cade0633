"""What an engine decides with: the model for its settings, the policy that fits the model, and what both need."""

from dataclasses import dataclass

from quantum_common.clock import DAY_MS, MINUTE_MS
from services.ai_engine.bars import BAR_MS
from services.ai_engine.card import ModelCard
from services.ai_engine.care import Care
from services.ai_engine.ensemble import Ensemble
from services.ai_engine.fitness import FIT, NO_MODEL, Fitness
from services.ai_engine.inputs import INPUT_WARM_BARS
from services.ai_engine.intake import Universe
from services.ai_engine.model import Model
from services.ai_engine.momentum_model import momentum_model
from services.ai_engine.no_model import no_model
from services.ai_engine.policy import Policy, ProfileName
from services.ai_engine.precision import decimal_of
from services.ai_engine.settings import AiSettings

UNDUE_DAYS = 2  # beyond those that drift is measured over: the day before, and what is left of today


@dataclass(frozen=True, slots=True)
class Mind:
    """What decides: the model, the policy that fits it, how it stands at the start, and its care where it learned."""

    model: Model
    policy: Policy
    fitness: Fitness
    care: Care | None


def mind_of(settings: AiSettings, trained: Ensemble | None) -> Mind:
    """Given the settings and the trained model, if there is one, return what decides."""
    policy = settings.policy
    if settings.ai_profile is ProfileName.EXPLORE:
        return Mind(momentum_model(policy), policy, FIT, None)
    if trained is None:
        return Mind(no_model(policy), policy, NO_MODEL, None)
    card = trained.card.model_copy(update={"pays": still_pays(trained.card, settings)})
    policy = policy.serving(card.horizon_bars, card.symbols, pays=card.pays)
    return Mind(trained.under(policy), policy, FIT, Care(card, settings.care, settings.ai_drift_days))


def still_pays(card: ModelCard, settings: AiSettings) -> bool:
    """Given a model's card and the settings, return whether it pays at what they say a round trip costs: a verdict that
    was found at lower costs is none."""
    cost_bps = 2 * (settings.ai_taker_fee_bps + settings.ai_slippage_bps)
    return card.pays and decimal_of(card.cost_bps, places=6) >= cost_bps


def misfit(card: ModelCard, settings: AiSettings) -> str:
    """Given a model's card and the settings, return why the model cannot decide under them; empty where it can.
    Its age is not asked for."""
    if card.decision_ms != settings.decision_ms:
        minutes, interval = card.decision_ms // BAR_MS, settings.ai_decision_interval
        return f"decides every {minutes} minutes, and AI_DECISION_INTERVAL is {interval}"
    if not set(card.symbols) & set(settings.ai_symbols):
        return f"knows none of AI_SYMBOLS; it was trained on {', '.join(card.symbols)}"
    return ""


def universe_of(settings: AiSettings, trained: Ensemble | None) -> Universe:
    """Given the settings and the trained model, return what to look at, and how far back."""
    symbols, stale_bars = settings.ai_symbols, settings.ai_stale_bars
    if trained is None:
        return Universe(symbols, settings.ai_history_bars, stale_bars)
    days = settings.ai_drift_days + UNDUE_DAYS
    history_bars = max(settings.ai_history_bars, INPUT_WARM_BARS + trained.horizon_bars + days * DAY_MS // MINUTE_MS)
    return Universe(symbols, history_bars, stale_bars, trained=True, leader=trained.card.leader)
