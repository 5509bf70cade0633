"""Keeps streams bounded: by age, and never past an entry that a group has not acknowledged. Tells where somebody else
did trim past one."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantum_common.redis_client import Redis
from quantum_common.scripts import Script


async def trim(redis: Redis, streams: Sequence[str], keep_ms: int, now_ms: int) -> int:
    """Given streams and an age, drop what is older and acknowledged by every group. Return how many entries went."""
    script = Script(redis, "trim_stream")
    gone = 0
    for stream in streams:
        gone += int(str(await script({"stream": stream}, {"cutoff_ms": now_ms - keep_ms})))
    return gone


def lost_unread(group: Mapping[str, Any], length: int) -> int:
    """Given what XINFO GROUPS says of a group and how many entries its stream holds, return how many were trimmed away
    or deleted before the group read them; one where Redis cannot tell how many.

    A group counts what was ever added less what it read, so entries that are gone are still in its lag.
    """
    if not group["entries-read"]:
        return 0  # it begins with what is there
    lag = group["lag"]
    return int(length > 0) if lag is None else max(int(lag) - length, 0)


async def written_off(redis: Redis, stream: str, group: str) -> int:
    """Given a group, return how many entries are gone that it never read, and count them as read: a lag that holds them
    for ever would tell of them at every start."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.xinfo_groups(stream)
        pipe.xlen(stream)  # after the lag: what is added in between makes the loss smaller, never up
        groups, length = await pipe.execute()
    facts = next(one for one in groups if one["name"] == group)
    lost = lost_unread(facts, length)
    if lost and facts["lag"] is not None:
        await redis.xgroup_setid(stream, group, facts["last-delivered-id"], entries_read=facts["entries-read"] + lost)
    return lost
