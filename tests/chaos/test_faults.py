"""The schedule is the seed's and nobody else's; a link of the proxy does to bytes what it is told."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator

import pytest

from tests.chaos.faults import LAST_CALM_S, Strike, schedule
from tests.chaos.proxy import Link
from tests.chaos.toxics import CALM, Order, Toxics

FENCE_MS = 5_000


def test_a_seed_is_one_schedule() -> None:
    assert schedule(7, 600, FENCE_MS) == schedule(7, 600, FENCE_MS)
    assert schedule(7, 600, FENCE_MS) != schedule(8, 600, FENCE_MS)


@pytest.mark.parametrize("seed", range(20))
def test_a_run_ends_calm_and_its_episodes_do_not_overlap(seed: int) -> None:
    episodes = schedule(seed, 120, FENCE_MS)
    assert episodes[-1].until_s <= 120 - LAST_CALM_S
    for one, following in itertools.pairwise(episodes):
        assert one.until_s < min(fault.at_s for fault in following.faults)


def test_an_hour_has_every_strike_and_a_flush_only_where_it_is_asked_for() -> None:
    def kinds(*, flush: bool) -> set[Strike]:
        return {fault.strike for one in schedule(1, 3_600, FENCE_MS, flush=flush) for fault in one.faults}

    assert kinds(flush=False) == set(Strike) - {Strike.FLUSH}
    assert kinds(flush=True) == set(Strike)


@contextlib.asynccontextmanager
async def linked(toxics: Toxics) -> AsyncIterator[tuple[Link, asyncio.StreamReader, asyncio.StreamWriter, list[bytes]]]:
    """A client that is linked to a peer which answers each line with itself; what the peer got is noted."""
    got: list[bytes] = []
    ended: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(writer)
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                got.append(line)
                writer.write(line)
                await writer.drain()

    peer = await asyncio.start_server(answer, "127.0.0.1", 0)
    link = Link("a", "127.0.0.1", peer.sockets[0].getsockname()[1], random.Random(1), toxics)
    server = await asyncio.start_server(link.carry, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield link, reader, writer, got
    finally:
        for one in (writer, *ended):
            one.close()
            with contextlib.suppress(ConnectionError):
                await one.wait_closed()
        for one_server in (server, peer):
            one_server.close()
            await one_server.wait_closed()
        while len(asyncio.all_tasks()) > 1:  # the connections' own tasks
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)


async def said(reader: asyncio.StreamReader, within_s: float = 0.2) -> bytes | None:
    """What comes back: bytes, nothing at the end of a connection, or None while nothing comes."""
    try:
        async with asyncio.timeout(within_s):
            return await reader.read(100)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


async def test_a_calm_link_carries_both_ways() -> None:
    async with linked(CALM) as (_, reader, writer, got):
        writer.write(b"one\n")
        assert await said(reader, 5) == b"one\n"
        assert got == [b"one\n"]


async def test_lost_answers_never_come_and_the_connection_ends_when_the_link_is_calm() -> None:
    async with linked(Toxics(lost=True)) as (link, reader, writer, got):
        writer.write(b"one\n")
        while not got:
            await asyncio.sleep(0)
        assert await said(reader) is None
        assert got == [b"one\n"]
        link.set(Order(link="a", toxics=CALM))
        assert await said(reader, 5) == b""


async def test_a_stalled_link_carries_on_where_it_stopped() -> None:
    async with linked(Toxics(stall=True)) as (link, reader, writer, _):
        writer.write(b"one\n")
        assert await said(reader) is None
        link.set(Order(link="a", toxics=CALM))
        assert await said(reader, 5) == b"one\n"


async def test_a_severed_answer_ends_in_its_middle() -> None:
    async with linked(Toxics(cut_after=2)) as (_, reader, writer, _):
        writer.write(b"one\n")
        first = await said(reader, 5)
        assert first in (b"on", b""), "a reset may overtake the bytes before it"


async def test_a_refusing_link_takes_nobody() -> None:
    async with linked(Toxics(refuse=True)) as (_, reader, _, got):
        assert await said(reader, 5) == b""
        assert got == []


async def test_a_reset_ends_what_is_connected() -> None:
    async with linked(CALM) as (link, reader, writer, _):
        writer.write(b"one\n")
        assert await said(reader, 5) == b"one\n"
        link.set(Order(link="a", toxics=CALM, reset=True))
        assert await said(reader, 5) == b""
