"""The fault proxy, a process of its own: one listening port for each link, a control socket that says what each does.

Every daemon has two links, one to Redis and one to the exchange, so that a fault can strike one daemon's view of one
peer. `python -m tests.chaos.proxy FOLDER SEED NAME=HOST:PORT ...` writes the ports to FOLDER/ports.json once it serves.
"""

import asyncio
import contextlib
import random
import socket
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tests.chaos.toxics import CALM, Order, Toxics

PORTS_FILE, CONTROL_FILE = "ports.json", "control.sock"
PIECE = 65_536
POLL_S = 0.01
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER that makes a close a reset


@dataclass
class Link:
    """One way to one peer."""

    name: str
    host: str
    port: int
    chance: random.Random
    toxics: Toxics = CALM
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    deaf: set[asyncio.StreamWriter] = field(default_factory=set)  # clients that have missed an answer

    def set(self, order: Order) -> None:
        """Given an order, behave so from now on. Connections that missed an answer end when answers pass again."""
        self.toxics = order.toxics
        for writer in set(self.writers) if order.reset else (set() if order.toxics.lost else set(self.deaf)):
            _reset(writer)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Given a client's connection, carry it to the peer and back until one of them ends."""
        if self.toxics.refuse:
            _reset(writer)
            return
        try:
            there, back = await asyncio.open_connection(self.host, self.port)
        except OSError:
            _reset(writer)
            return
        self.writers.add(writer)
        pumps = [
            asyncio.create_task(self._requests(reader, back)),
            asyncio.create_task(self._answers(there, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.writers.discard(writer)
            self.deaf.discard(writer)
            _reset(writer)
            _reset(back)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._hold_up()
            writer.write(piece)
            await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        while piece := await reader.read(PIECE):
            await self._hold_up()
            if self.toxics.lost:
                self.deaf.add(writer)
            if writer in self.deaf:
                continue
            limit = self.toxics.cut_after
            if limit and passed + len(piece) >= limit:
                writer.write(piece[: max(0, limit - passed)])
                await writer.drain()
                return
            passed += len(piece)
            writer.write(piece)
            await writer.drain()

    async def _hold_up(self) -> None:
        delay_ms = self.toxics.delay_ms + self.chance.randint(0, self.toxics.jitter_ms)
        if delay_ms:
            await asyncio.sleep(delay_ms / 1000)
        while self.toxics.stall:
            await asyncio.sleep(POLL_S)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a crash of the peer or of the path does: without a word."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()


async def serve(folder: Path, links: dict[str, Link]) -> None:
    """Given a folder and the links, carry until the process is ended."""

    async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            order = Order.model_validate_json(line)
            links[order.link].set(order)
            writer.write(b"done\n")
            await writer.drain()
        writer.close()

    servers = {name: await asyncio.start_server(link.carry, "127.0.0.1", 0) for name, link in links.items()}
    control = await asyncio.start_unix_server(obey, folder / CONTROL_FILE)
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    waiting = folder / f".{PORTS_FILE}"
    waiting.write_bytes(orjson.dumps(ports))
    waiting.replace(folder / PORTS_FILE)
    await control.serve_forever()


def main() -> None:
    """Carry until ended by a signal."""
    folder, seed, *targets = sys.argv[1:]
    chance = random.Random(int(seed))
    links = {}
    for target in targets:
        name, _, address = target.partition("=")
        host, _, port = address.rpartition(":")
        links[name] = Link(name, host, int(port), chance)
    asyncio.run(serve(Path(folder), links))


if __name__ == "__main__":
    main()
