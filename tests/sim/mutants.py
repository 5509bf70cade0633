"""Known-bad variants of the services: each breaks one rule that the design rests on, and must be caught.

A mutant is a small subclass, or a change of a script's text, in place of the real thing. `seeds` is within how many
schedules it must have been caught; `odds` make the fault that it is about more frequent than a seed chooses.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from quantum_common.exchange.outcome import Found, NotFound, Placing
from quantum_common.exchange.port import ExchangeUnavailable, OrderRequest, TradeView
from quantum_common.keys import GROUP_BRIDGE, GROUP_EXECUTOR, GROUP_P33
from quantum_common.messages import JournalEntry
from quantum_common.redis_client import Redis
from quantum_common.state import Ledger, OrderRecord
from quantum_common.stream import Message
from services.intent_executor.decide import PermittedPlan
from services.intent_executor.fate import Fate
from services.intent_executor.service import Executor
from services.position_state_brain.bookkeeper import Bookkeeper
from services.position_state_brain.fold import Book, Fact
from services.position_state_brain.ports import Booking
from services.position_state_brain.service import PositionStateBrain
from services.position_state_brain.store import BOOKED, RedisStore
from tests.sim.pipeline import Build
from tests.sim.port import SimPort
from tests.sim.scenarios import blink, late, overtaken
from tests.sim.schedule import Outcome, run
from tests.sim.world import Odds

# --- the executor and its port -----------------------------------------------------------------------------------


class RandomIdPort(SimPort):
    """Makes up a client id for each request."""

    async def place(self, request: OrderRequest) -> Placing:
        """Send one market order under an id that no second life can know."""
        name = f"{request.client_order_id}-{self._world.rng.randint(0, 9999)}"
        return await super().place(replace(request, client_order_id=name))


class FreshStampPort(SimPort):
    """Stamps a request when it leaves, valid for as long as python-binance says."""

    async def place(self, request: OrderRequest) -> Placing:
        """Send one market order that stays valid for long after the journal's deadline."""
        return await super().place(replace(request, stamp_ms=self._world.now_ms, recv_window_ms=10_000))


class ResendingFate(Fate):
    """Sends again what it does not know of."""

    async def _resolve(self, permitted: PermittedPlan, record: OrderRecord, message: Message) -> None:
        stamp_ms = await self.exchange.server_time_ms()
        await self.send(permitted, record.model_copy(update={"stamp_ms": stamp_ms}), message)


class HastyFate(Fate):
    """Believes the first lookup that does not find an order."""

    async def _resolve(self, permitted: PermittedPlan, record: OrderRecord, message: Message) -> None:
        while True:
            lookup = await self.exchange.order(permitted.plan.symbol, record.client_order_id)
            match lookup:
                case Found(order):
                    return await self._place(permitted, order, record, message)
                case NotFound():
                    return await self._expire(permitted.plan, record, message)
                case _:
                    await self.clock.sleep_ms(200)


def executor_with(fate: type[Fate]) -> type[Executor]:
    """Given a way to settle orders, return an executor that has it."""

    class Mutant(Executor):
        def __post_init__(self) -> None:
            super().__post_init__()
            self._fate = fate(self.store, self.exchange, self.clock, self.log, self.settings)

    return Mutant


# --- P3.3 --------------------------------------------------------------------------------------------------------


class TwoCallStore(RedisStore):
    """Marks a fact as booked in one call and books it in the next."""

    async def write_fact(
        self, symbol: str, fact: Fact, entry: JournalEntry, ledger: Ledger, expected: str
    ) -> tuple[Booking, str]:
        """Write the fact, then what follows from it."""
        fills: Any = await self._redis.hgetall(self._keys.fills(symbol))
        if fact.fact_id in fills:
            return Booking.KNOWN, expected
        counted: dict[Any, Any] = {fact.fact_id: fact.to_json(), BOOKED: str(int(fills.get(BOOKED, 0)) + 1)}
        await self._redis.hset(self._keys.fills(symbol), mapping=counted)
        told: dict[Any, Any] = entry.to_fields()
        journal_id = str(await self._redis.xadd(self._keys.journal, told))
        fields: dict[Any, Any] = {**ledger.to_fields(), "journal_id": journal_id}
        await self._redis.hset(self._keys.ledger(symbol), mapping=fields)
        return Booking.BOOKED, journal_id


class TrustingBookkeeper(Bookkeeper):
    """Takes the ledger as it stands, instead of folding it anew."""

    async def _mended(self, symbol: str) -> Book:
        return (await self.store.book(symbol)).book


class ForgetfulBookkeeper(Bookkeeper):
    """Books whatever it is told, as often as it is told."""

    async def book_trade(self, trade: TradeView) -> bool:
        """Book a trade under a new name."""
        book = self.books.get(trade.symbol)
        if book is None or book.seq == 0:
            return await super().book_trade(trade)
        renamed = Book.knows
        Book.knows = lambda *_: False  # type: ignore[method-assign]
        try:
            name = trade.trade_id + 10_000 * (book.seq + 1)
            return await super().book_trade(replace(trade, trade_id=name))
        finally:
            Book.knows = renamed  # type: ignore[method-assign]


