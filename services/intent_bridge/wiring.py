"""Connects the bridge to Redis and to the exchange's public filters; it needs no key of the account."""

from quantum_common.exchange.connect import open_exchange
from quantum_common.exchange.shared_budget import SHARE_EVERY_MS, SharedBudget
from quantum_common.keys import GROUP_BRIDGE
from quantum_common.runtime import Runtime
from services.intent_bridge.service import Bridge, lane
from services.intent_bridge.settings import BridgeSettings
from services.intent_bridge.store import RedisState

RULES_EVERY_MS = 2_000  # the adapter asks the exchange far less often


async def start(runtime: Runtime[BridgeSettings]) -> None:
    """Run the bridge until the daemon is to stop."""
    settings, keys, clock, log = runtime.settings, runtime.keys, runtime.clock, runtime.log
    async with open_exchange(settings, None, (), clock, log) as exchange:
        state = RedisState(runtime.redis, keys, log, runtime.metrics)
        bridge = Bridge(state, exchange.market, clock, settings.limits, keys.prefix, log)

        def take_up(new: BridgeSettings) -> None:
            bridge.limits = new.limits

        runtime.take_up = take_up
        runtime.watch_exchange(exchange.session)
        await bridge.refresh_rules()
        budget = SharedBudget(runtime.redis, runtime.keys.budget, exchange.session.budget)
        await runtime.run(
            runtime.consumer(GROUP_BRIDGE, {keys.intents: bridge.handle}, lane=lane),
            runtime.every(RULES_EVERY_MS, bridge.refresh_rules),
            runtime.every(SHARE_EVERY_MS, budget.share),
            owns=(keys.plans,),
        )
