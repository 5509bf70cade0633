"""Incident 39: six million entries stood in one stream, and Redis was short of memory."""

import ast
from pathlib import Path

from redis.asyncio import Redis

from quantum_common.keys import Keys
from quantum_common.trimming import trim
from services.intent_executor import store as executor
from services.position_state_brain import store as p33

ROOT = Path(__file__).resolve().parents[2]
HOUR_MS = 3_600_000


def owned_by_wiring(service: str) -> set[str]:
    """The streams that a service's wiring names as its own to trim, as attributes of the keys."""
    tree = ast.parse((ROOT / "services" / service / "wiring.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "owns" and isinstance(node.value, ast.Tuple):
            return {item.attr for item in node.value.elts if isinstance(item, ast.Attribute)}
    return set()


def test_every_stream_is_trimmed_by_one_service() -> None:
    keys = Keys()
    trimmed = [*executor.streams_written(keys), *p33.streams_written(keys)]
    for service in ("ai_engine", "intent_bridge", "governor"):
        trimmed += [getattr(keys, name) for name in owned_by_wiring(service)]
    assert sorted(trimmed) == sorted(keys.streams)


async def test_what_is_old_and_acknowledged_goes_and_the_rest_stays(redis: Redis) -> None:
    now_ms = 10 * HOUR_MS
    for hour in range(10):
        await redis.xadd(Keys().plans, {"hour": str(hour)}, id=f"{hour * HOUR_MS + 1}-0")
    await redis.xgroup_create(Keys().plans, "governor", id="0")
    await redis.xreadgroup("governor", "one", {Keys().plans: ">"}, count=9)
    await redis.xack(Keys().plans, "governor", *[f"{hour * HOUR_MS + 1}-0" for hour in range(9) if hour != 5])
    assert await trim(redis, Keys().streams, keep_ms=2 * HOUR_MS, now_ms=now_ms) == 5
    assert await redis.xlen(Keys().plans) == 5  # from the one that is not acknowledged on
