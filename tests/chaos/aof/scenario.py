"""A life of the chain in which every script that moves money or the journal runs, each with its bytes on the file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from quantum_common.redis_client import connect_url
from quantum_common.scripts import Script
from tests.chaos.aof.remains import KEYS, Remains, World
from tests.chaos.aof.server import FILES, INCREMENT, running
from tests.chaos.aof.tail import Transaction
from tests.contract.chain import market_state
from tests.unit.position_state_brain.scripted import SYMBOL, trade

WATCHED = (
    "record_bar", "record_plan", "issue_governor_permit", "p33_permit", "claim_order", "finish_plan", "begin_ledger",
    "book_fact", "mend_ledger", "compact_fills", "set_hold", "settle_result", "governor_give_back",
    "governor_settle", "keep_stop",
)  # fmt: skip
FOREIGN = 2 * 10 + 5  # trades by another hand: more than twice what is kept, so that facts are folded away


@dataclass(frozen=True)
class Written:
    """One run of one script: what it wrote, and the world in the moment before it."""

    script: str
    number: int
    transaction: Transaction
    world: World

    def __str__(self) -> str:
        """Return its name and which of its runs it was."""
        return f"{self.script} #{self.number}"


def size_of(file: Path) -> int:
    """Given a file, return how many bytes it has."""
    return file.stat().st_size


@contextmanager
def watched(chain: Remains, file: Path, found: list[tuple[str, int, int, World]]) -> Iterator[None]:
    """Given a chain and the server's file, note where each run of a watched script begins and ends in it."""
    call = Script.__call__

    async def noting(script: Script, keys: Mapping[str, str], arguments: Mapping[str, Any]) -> object:
        if script.name not in WATCHED:
            return await call(script, keys, arguments)
        before, world = size_of(file), World.of(chain)
        answer = await call(script, keys, arguments)
        found.append((script.name, before, size_of(file), world))
        return answer

    with patch.object(Script, "__call__", noting):
        yield


async def live(binary: Path, folder: Path) -> list[Written]:
    """Given a server and an empty folder for it, live that life, and return every run of a script that wrote."""
    found: list[tuple[str, int, int, World]] = []
    file = folder / FILES / INCREMENT
    with running(binary, folder) as url:
        redis = connect_url(url)
        try:
            chain = Remains(redis)
            with watched(chain, file, found):
                await _life(chain)
        finally:
            await redis.aclose()
    whole, numbers, written = file.read_bytes(), dict.fromkeys(WATCHED, 0), []
    for name, before, after, world in found:
        if after > before:
            numbers[name] += 1
            transaction = Transaction(whole[:before], whole[before:after])
            written.append(Written(name, numbers[name], transaction, world))
    return written


async def _life(chain: Remains) -> None:
    await chain.begin()
    for action in ("OPEN", "UPDATE_SL", "CLOSE_50", "CLOSE_FULL"):
        await _ask(chain, action)
    chain.venue.status, chain.venue.fill = "EXPIRED", Decimal(0)
    await _ask(chain, "OPEN")  # an order that does not fill: the governor gives back what it took
    chain.venue.status, chain.venue.fill = "FILLED", None
    for _ in range(FOREIGN):
        _by_hand(chain)
    await chain.cycle()
    await chain.p33.sync()
    chain.p33.unread[SYMBOL] = None
    await chain.p33.sync()
    await chain.redis.hset(KEYS.ledger(SYMBOL), "position_amt", "77")  # what a torn script leaves
    await chain.p33.recover()
    await _drift(chain)


async def _ask(chain: Remains, action: str) -> None:
    """Ask for something, and let the chain work it off."""
    wish = chain.wish(action)
    await chain.record(wish, market_state(bar_close_ms=wish.bar_close_ms, ts_ms=chain.clock.now_ms()))
    await chain.cycle()


def _by_hand(chain: Remains) -> None:
    chain.venue.numbers += 1
    chain.clock.advance(1)
    signed = "1" if chain.venue.numbers % 2 else "-1"
    one = trade(chain.venue.numbers, signed, trade_ms=chain.clock.now_ms(), client_order_id="web_1")
    chain.account.happen(replace(one, order_id=90_000 + chain.venue.numbers))


async def _drift(chain: Remains) -> None:
    """A position that no trade explains: held, adopted, healed."""
    chain.adopts = True
    row = chain.account.rows[SYMBOL]
    chain.account.rows[SYMBOL] = replace(
        row, position_amt=row.position_amt + 3, entry_price=Decimal(100), update_ms=chain.clock.now_ms()
    )
    for _ in range(8):
        chain.clock.advance(2_000)
        await chain.p33.snapshot()
