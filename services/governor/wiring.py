"""Connects the governor to Redis; it has no way to the exchange."""

from quantum_common import probes
from quantum_common.keys import GROUP_GOVERNOR
from quantum_common.log import Log
from quantum_common.runtime import Runtime
from services.governor.cutoffs import entry_faults, undefined
from services.governor.service import Governor, lane
from services.governor.settings import GovernorSettings
from services.governor.store import RedisState
from services.governor.view import Limits
from services.governor.watch import Watch
from services.governor.watch_store import RedisWatch

WATCH_EVERY_MS = 2_000


async def start(runtime: Runtime[GovernorSettings]) -> None:
    """Run the governor until the daemon is to stop. `apply.permit` has two writers; the governor trims it."""
    settings, keys, log = runtime.settings, runtime.keys, runtime.log
    _say_doubts(settings.limits, log)
    state = RedisState(runtime.redis, keys, log, runtime.metrics)
    governor = Governor(state, runtime.clock, settings.limits, settings.gov_trading_state_first, log)
    watch = Watch(RedisWatch(runtime.redis, keys, log), governor, settings.disarm, log)
    runtime.metrics.probes.append(probes.trading_state(runtime.redis, keys))

    def take_up(new: GovernorSettings) -> None:
        _say_doubts(new.limits, log)
        governor.limits, governor.first_state, watch.limits = new.limits, new.gov_trading_state_first, new.disarm

    runtime.take_up = take_up
    handlers = {keys.plans: governor.handle_plan, keys.results: governor.handle_result}
    await runtime.run(
        runtime.consumer(GROUP_GOVERNOR, handlers, lane=lane, recover=governor.recover),
        runtime.every(WATCH_EVERY_MS, watch.step),
        owns=(keys.permits, keys.governor_events),
    )


def _say_doubts(limits: Limits, log: Log) -> None:
    """Warn of cutoffs that have no value, or a doubtful one, somewhere in their range."""
    for eval_type, faults in (
        ("ENTRY", entry_faults(limits.cutoffs.entry, limits.heat_max, limits.drawdown_max)),
        ("EXIT", undefined(limits.cutoffs.exit, limits.heat_max, limits.drawdown_max)),
    ):
        for fault in faults[:3]:
            log.warning("a cutoff is doubtful; see `quantum governor check`", eval_type=eval_type, fault=fault)
