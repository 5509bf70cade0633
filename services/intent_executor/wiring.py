"""Connects the executor to Redis and the exchange."""

from quantum_common.exchange.connect import open_exchange
from quantum_common.exchange.port import OrderPort
from quantum_common.exchange.shared_budget import SHARE_EVERY_MS, SharedBudget
from quantum_common.keys import GROUP_EXECUTOR
from quantum_common.lease import RENEW_EVERY_MS
from quantum_common.runtime import Runtime
from quantum_common.settings import credentials
from services.intent_executor.muted import Muted
from services.intent_executor.service import Executor
from services.intent_executor.settings import ExecutorSettings
from services.intent_executor.store import RedisStore, streams_written
from services.intent_executor.warden import Warden

SWEEP_EVERY_MS = 100


async def start(runtime: Runtime[ExecutorSettings]) -> None:
    """Run the executor until the daemon is to stop."""
    keys, settings = runtime.keys, runtime.settings
    async with (
        runtime.leased() as lease,
        open_exchange(settings, credentials(settings), (), runtime.clock, runtime.log) as exchange,
    ):
        if lease is None:
            return
        store = RedisStore(runtime.redis, keys, lease.fence, runtime.metrics)
        orders: OrderPort = exchange.orders
        runtime.mode = settings.executor_mode
        if settings.shadow:
            runtime.log.warning("shadow mode: no order, stop or leverage is sent", key="EXECUTOR_MODE")
            orders = Muted(exchange.orders)
        executor = Executor(store, orders, runtime.clock, runtime.log, settings)
        warden = Warden(store, orders, runtime.clock, runtime.log, settings)

        def take_up(new: ExecutorSettings) -> None:
            executor.take_up(new)
            warden.settings = new

        runtime.take_up = take_up
        runtime.watch_exchange(exchange.session)
        handlers = {keys.plans: executor.handle_plan, keys.permits: executor.handle_permit}
        budget = SharedBudget(runtime.redis, runtime.keys.budget, exchange.session.budget)
        await runtime.run(
            runtime.consumer(GROUP_EXECUTOR, handlers, recover=executor.recover),
            runtime.every(SWEEP_EVERY_MS, executor.sweep),
            runtime.every(settings.intent_executor_stops_every_ms, warden.round),
            runtime.every(RENEW_EVERY_MS, lease.renew),
            runtime.every(SHARE_EVERY_MS, budget.share),
            owns=streams_written(keys),
        )
