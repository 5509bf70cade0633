"""A process that reads along and stamps: every stream of the pipeline, and the exchange's user data stream.

It is a process of its own, so that its work does not stand in a measured process' way; it does take processor time of
the same machine. Stamps are taken first and sorted out later, and written to a file once it is told to stop. What it
adds to a stamp is measured with marks, see `benchmarks.latency`.
"""

import argparse
import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvloop
from redis.asyncio import from_url

from benchmarks.hops import Moment, Stamp, stamps_of
from quantum_common.ids import plan_of
from quantum_common.keys import Keys
from quantum_common.redis_client import BLOCK_MS
from services.paper_exchange.options import DEMO_KEY

MARKERS = "quantum:benchmark:markers"
READ_MAX = 500
PACKED = b"__data__"


def streams_of(keys: Keys) -> dict[str, Moment]:
    """Given the names of a pipeline, return which stream stands for which moment."""
    return {
        keys.plans: Moment.PLAN,
        keys.permits: Moment.PERMITS,
        keys.results: Moment.RESULT,
        keys.journal: Moment.LEDGER,
        MARKERS: Moment.MARKER,
    }


def main() -> None:
    """Read along until SIGTERM, then write the stamps to `--out`. `<out>.ready` appears once all is being read."""
    parser = argparse.ArgumentParser(prog="benchmarks.tap", description=__doc__)
    parser.add_argument("--redis", required=True, help="URL of the Redis")
    parser.add_argument("--exchange", default="", help="base URL of the paper exchange; empty: no user data stream")
    parser.add_argument("--out", type=Path, required=True, help="file for the stamps, as JSON")
    options = parser.parse_args()
    tape = Tape()
    uvloop.run(tape.record(options.redis, options.exchange, options.out.with_suffix(".ready").touch))
    options.out.write_bytes(orjson.dumps([list(stamp) for stamp in tape.stamps()]))


@dataclass
class Tape:
    """What was read, each with the time of its reading in epoch nanoseconds."""

    entries: list[tuple[int, str, Mapping[bytes, bytes]]] = field(default_factory=list)
    frames: list[tuple[int, bytes]] = field(default_factory=list)

    async def record(self, redis_url: str, exchange_url: str, announce: Callable[[], None]) -> None:
        """Given the addresses and what to do once everything is being read, record until SIGTERM."""
        stop, opened = asyncio.Event(), [asyncio.Event()]
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        readers = [asyncio.create_task(self._read_streams(redis_url, opened[0]))]
        if exchange_url:
            opened.append(asyncio.Event())
            readers.append(asyncio.create_task(self._read_user_stream(exchange_url, opened[1])))
        stopping = asyncio.create_task(_after(opened, announce, stop))
        done, _ = await asyncio.wait({stopping, *readers}, return_when=asyncio.FIRST_COMPLETED)
        for task in (stopping, *readers):
            task.cancel()
        await asyncio.gather(stopping, *readers, return_exceptions=True)
        for task in done:
            task.result()

    def stamps(self) -> list[Stamp]:
        """Return the moments of plans in what was recorded."""
        moments = streams_of(Keys())
        found = [stamp for ns, stream, raw in self.entries for stamp in stamps_of(moments, stream, fields_of(raw), ns)]
        return found + [stamp for ns, frame in self.frames for stamp in order_stamps(frame, ns)]

    async def _read_streams(self, url: str, opened: asyncio.Event) -> None:
        """Read every stream from its present end on."""
        redis = from_url(url, protocol=2)
        after: dict[Any, Any] = {}
        for stream in streams_of(Keys()):
            last: Any = await redis.xrevrange(stream, count=1)
            after[stream.encode()] = last[0][0] if last else "0"
        opened.set()
        try:
            while True:
                reply: Any = await redis.xread(after, count=READ_MAX, block=BLOCK_MS)
                ns = time.time_ns()
                for stream, found in reply or ():
                    after[stream] = found[-1][0]
                    self.entries += [(ns, stream.decode(), fields) for _, fields in found]
        finally:
            await redis.aclose()

    async def _read_user_stream(self, url: str, opened: asyncio.Event) -> None:
        """Read every frame of the account's user data stream."""
        async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": DEMO_KEY}) as session:
            async with session.post(f"{url}/fapi/v1/listenKey") as answer:
                key = (await answer.json())["listenKey"]
            async with session.ws_connect(f"{url.replace('http', 'ws', 1)}/private/ws/{key}") as socket:
                opened.set()
                while True:
                    frame = await socket.receive_str()
                    self.frames.append((time.time_ns(), frame.encode()))


async def _after(opened: Sequence[asyncio.Event], announce: Callable[[], None], stop: asyncio.Event) -> None:
    """Announce once everything is open, then return at the stop."""
    for event in opened:
        await event.wait()
    announce()
    await stop.wait()


def fields_of(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    """Given an entry as it stands in Redis, return its fields. FastStream packs them as JSON behind a binary head."""
    packed = raw.get(PACKED)
    if packed is None:
        return {name.decode(): value.decode() for name, value in raw.items()}
    fields: dict[str, str] = orjson.loads(packed[packed.index(b"{") :])
    return fields


def order_stamps(frame: bytes, ns: int) -> list[Stamp]:
    """Given a frame of the user data stream and its stamp, return the stamp of the plan whose order traded, if any."""
    message = orjson.loads(frame)
    if message.get("e") != "ORDER_TRADE_UPDATE" or message["o"]["x"] != "TRADE":
        return []
    plan_id = plan_of(message["o"]["c"])
    return [Stamp(Moment.ORDER, plan_id, ns)] if plan_id else []


def read_stamps(path: Path) -> list[Stamp]:
    """Given the file that a tap has left, return its stamps."""
    return [Stamp(Moment(moment), plan_id, ns) for moment, plan_id, ns in orjson.loads(path.read_bytes())]


if __name__ == "__main__":
    main()
