"""Connects the AI engine to Redis and the exchange. It reads public market data only and needs no key."""

import gc

from quantum_common import probes
from quantum_common.clock import DAY_MS
from quantum_common.exchange.connect import open_exchange
from quantum_common.exchange.shared_budget import SHARE_EVERY_MS, SharedBudget
from quantum_common.log import Log
from quantum_common.runtime import Runtime
from quantum_common.settings import SettingsError
from services.ai_engine.care import Care
from services.ai_engine.ensemble import Ensemble
from services.ai_engine.mind import mind_of, misfit, universe_of
from services.ai_engine.model_files import ModelRefused, load_model
from services.ai_engine.service import Engine
from services.ai_engine.settings import AiSettings
from services.ai_engine.store import RedisStore

REFRESH_EVERY_MS = 600_000
WATCH_EVERY_MS = 5_000


async def start(runtime: Runtime[AiSettings]) -> None:
    """Run the engine until the daemon is to stop. Raise SettingsError for a model that must not be used."""
    settings = runtime.settings
    trained = trained_model(settings, runtime.clock.now_ms(), runtime.log)
    universe, mind = universe_of(settings, trained), mind_of(settings, trained)
    async with open_exchange(settings, None, universe.followed, runtime.clock, runtime.log) as exchange:
        engine = Engine(
            market=exchange.market, store=RedisStore(runtime.redis, runtime.keys, runtime.metrics),
            clock=runtime.clock, log=runtime.log, universe=universe, model=mind.model, policy=mind.policy,
            care=mind.care, fitness=mind.fitness, progress=runtime.progress,
        )  # fmt: skip

        def take_up(new: AiSettings) -> None:
            mind = mind_of(new, trained)
            engine.model, engine.policy = mind.model, mind.policy
            if engine.care is not None:
                engine.care.limits = new.care

        runtime.take_up = take_up
        runtime.watch_exchange(exchange.session)
        budget = SharedBudget(runtime.redis, runtime.keys.budget, exchange.session.budget)
        runtime.metrics.probes += (
            probes.bars(runtime.redis, runtime.keys, settings.ai_symbols),
            probes.model(runtime.redis, runtime.keys),
        )
        await runtime.run(
            runtime.until_stopped(_follow(runtime, engine)),
            runtime.until_stopped(runtime.every(REFRESH_EVERY_MS, engine.refresh)),
            runtime.every(WATCH_EVERY_MS, engine.watch),
            runtime.every(SHARE_EVERY_MS, budget.share),
            owns=(runtime.keys.intents,),
        )


def trained_model(settings: AiSettings, now_ms: int, log: Log) -> Ensemble | None:
    """Given the settings, return the trained model that they name, None where they name none. Raise SettingsError for
    one that is corrupt, foreign, too old, or made for other bars or other symbols."""
    folder = settings.ai_model_dir
    if folder is None:
        return None
    try:
        model = load_model(folder, now_ms)
    except ModelRefused as refused:
        raise SettingsError(f"settings: AI_MODEL_DIR: {refused}") from None
    card = model.card
    wrong = misfit(card, settings)
    if not wrong and (expires_ms := Care(card, settings.care, settings.ai_drift_days).expires_ms) <= now_ms:
        wrong = f"too old since {(now_ms - expires_ms) / DAY_MS:.1f} days by AI_MODEL_AGE_DAYS_MAX; train a new one"
    if wrong:
        raise SettingsError(f"settings: AI_MODEL_DIR: {folder}: {wrong}")
    if unknown := sorted(set(settings.ai_symbols) - set(card.symbols)):
        log.warning("the model does not know these symbols, which are not entered", symbols=",".join(unknown))
    return model


async def _follow(runtime: Runtime[AiSettings], engine: Engine) -> None:
    """Warm up, then take step after step."""
    await engine.warm_up()
    gc.collect()
    gc.freeze()  # days of bars stay for good: looking through them for garbage would hold a bar up for milliseconds
    await runtime.every(0, engine.step)
