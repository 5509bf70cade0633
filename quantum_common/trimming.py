"""Keeps streams bounded: by age, and never past an entry that a group has not acknowledged."""

from collections.abc import Sequence

from quantum_common.redis_client import Redis
from quantum_common.scripts import Script


async def trim(redis: Redis, streams: Sequence[str], keep_ms: int, now_ms: int) -> int:
    """Given streams and an age, drop what is older and acknowledged by every group. Return how many entries went."""
    script = Script(redis, "trim_stream")
    gone = 0
    for stream in streams:
        gone += int(str(await script({"stream": stream}, {"cutoff_ms": now_ms - keep_ms})))
    return gone
