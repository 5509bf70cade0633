"""Connects the governor to Redis; it has no way to the exchange."""

from quantum_common.daemon import Runtime
from quantum_common.keys import GROUP_GOVERNOR
from services.governor.service import Governor, lane
from services.governor.settings import GovernorSettings
from services.governor.store import RedisState


async def start(runtime: Runtime[GovernorSettings]) -> None:
    """Run the governor until the daemon is to stop. `apply.permit` has two writers; the governor trims it."""
    settings, keys, log = runtime.settings, runtime.keys, runtime.log
    state = RedisState(runtime.redis, keys, log)
    governor = Governor(state, runtime.clock, settings.limits, settings.gov_trading_state_first, log)
    handlers = {keys.plans: governor.handle_plan, keys.results: governor.handle_result}
    await runtime.run(
        runtime.consumer(GROUP_GOVERNOR, handlers, lane=lane, recover=governor.recover),
        owns=(keys.permits, keys.governor_events),
    )
