"""P3.3's store on Redis: one round trip to read, one script for each write."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
from redis.exceptions import ConnectionError as RedisConnectionError

from quantum_common.keys import GROUP_P33, PERMIT_TTL_MS, Keys
from quantum_common.messages import EvalType, JournalEntry, Malformed, Permit, Plan, ReconcileEvent, Result
from quantum_common.meter import SILENT, Hop, Meter
from quantum_common.money import parse_decimal, plain
from quantum_common.redis_client import Redis
from quantum_common.scripts import Fence, Script
from quantum_common.state import Hold, Ledger, Portfolio, Snapshot
from quantum_common.stream import Message
from services.position_state_brain.decide import PositionView
from services.position_state_brain.fold import Book, Checkpoint, Fact, FactKind, Peak
from services.position_state_brain.ports import Booking, Shelf

CHECKPOINT = "checkpoint"
PEAK = "peak"
BOOKED = "booked"
JOURNAL_LOOK_BACK = 1_000
SCAN_COUNT = 500


class RedisStore:
    """Implements `Store`."""

    def __init__(self, redis: Redis, keys: Keys, fence: Fence | None = None, meter: Meter = SILENT) -> None:
        self._redis = redis
        self._keys = keys
        self._meter = meter
        self._permit = Script(redis, "p33_permit", fence)
        self._settle = Script(redis, "settle_result", fence)
        self._write_snapshots = Script(redis, "write_snapshots", fence)
        self._book_fact = Script(redis, "book_fact", fence)
        self._begin = Script(redis, "begin_ledger", fence)
        self._mend = Script(redis, "mend_ledger", fence)
        self._compact = Script(redis, "compact_fills", fence)
        self._raise_peak = Script(redis, "raise_peak", fence)
        self._set_hold = Script(redis, "set_hold", fence)
        self._answer = Script(redis, "answer_request", fence)

    # --- permits -----------------------------------------------------------------------------------------------

    async def position(self, symbol: str) -> PositionView:
        """Read snapshot, ledger, hold and what is under way in one round trip."""
        keys = self._keys
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in (keys.snapshot(symbol), keys.ledger(symbol), keys.hold(symbol), keys.in_flight(symbol)):
                pipe.hgetall(key)
            snapshot, ledger, hold, in_flight = await pipe.execute()
        return PositionView(
            snapshot=Snapshot.from_fields(snapshot) if snapshot else None,
            ledger=Ledger.from_fields(ledger) if ledger else None,
            hold=Hold.from_fields(hold) if hold else None,
            in_flight={plan: int(until_ms) for plan, until_ms in in_flight.items()},
        )

    async def permit(self, plan: Plan, permit: Permit, message: Message, reserve_until_ms: int) -> bool:
        """Run `p33_permit`."""
        keys = self._keys
        answer = await self._permit(
            {
                "permit": keys.permit(permit.issuer, plan.plan_id),
                "permits": keys.permits,
                "plans": keys.plans,
                "in_flight": keys.in_flight(plan.symbol),
            },
            {
                "group": GROUP_P33,
                "entry": message.id,
                "permit_text": permit.to_json(),
                "permit_fields": permit.to_fields(),
                "ttl_ms": PERMIT_TTL_MS,
                "plan_id": plan.plan_id,
                "reserve_until_ms": reserve_until_ms if permit.allow else 0,
                "exclusive": int(permit.allow and plan.eval_type is EvalType.ENTRY),
                "now_ms": permit.ts_ms,
            },
        )
        if answer == "in_flight":
            return False
        self._meter.decided(permit.eval_type, permit.reason)
        self._meter.hop(Hop.PLAN_TO_PERMIT, permit.ts_ms - message.written_ms)
        return True

    async def settle(self, result: Result, message: Message) -> None:
        """Run `settle_result`."""
        await self._settle(
            {"in_flight": self._keys.in_flight(result.symbol), "results": message.stream},
            {"group": GROUP_P33, "entry": message.id, "plan_id": result.plan_id},
        )

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge one entry."""
        await self._redis.xack(message.stream, GROUP_P33, message.id)

    async def under_way(self, symbol: str, now_ms: int) -> bool:
        """Read the reservations of a symbol."""
        flights: Any = await self._redis.hgetall(self._keys.in_flight(symbol))
        return any(int(until_ms) > now_ms for until_ms in flights.values())

    # --- facts and ledgers ---------------------------------------------------------------------------------------

    async def symbols(self) -> Sequence[str]:
        """Scan for the symbols that have facts."""
        prefix = self._keys.fills("")
        return sorted([key.removeprefix(prefix) async for key in self._redis.scan_iter(prefix + "*", count=SCAN_COUNT)])

    async def book(self, symbol: str) -> Shelf:
        """Read a symbol's facts and its ledger in one round trip. Raise ConnectionError where Redis forgot them: then
        it is another server, and everything is recovered from it."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._keys.fills(symbol))
            pipe.hgetall(self._keys.ledger(symbol))
            fields, ledger_fields = await pipe.execute()
        if CHECKPOINT not in fields:
            raise RedisConnectionError(f"redis forgot the ledger of {symbol} while it was read")
        peak, booked = fields.pop(PEAK, None), int(fields.pop(BOOKED, 0))
        checkpoint = Checkpoint.from_json(fields.pop(CHECKPOINT))
        facts = {fact_id: Fact.from_json(text) for fact_id, text in fields.items()}
        stored = len(facts)
        facts = {fact_id: fact for fact_id, fact in facts.items() if not checkpoint.covers(fact)}
        book = Book(symbol, checkpoint, facts, Peak.from_json(peak) if peak else None)
        book.journal_id = ledger_fields.get("journal_id", "")
        try:
            ledger = Ledger.from_fields(ledger_fields) if ledger_fields else None
        except Malformed:
            ledger = None  # the facts are right: it is written anew
        return Shelf(book, ledger, stored, whole=stored == booked)

    async def begin(self, symbol: str, checkpoint: Checkpoint, ledger: Ledger) -> None:
        """Run `begin_ledger`."""
        await self._begin(
            {"fills": self._keys.fills(symbol), "ledger": self._keys.ledger(symbol)},
            {"checkpoint": checkpoint.to_json(), "ledger_fields": ledger.to_fields()},
        )

    async def write_fact(
        self, symbol: str, fact: Fact, entry: JournalEntry, ledger: Ledger, expected: str
    ) -> tuple[Booking, str]:
        """Run `book_fact`."""
        fields = ledger.to_fields()
        del fields["journal_id"]  # the script knows it first
        answer: Any = await self._book_fact(
            {
                "fills": self._keys.fills(symbol),
                "ledger": self._keys.ledger(symbol),
                "journal": self._keys.journal,
            },
            {
                "fact_id": fact.fact_id,
                "fact": fact.to_json(),
                "expected": expected,
                "entry": entry.to_fields(),
                "ledger_fields": fields,
            },
        )
        booking = Booking(answer[0])
        if booking is Booking.BOOKED:
            self._meter.booked(fact.kind)
            if fact.kind is FactKind.FILL:
                self._meter.hop(Hop.FILL_TO_LEDGER, entry.ts_ms - fact.time_ms)
        return booking, str(answer[1])

    async def mend_ledger(self, shelf: Shelf, ledger: Ledger, journal_id: str, entry: JournalEntry | None) -> bool:
        """Run `mend_ledger`."""
        fields = ledger.to_fields()
        del fields["journal_id"]  # the script knows it last
        symbol = shelf.book.symbol
        answer = await self._mend(
            {"fills": self._keys.fills(symbol), "ledger": self._keys.ledger(symbol), "journal": self._keys.journal},
            {
                "facts_read": shelf.stored,
                "expected": shelf.book.journal_id,
                "journal_id": journal_id,
                "entry": entry.to_fields() if entry else {},
                "ledger_fields": fields,
            },
        )
        return answer == 1

    async def journaled(self, symbol: str, fact_id: str) -> str:
        """Look through the newest entries of the journal."""
        entries: Any = await self._redis.xrevrange(self._keys.journal, count=JOURNAL_LOOK_BACK)
        told = (entry for entry, fields in entries if fields["symbol"] == symbol and fields["trade_id"] == fact_id)
        return str(next(told, ""))

    async def compact(self, symbol: str, checkpoint: Checkpoint, folded: Iterable[str]) -> None:
        """Run `compact_fills`."""
        await self._compact(
            {"fills": self._keys.fills(symbol)}, {"checkpoint": checkpoint.to_json(), "folded": list(folded)}
        )

    async def raise_peaks(self, peaks: Mapping[str, Peak]) -> None:
        """Run `raise_peak` for each symbol."""
        for symbol, peak in peaks.items():
            await self._raise_peak(
                {"fills": self._keys.fills(symbol), "ledger": self._keys.ledger(symbol)},
                {"opened_ms": peak.opened_ms, "peak": peak.to_json(), "price": plain(peak.price)},
            )

    # --- snapshots and holds -------------------------------------------------------------------------------------

    async def write_snapshots(self, snapshots: Mapping[str, Snapshot], portfolio: Portfolio | None) -> None:
        """Run `write_snapshots`."""
        rows = [
            [self._keys.snapshot(symbol), [part for pair in snapshot.to_fields().items() for part in pair]]
            for symbol, snapshot in snapshots.items()
        ]
        await self._write_snapshots(
            {"portfolio": self._keys.portfolio},
            {
                "snapshots": orjson.dumps(rows).decode(),
                "portfolio_fields": portfolio.to_fields() if portfolio else {},
            },
        )

    async def sources(self) -> set[str]:
        """Scan for snapshots, and read where each came from."""
        keys = [key async for key in self._redis.scan_iter(self._keys.snapshot("") + "*", count=SCAN_COUNT)]
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hget(key, "source")
            rows = await pipe.execute() if keys else []
        return {source for source in rows if source}  # Redis may forget one between the two

    async def portfolio(self) -> Portfolio | None:
        """Read the portfolio."""
        fields: Any = await self._redis.hgetall(self._keys.portfolio)
        return Portfolio.from_fields(fields) if fields else None

    async def stops(self, symbols: Iterable[str]) -> Mapping[str, Decimal]:
        """Read the remembered stops in one round trip."""
        names = list(symbols)
        async with self._redis.pipeline(transaction=False) as pipe:
            for symbol in names:
                pipe.hget(self._keys.stop(symbol), "trigger_price")
            prices = await pipe.execute()
        return {symbol: parse_decimal(price) for symbol, price in zip(names, prices, strict=True) if price}

    async def held(self) -> Mapping[str, Hold]:
        """Scan for holds."""
        prefix = self._keys.hold("")
        holds = {}
        async for key in self._redis.scan_iter(prefix + "*", count=SCAN_COUNT):
            fields: Any = await self._redis.hgetall(key)
            if fields:
                holds[key.removeprefix(prefix)] = Hold.from_fields(fields)
        return holds

    async def hold(self, symbol: str, hold: Hold | None, event: ReconcileEvent) -> None:
        """Run `set_hold`."""
        await self._set_hold(
            {"hold": self._keys.hold(symbol), "events": self._keys.reconcile_events},
            {"fields": hold.to_fields() if hold else {}, "event": event.to_fields()},
        )

    # --- operators -----------------------------------------------------------------------------------------------

    async def requests(self) -> Mapping[str, str]:
        """Read all of them."""
        found: Any = await self._redis.hgetall(self._keys.requests)
        return dict(found)

    async def answer(self, symbol: str, request: str, event: ReconcileEvent | None, *, lift: bool) -> None:
        """Run `answer_request`."""
        keys = self._keys
        await self._answer(
            {"hold": keys.hold(symbol), "events": keys.reconcile_events, "requests": keys.requests},
            {
                "symbol": symbol,
                "request": request,
                "event": event.to_fields() if event else {},
                "lift": int(lift),
            },
        )

    async def released(self) -> Mapping[str, int]:
        """Look through the newest entries of reconcile.events."""
        entries: Any = await self._redis.xrevrange(self._keys.reconcile_events, count=JOURNAL_LOOK_BACK)
        oldest_first = reversed(entries)
        return {one["symbol"]: int(one["ts_ms"]) for _, one in oldest_first if one["kind"] == "released"}


def streams_written(keys: Keys) -> Sequence[str]:
    """Return the streams that P3.3 writes and trims; apply.permit is trimmed by the governor, its other writer."""
    return (keys.journal, keys.reconcile_events)
