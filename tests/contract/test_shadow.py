"""Shadow mode in the chain and on the wire: what was reserved is free again, and no trading request ever leaves."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from quantum_common.keys import Keys
from quantum_common.messages import Issuer, Result
from quantum_common.reasons import Gate
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.env_files import write_secret
from tests.contract.chain import KEYS, Chain
from tests.paper import API_KEY, API_SECRET, PaperProcess, start_paper
from tests.piped import piped
from tests.unit.intent_executor.scripted import permit, plan
from tests.unit.position_state_brain.scripted import SYMBOL

WITHIN_S = 20.0


async def test_what_governor_bridge_and_p33_reserved_is_free_again(redis: Redis) -> None:
    chain = await Chain(redis, executor_mode="shadow").begin()
    for _ in range(3):  # a second one would end at `add_budget` while the first took room
        chain.clock.advance(60_000)
        await chain.p33.snapshot()
        await chain.ask(chain.wish())
    results = await chain.results()
    assert [(result.executed, result.gate) for result in results] == [(False, Gate.SHADOW)] * 3
    assert chain.venue.calls == []
    assert chain.dead == []
    assert await chain.pending() == {}
    assert not await redis.exists(KEYS.in_flight(SYMBOL))
    reserved: Any = await redis.hgetall(KEYS.governor_reserved)
    assert reserved.keys() == {"seq"}
    days = [key async for key in redis.scan_iter(f"{KEYS.governor_day('')}*")]
    totals: list[Any] = [await redis.hget(day, "total") for day in days]
    assert totals == ["0"]


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[PaperProcess]:
    exchange = start_paper(tmp_path, "--market", "synthetic:7")
    yield exchange
    exchange.stop()


@pytest.mark.timeout(90)
async def test_no_trading_request_reaches_the_exchange(
    redis: Redis, redis_server: EmbeddedRedis, paper: PaperProcess, tmp_path: Path
) -> None:
    """The daemon itself against the paper exchange over the wire: entries, closes, a moved stop, a position without its
    stop. Whatever it commands would be a POST, PUT or DELETE, and would be counted."""
    watched = [paper.fault("delay", method=method, delay_ms=0)["id"] for method in ("POST", "PUT", "DELETE")]
    process = _start_executor(tmp_path, redis_server.url, paper.url)
    try:
        await redis.hset(Keys().governor_state, "trading_state", "ACTIVE")
        wishes = [plan(plan_id=f"{number:016x}", leverage=3, stop_loss=40_000) for number in (1, 2)]
        wishes += [plan("CLOSE_FULL", plan_id="3" * 16), plan("UPDATE_SL", plan_id="4" * 16)]
        await _wait_for(redis, Keys().heartbeat("intent-executor"))
        now_ms = time.time_ns() // 1_000_000  # plans from before its start would wait for the fence
        for wish in wishes:
            of = wish.model_copy(update={"ts_ms": now_ms, "expires_ms": now_ms + 60_000})
            for issuer in Issuer:
                await redis.set(Keys().permit(issuer, of.plan_id), permit(of, issuer).to_json(), px=60_000)
            await redis.xadd(Keys().plans, cast("Any", of.to_fields()))
        results = await _results(redis, len(wishes))
        assert await redis.hget(Keys().heartbeat("intent-executor"), "mode") == "shadow"
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=20)[1]
    assert [result.gate for result in results] == [Gate.SHADOW] * len(wishes), said
    assert all(result.details.startswith("shadow, not sent: ") for result in results)
    struck = {row["id"]: row["struck"] for row in paper.control("GET", "faults")}
    assert [struck[number] for number in watched] == [0, 0, 0]


def _start_executor(folder: Path, redis_url: str, paper_url: str) -> subprocess.Popen[str]:
    (folder / "common.env").write_text(
        f"QUANTUM_REDIS_URL={redis_url}\nQUANTUM_PAPER_URL={paper_url}\nQUANTUM_DURABILITY=relaxed\n"
        f"QUANTUM_API_KEY_FILE={write_secret(folder / 'key', API_KEY)}\n"
        f"QUANTUM_API_SECRET_FILE={write_secret(folder / 'secret', API_SECRET)}\n"
    )
    (folder / "intent-executor.env").write_text(
        f"EXECUTOR_MODE=shadow\nINTENT_EXECUTOR_ALLOWLIST={SYMBOL},BTCUSDT\nINTENT_EXECUTOR_STOPS_EVERY_MS=500\n"
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("QUANTUM_", "EXECUTOR_"))}
    return piped([sys.executable, "-m", "services.intent_executor"], {**environ, "QUANTUM_CONFIG_DIR": str(folder)})


async def _wait_for(redis: Redis, key: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while await redis.hget(key, "status") != "running":
        assert time.monotonic() < deadline, f"{key} does not run"
        await asyncio.sleep(0.05)


async def _results(redis: Redis, wanted: int) -> list[Result]:
    deadline = time.monotonic() + WITHIN_S
    while (rows := cast("list[Any]", await redis.xrange(Keys().results))) is None or len(rows) < wanted:
        assert time.monotonic() < deadline, f"{len(rows)} results of {wanted}"
        await asyncio.sleep(0.05)
    return [Result.from_fields(fields) for _, fields in rows]
