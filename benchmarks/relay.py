"""A relay on loopback that counts: what a daemon asks of the exchange, seen from outside of it.

It passes bytes on in both directions and looks for request lines on the way. The exchange's clients here send a
request's head in one piece, at the start of a packet; websockets pass through after theirs.
"""

import argparse
import asyncio
import re
import signal
import time
from pathlib import Path

import orjson
import uvloop

REQUEST_LINE = re.compile(rb"^(GET|POST|PUT|DELETE) (/[^ ?]*)\S* HTTP/1\.1\r\n")
CHUNK = 1 << 16


def request_of(data: bytes) -> str | None:
    """Given a packet from a client, return the method and path of the request that begins it, or None."""
    found = REQUEST_LINE.match(data)
    return f"{found[1].decode()} {found[2].decode()}" if found else None


class Relay:
    """Passes connections on to one port, and notes each request with its time in epoch nanoseconds."""

    def __init__(self, port: int) -> None:
        self.requests: list[tuple[int, str]] = []
        self._port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Given a client's connection, relay it until either side ends it."""
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        sides = [
            asyncio.create_task(self._pass_on(reader, server_writer, count=True)),
            asyncio.create_task(self._pass_on(server_reader, writer, count=False)),
        ]
        await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        for side in sides:
            side.cancel()
        await asyncio.gather(*sides, return_exceptions=True)
        for end in (server_writer, writer):
            end.close()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, count: bool) -> None:
        while data := await source.read(CHUNK):
            request = request_of(data) if count else None
            if request is not None:
                self.requests.append((time.time_ns(), request))
            sink.write(data)
            await sink.drain()


async def run(relay: Relay, port_file: Path) -> None:
    """Given a relay, serve it on a free port until SIGTERM; the port is written to the file once it listens."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    await asyncio.to_thread(port_file.write_text, f"{server.sockets[0].getsockname()[1]}\n")
    await stop.wait()
    server.close()


def main() -> None:
    """Relay until SIGTERM, then write the requests to `--out`."""
    parser = argparse.ArgumentParser(prog="benchmarks.relay", description=__doc__)
    parser.add_argument("--to", type=int, required=True, help="port on loopback to relay to")
    parser.add_argument("--port-file", type=Path, required=True, help="file for the port that it listens on")
    parser.add_argument("--out", type=Path, required=True, help="file for the requests, as JSON")
    options = parser.parse_args()
    relay = Relay(options.to)
    uvloop.run(run(relay, options.port_file))
    options.out.write_bytes(orjson.dumps(relay.requests))


if __name__ == "__main__":
    main()
