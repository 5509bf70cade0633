"""The framework neighbour: the same role as a FastStream application, written as its documentation writes one.

FastStream is no dependency of Quantum and may be absent where the code is checked, so it is imported by name.
"""

import importlib
import importlib.util
import logging
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.neighbour_redis import Role, options
from benchmarks.samples import Fields, Samples

PACKAGE = "faststream"


def installed() -> bool:
    """Return whether FastStream can be imported here."""
    return importlib.util.find_spec(PACKAGE) is not None


async def run(role: Role, url: str, ready: Path) -> None:
    """Given a role, Redis' URL and a file to touch once it reads, run the application until SIGTERM."""
    faststream: Any = importlib.import_module(PACKAGE)
    faststream_redis: Any = importlib.import_module(f"{PACKAGE}.redis")
    broker = faststream_redis.RedisBroker(url, logger=None)

    async def handle(message: Fields) -> None:
        output = role.answer(message)
        if output is not None:
            stream, fields = output
            await broker.publish(fields, stream=stream)

    for stream in role.reads:
        subscription = faststream_redis.StreamSub(stream, group=role.name, consumer=role.name)
        broker.subscriber(stream=subscription)(handle)
    application = faststream.FastStream(broker, logger=None)
    application.after_startup(ready.touch)
    await application.run(log_level=logging.WARNING)


def main() -> None:
    """Work in one role until SIGTERM."""
    given = options()
    uvloop.run(run(Role(given.role, Samples.read(given.samples)), given.redis, given.ready))


if __name__ == "__main__":
    main()
