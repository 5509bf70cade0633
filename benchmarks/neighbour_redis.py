"""The bare neighbour: one role of the chain as a redis-py consumer that decides nothing and knows nothing.

What it does a message is the least that a consumer group needs: read, write the next message and acknowledge in one
round trip. uvloop and hiredis, as the daemons have them.
"""

import argparse
import asyncio
import signal
from pathlib import Path
from typing import Any

import uvloop
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from benchmarks.samples import Fields, Meeting, Samples
from quantum_common.keys import Keys
from quantum_common.messages import Issuer
from quantum_common.redis_client import BLOCK_MS, connect_url

ROLES = ("intent-bridge", "governor", "p33", "intent-executor")
BATCH = 64
Output = tuple[str, Fields] | None


class Role:
    """What one role reads, and what it writes for each message."""

    def __init__(self, name: str, samples: Samples) -> None:
        keys = Keys()
        self.name = name
        self.reads = {
            "intent-bridge": (keys.intents,),
            "governor": (keys.plans,),
            "p33": (keys.plans,),
            "intent-executor": (keys.plans, keys.permits),
        }[name]
        self._keys, self._samples, self._meeting = keys, samples, Meeting()

    def answer(self, fields: Fields) -> Output:
        """Given a message, return the stream and the message that follow from it, or None where nothing does yet."""
        match self.name:
            case "intent-bridge":
                return self._keys.plans, self._samples.new_plan(fields)
            case "governor" | "p33":
                return self._keys.permits, self._samples.new_permit(Issuer(self.name), fields)
            case _:
                plan_id = fields["plan_id"]
                due = self._meeting.complete(plan_id)
                return (self._keys.results, self._samples.new_result(plan_id)) if due else None


async def consume(role: Role, redis: Redis) -> None:
    """Given a role and a connection, work until cancelled."""
    while True:
        reply: Any = await redis.xreadgroup(
            role.name, role.name, dict.fromkeys(role.reads, ">"), count=BATCH, block=BLOCK_MS
        )
        for stream, entries in reply or ():
            for entry_id, fields in entries:
                pipe = redis.pipeline(transaction=False)
                output: Any = role.answer(fields)
                if output is not None:
                    pipe.xadd(*output)
                pipe.xack(stream, role.name, entry_id)
                await pipe.execute()


async def run(role: Role, url: str, ready: Path) -> None:
    """Given a role, Redis' URL and a file to touch once it reads, work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    redis = connect_url(url)
    for stream in role.reads:
        try:
            await redis.xgroup_create(stream, role.name, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
    working, stopping = asyncio.create_task(consume(role, redis)), asyncio.create_task(stop.wait())
    await asyncio.to_thread(ready.touch)
    done, _ = await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await redis.aclose()
    for task in done - {stopping}:
        task.result()


def options() -> argparse.Namespace:
    """Return what a neighbour's process is told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=ROLES, required=True)
    parser.add_argument("--redis", required=True, help="URL of the Redis")
    parser.add_argument("--samples", type=Path, required=True, help="file with one message of each kind")
    parser.add_argument("--ready", type=Path, required=True, help="file to touch once it reads")
    return parser.parse_args()


def main() -> None:
    """Work in one role until SIGTERM."""
    given = options()
    uvloop.run(run(Role(given.role, Samples.read(given.samples)), given.redis, given.ready))


if __name__ == "__main__":
    main()
