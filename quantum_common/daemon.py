"""What makes a service a daemon: the only event loop, signals, heartbeats, exit statuses.

A daemon exits with 0 after SIGTERM or SIGINT, with 78 on a setting that an operator must mend (one line says which),
and with 1 on a broken invariant, so that systemd starts it again. SIGHUP reads the settings anew. `--check` only says
whether they are right: `systemctl reload` asks that first.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn

import uvloop

from quantum_common.durability import DurabilityRefused, require_durable
from quantum_common.exchange.addresses import require_fitting_key
from quantum_common.exchange.port import ConfigurationRefused
from quantum_common.exchange.supervision import cancelled
from quantum_common.keys import Keys
from quantum_common.lease import LeaseLost
from quantum_common.log import setup
from quantum_common.metrics_server import MetricsServer
from quantum_common.progress import Peer
from quantum_common.redis_client import UNREACHABLE, connect, why_gone
from quantum_common.runtime import Runtime, S
from quantum_common.settings import EXIT_CONFIG, SettingsError, credentials, load_daemon, shown, without_password
from quantum_common.version import build_id

HEARTBEAT_EVERY_MS = 2_000
WATCH_EVERY_MS = 2_000
START_PATIENCE_MS = 20_000  # a start that waits for a peer for longer counts as done: its status line says for what


def run_daemon(service: str, settings: type[S], start: Callable[[Runtime[S]], Awaitable[None]]) -> NoReturn:
    """Given a service's name, its settings class and its start, run it until a signal. Exits the process."""
    try:
        values = load_daemon(settings, service)
        if sys.argv[1:] == ["--check"]:
            sys.exit(0)
        if values.KEYED:  # before Redis is waited for: what an operator must mend is said at once
            require_fitting_key(values.quantum_env, credentials(values)[0])
        runtime = Runtime(
            service, values, connect(values), Keys(values.quantum_key_prefix), setup(values.quantum_log_level, service)
        )
    except SettingsError as error:
        sys.stderr.write(f"quantum-{service}: {error}\n")
        sys.exit(EXIT_CONFIG)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_supervise(runtime, start)))


async def _supervise(runtime: Runtime[S], start: Callable[[Runtime[S]], Awaitable[None]]) -> int:
    """Run a service between its signals; return the process's exit status."""
    asked = asyncio.Event()

    def end() -> None:
        asked.set()
        runtime.stop.set()
        runtime.notifier.stopping()
        runtime.notifier.status("stopping: finishing what is in hand")

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, runtime.reload)
    log = runtime.log
    log.info("starting", build=build_id(), settings=shown(runtime.settings))
    runtime.progress.peers.append(Peer("redis", runtime.started_ms, lambda: runtime.heard_redis_ms))
    door = MetricsServer(runtime.settings.quantum_metrics_port, runtime.metrics.render, runtime.fit, log)
    serving = door.run(runtime.pause, runtime.stop.is_set)
    beside = {asyncio.create_task(loop) for loop in (_be_patient(runtime), _watch(runtime), serving)}
    if not await _wait_for_redis(runtime):
        await cancelled(beside)
        return 0
    beside.add(asyncio.create_task(runtime.every(HEARTBEAT_EVERY_MS, runtime.heartbeat)))
    body = asyncio.create_task(_body(runtime, start))
    stopping = asyncio.create_task(runtime.stop.wait())
    try:
        # A start that waits for a peer is not stuck: after the signal it has its time, then it is cut off.
        await asyncio.wait({body, stopping}, return_when=asyncio.FIRST_COMPLETED)
        done, _ = await asyncio.wait({body}, timeout=runtime.stop_within_s + 1)
        if not done and not asked.is_set():
            log.error("a loop broke, and the others did not end")
            return 1
        if done:
            body.result()
    except (SettingsError, ConfigurationRefused, DurabilityRefused) as error:
        log.error("refusing to run", reason=str(error))
        return EXIT_CONFIG
    except LeaseLost as error:
        log.error("lease lost; ending, so that the next start waits for it", reason=str(error))
        return 1
    except Exception as error:  # the last word of a process that dies of a broken invariant
        log.error("broken invariant; exiting", error=f"{type(error).__name__}: {error}", exc_info=error)
        return 1
    finally:
        runtime.stop.set()
        await cancelled({*beside, body, stopping})
        with contextlib.suppress(*UNREACHABLE):
            await runtime.redis.delete(runtime.keys.heartbeat(runtime.service))
        await runtime.redis.aclose()
        log.info("stopped", handled=runtime.progress.handled, dead=runtime.progress.dead)
    return 0


async def _be_patient(runtime: Runtime[S]) -> None:
    """Do not keep what is ordered after this service waiting for ever."""
    await runtime.pause(START_PATIENCE_MS)
    if not runtime.stop.is_set():
        runtime.notifier.ready()


async def _watch(runtime: Runtime[S]) -> None:
    """Feed the watchdog as long as there is progress, and say what does not come round where there is none."""
    every_ms = min(WATCH_EVERY_MS, runtime.notifier.watchdog_ms // 4 or WATCH_EVERY_MS)
    while not runtime.stop.is_set():
        stuck = runtime.progress.stuck(runtime.clock.now_ms())
        if stuck and not runtime.stuck:
            runtime.log.error("no progress; the watchdog is not fed", what=stuck)
        elif runtime.stuck and not stuck:
            runtime.log.info("progress again")
        runtime.stuck = stuck
        if not stuck:
            runtime.notifier.progress()
        runtime.notifier.status(runtime.said())
        await runtime.pause(every_ms)


async def _body(runtime: Runtime[S], start: Callable[[Runtime[S]], Awaitable[None]]) -> None:
    await require_durable(runtime.redis, runtime.settings, runtime.log)
    await start(runtime)


async def _wait_for_redis(runtime: Runtime[S]) -> bool:
    """Wait until Redis answers. Return False where the daemon is to stop before that."""
    said, runtime.status = "", "waiting for redis"
    while not runtime.stop.is_set():
        try:
            await runtime.redis.ping()
        except UNREACHABLE as error:
            why, url = why_gone(error), without_password(runtime.settings.quantum_redis_url)
            if why != said:  # a user that is refused is another matter than a server that is not there yet
                runtime.log.warning("waiting for redis", url=url, error=why)
            said, runtime.status = why, f"waiting for redis: {why}"
            await runtime.pause(500)
        else:
            runtime.status = "starting"
            return True
    return False
