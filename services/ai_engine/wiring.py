"""Connects the AI engine to Redis and the exchange. It reads public market data only and needs no key."""

from quantum_common import probes
from quantum_common.exchange.connect import open_exchange
from quantum_common.exchange.shared_budget import SHARE_EVERY_MS, SharedBudget
from quantum_common.runtime import Runtime
from services.ai_engine.momentum_model import momentum_model
from services.ai_engine.service import Engine, Universe
from services.ai_engine.settings import AiSettings
from services.ai_engine.store import RedisStore

RULES_EVERY_MS = 600_000
WATCH_EVERY_MS = 5_000


async def start(runtime: Runtime[AiSettings]) -> None:
    """Run the engine until the daemon is to stop."""
    settings, policy = runtime.settings, runtime.settings.policy
    symbols = settings.ai_symbols
    async with open_exchange(settings, None, symbols, runtime.clock, runtime.log) as exchange:
        engine = Engine(
            market=exchange.market,
            store=RedisStore(runtime.redis, runtime.keys, runtime.metrics),
            clock=runtime.clock,
            log=runtime.log,
            universe=Universe(
                symbols, settings.ai_decision_interval, settings.ai_history_bars, settings.ai_stale_bars
            ),
            model=momentum_model(policy),
            policy=policy,
            progress=runtime.progress,
        )  # fmt: skip

        def take_up(new: AiSettings) -> None:
            engine.policy, engine.model = new.policy, momentum_model(new.policy)

        runtime.take_up = take_up
        runtime.watch_exchange(exchange.session)
        budget = SharedBudget(runtime.redis, runtime.keys.budget, exchange.session.budget)
        runtime.metrics.probes.append(probes.exchange(exchange.session))
        runtime.metrics.probes += (
            probes.bars(runtime.redis, runtime.keys, symbols),
            probes.model(runtime.redis, runtime.keys),
        )
        await runtime.run(
            runtime.until_stopped(_follow(runtime, engine)),
            runtime.until_stopped(runtime.every(RULES_EVERY_MS, engine.refresh_rules)),
            runtime.every(WATCH_EVERY_MS, engine.watch),
            runtime.every(SHARE_EVERY_MS, budget.share),
            owns=(runtime.keys.intents,),
        )


async def _follow(runtime: Runtime[AiSettings], engine: Engine) -> None:
    """Warm up, then take step after step."""
    await engine.warm_up()
    await runtime.every(0, engine.step)