def brain_with(books: type[Bookkeeper]) -> type[PositionStateBrain]:
    """Given a way to keep books, return a P3.3 that has it."""

    class Mutant(PositionStateBrain):
        def __post_init__(self) -> None:
            super().__post_init__()
            self.books.__class__ = books  # others hold the same books

    return Mutant


class BelievingBrain(PositionStateBrain):
    """Believes that the stream brings every trade."""

    async def snapshot(self) -> None:
        """Write what the exchange says, and compare it with nothing."""
        with contextlib.suppress(ExchangeUnavailable):
            self.watch.wallet = await self.exchange.wallet_balance()
            await self.watch.fresh(next(iter(self.settings.p33_allowlist)))

    async def sync(self) -> None:
        """Read nothing again."""


# --- streams and scripts -------------------------------------------------------------------------------------------


async def trim_to_a_length(redis: Redis, streams: Sequence[str], _keep_ms: int, _now_ms: int) -> int:
    """Trim without asking whether anybody has read."""
    for stream in streams:
        await redis.xtrim(stream, "MAXLEN", "1")  # type: ignore[arg-type]
    return 0


class without:  # noqa: N801 - reads as what it does to a script
    """Given a piece of a script's text, take it out; raise ValueError where no script has it any more."""

    def __init__(self, script: str, text: str) -> None:
        self.script, self.text = script, text

    def __call__(self, source: str) -> str:
        """Return a script's text without the piece."""
        if self.script not in source:
            return source
        if self.text not in source:
            raise ValueError(f"the script does not contain {self.text!r}")
        return source.replace(self.text, "")


PENDING_CHECK = "if pending.err or #pending == 0 then return 'done' end"
CLAIM = "-- Claim a plan:"


@dataclass(frozen=True)
class Mutant:
    """A known-bad build, and how soon it must be caught."""

    name: str
    build: Build
    seeds: int
    odds: Odds | None = None
    play: Callable[[int, Build], Outcome] | None = None  # in place of a schedule by chance

    def run(self, seed: int, build: Build) -> Outcome:
        """Run one of this mutant's schedules, with it or with something else in its place."""
        if self.play is not None:
            return self.play(seed, build)
        return run(seed, build=build, odds=self.odds)


LOSSY = Odds(kill=0.01, lost=0.08, slow=0.03)
CRASHING = Odds(kill=0.03, lost=0.05, redis_down=0.01, torn=0.02)

MUTANTS = (
    Mutant("random client id", Build(port=RandomIdPort), 5),
    Mutant("resend without a query", Build(executor=executor_with(ResendingFate)), 60, LOSSY),
    Mutant("no fence", Build(executor=executor_with(HastyFate)), 200, LOSSY),
    Mutant("fresh stamp at send", Build(port=FreshStampPort), 20, play=late),
    Mutant(
        "acknowledge before the effect", Build(early=frozenset({GROUP_EXECUTOR, GROUP_P33, GROUP_BRIDGE})), 10, LOSSY
    ),
    Mutant("ledger in two calls", Build(p33_store=TwoCallStore, brain=brain_with(TrustingBookkeeper)), 60, CRASHING),
    Mutant("no dedupe of trades", Build(brain=brain_with(ForgetfulBookkeeper)), 10),
    Mutant("no reconciliation", Build(brain=BelievingBrain), 60),
    Mutant("trimming by length", Build(trim=trim_to_a_length), 60),
    Mutant(
        "claim without a journal",
        Build(rewrite=without(CLAIM, "redis.call('HSET', order, unpack(cjson.decode(record)))")), 60, LOSSY,
    ),
    Mutant(
        "permits not consumed", Build(rewrite=without(CLAIM, "redis.call('DEL', permit_governor, permit_p33)")), 10
    ),
    Mutant(
        "claim on any server",
        Build(
            rewrite=without(
                CLAIM,
                "if string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') ~= server_id then"
                " return 'another_server' end",
            )
        ),
        20,
        play=blink,
    ),
    Mutant(
        "mend without a comparison",
        Build(
            rewrite=without(
                "-- Write a ledger that was folded anew",
                "if facts ~= tonumber(facts_read) or (redis.call('HGET', ledger, 'journal_id') or '') ~= expected then"
                " return 0 end",
            )
        ),
        1,
        play=overtaken,
    ),
    Mutant(
        "governor's permit issued again",
        Build(rewrite=without("-- Write the governor's permit", PENDING_CHECK)), 60, LOSSY,
    ),
    Mutant("P3.3's permit issued again", Build(rewrite=without("-- Write P3.3's permit", PENDING_CHECK)), 60, LOSSY),
)  # fmt: skip


def caught_by(mutant: Mutant) -> int | None:
    """Return the first schedule that catches a mutant, or None where none does within its bound."""
    for seed in range(mutant.seeds):
        if mutant.run(seed, mutant.build).violations:
            return seed
    return None


def by_name(name: str) -> Mutant:
    """Return a mutant. Raise KeyError for a name that none has."""
    return {mutant.name: mutant for mutant in MUTANTS}[name]
