"""Connects P3.3 to Redis and the exchange."""

from quantum_common import probes
from quantum_common.exchange.connect import open_exchange
from quantum_common.exchange.shared_budget import SHARE_EVERY_MS, SharedBudget
from quantum_common.keys import GROUP_P33
from quantum_common.lease import RENEW_EVERY_MS
from quantum_common.runtime import Runtime
from quantum_common.settings import credentials
from services.position_state_brain.service import PositionStateBrain
from services.position_state_brain.settings import P33Settings
from services.position_state_brain.store import RedisStore, streams_written

SYNC_EVERY_MS = 200
LISTENERS = 16  # events booked side by side, so that none waits for another symbol's round trip to Redis


async def start(runtime: Runtime[P33Settings]) -> None:
    """Run P3.3 until the daemon is to stop. Snapshots, permits and the exchange's events run side by side."""
    keys, settings = runtime.keys, runtime.settings
    async with (
        runtime.leased() as lease,
        open_exchange(settings, credentials(settings), (), runtime.clock, runtime.log) as exchange,
    ):
        if lease is None:
            return
        store = RedisStore(runtime.redis, keys, lease.fence, runtime.metrics)
        brain = PositionStateBrain(store, exchange.account, runtime.clock, runtime.log, settings)

        runtime.take_up = brain.take_up
        runtime.watch_exchange(exchange.session)

        async def recover() -> None:
            await lease.renew()  # it may have run out while an earlier try was stopped or waited
            await brain.recover()

        await runtime.insist(recover)  # before anything else; the consumer does it where Redis comes back another
        runtime.metrics.probes += (
            probes.positions(runtime.redis, keys, lambda: runtime.settings.p33_allowlist, lambda: brain.books.books),
            probes.portfolio(runtime.redis, keys),
        )
        handlers = {keys.plans: brain.handle_plan, keys.results: brain.handle_result}
        budget = SharedBudget(runtime.redis, runtime.keys.budget, exchange.session.budget)
        await runtime.run(
            runtime.consumer(GROUP_P33, handlers, recover=brain.recover),
            *(runtime.listen(brain.listen) for _ in range(LISTENERS)),
            runtime.every(settings.p33_snapshot_every_ms, brain.snapshot),
            runtime.every(SYNC_EVERY_MS, brain.sync),
            runtime.every(RENEW_EVERY_MS, lease.renew),
            runtime.every(SHARE_EVERY_MS, budget.share),
            owns=streams_written(keys),
        )
