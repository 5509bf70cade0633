"""Reads what a run left: every stream, the hashes, and the exchange's own lists of orders, trades and positions."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from redis import Redis

from quantum_common.keys import Keys, short
from quantum_common.messages import Intent, JournalEntry, Malformed, Permit, Plan, Record, Result, Side, Stamped
from quantum_common.state import Ledger, OrderRecord, Snapshot
from services.cli.exchange_link import ExchangeLink
from services.cli.facts import Backlog, DeadLetter, ExchangeOrder, ExchangeTrade, Facts, Written
from services.cli.health.groups import read_groups
from services.cli.redis_link import entries, literal, written_ms

ALL_SYMBOLS_MAX = 64  # with more, only symbols that anything of ours names are asked about: each costs two calls
SCAN_COUNT = 1000

M = TypeVar("M", bound=Stamped)
R = TypeVar("R", bound=Record)


class Collector:
    """Reads one pipeline and its exchange. Reading changes nothing."""

    def __init__(self, redis: Redis, keys: Keys, link: ExchangeLink, symbols: tuple[str, ...]) -> None:
        self._redis, self._keys, self._link, self._symbols = redis, keys, link, symbols
        self._malformed: list[tuple[str, str]] = []
        self._unreadable: list[str] = []

    def collect(self) -> Facts:
        """Return everything as it stands: Redis first, then the exchange. Raise redis' errors or ExchangeAway."""
        self._malformed, self._unreadable = [], []
        keys = self._keys
        facts = Facts(
            intents=self._stream(keys.intents, Intent),
            plans=self._stream(keys.plans, Plan),
            permits=self._stream(keys.permits, Permit),
            results=self._stream(keys.results, Result),
            journal=self._stream(keys.journal, JournalEntry),
            malformed=tuple(self._malformed),
            dead=tuple(self._dead()),
            backlogs=tuple(self._backlogs()),
            trimmed=frozenset(self._trimmed()),
            ledgers=self._hashes(keys.ledger(""), Ledger),
            snapshots=self._hashes(keys.snapshot(""), Snapshot),
            held=frozenset(name for name, _ in self._scan(keys.hold(""))),
            records=self._records(),
            unreadable=tuple(self._unreadable),
        )
        return self._with_exchange(facts)

    def _with_exchange(self, facts: Facts) -> Facts:
        positions = {row["symbol"]: Decimal(row["positionAmt"]) for row in self._link.positions()}
        symbols = self._symbols
        if len(symbols) > ALL_SYMBOLS_MAX:
            named = {plan.message.symbol for plan in facts.plans} | facts.ledgers.keys()
            symbols = tuple(sorted(named | {symbol for symbol, amount in positions.items() if amount}))
        orders = tuple(order for symbol in symbols for order in map(_order, self._link.orders(symbol)))
        trades = tuple(trade for symbol in symbols for trade in map(_trade, self._link.trades(symbol)))
        return replace(facts, orders=orders, trades=trades, positions=positions)

    def _stream(self, stream: str, kind: type[M]) -> tuple[Written[M], ...]:
        found = []
        for entry_id, fields in entries(self._redis, stream):
            try:
                found.append(Written(entry_id, written_ms(entry_id), kind.from_fields(fields)))
            except Malformed:
                self._malformed.append((short(stream), entry_id))
        return tuple(found)

    def _dead(self) -> Iterator[DeadLetter]:
        for stream in self._keys.streams:
            for _, fields in entries(self._redis, Keys.dead(stream)):
                yield DeadLetter(short(stream), fields.get("dead_entry_id", ""), fields.get("dead_reason", ""))

    def _backlogs(self) -> Iterator[Backlog]:
        for row in read_groups(self._redis, self._keys):
            yield Backlog(row.stream, row.name, row.lag or 0, row.pending)

    def _trimmed(self) -> Iterator[str]:
        for stream in self._keys.streams:
            if self._redis.exists(stream):
                info: Any = self._redis.xinfo_stream(stream)
                if int(info.get("entries-added", info["length"])) > int(info["length"]):
                    yield short(stream)

    def _hashes(self, prefix: str, kind: type[R]) -> dict[str, R]:
        return {
            name: record for name, fields in self._scan(prefix) if (record := self._read(prefix, name, fields, kind))
        }

    def _records(self) -> dict[str, OrderRecord]:
        return self._hashes(self._keys.order(""), OrderRecord)

    def _read(self, prefix: str, name: str, fields: dict[str, str], kind: type[R]) -> R | None:
        try:
            return kind.from_fields(fields)
        except Malformed as error:
            self._unreadable.append(f"{prefix}{name}: {error}")
            return None

    def _scan(self, prefix: str) -> Iterable[tuple[str, dict[str, str]]]:
        """Yield the name after the prefix and the fields of every hash under it."""
        names = sorted(set(self._redis.scan_iter(literal(prefix) + "*", count=SCAN_COUNT)))
        for start in range(0, len(names), SCAN_COUNT):
            page = names[start : start + SCAN_COUNT]
            with self._redis.pipeline(transaction=False) as pipe:
                for name in page:
                    pipe.hgetall(name)
                for name, fields in zip(page, pipe.execute(), strict=True):
                    if fields:
                        yield name.removeprefix(prefix), fields


def _order(row: dict[str, Any]) -> ExchangeOrder:
    return ExchangeOrder(
        symbol=row["symbol"],
        order_id=int(row["orderId"]),
        client_order_id=row["clientOrderId"],
        status=row["status"],
        executed_qty=Decimal(row["executedQty"]),
        time_ms=int(row["time"]),
    )


def _trade(row: dict[str, Any]) -> ExchangeTrade:
    return ExchangeTrade(
        symbol=row["symbol"],
        trade_id=int(row["id"]),
        order_id=int(row["orderId"]),
        side=Side(row["side"]),
        qty=Decimal(row["qty"]),
        price=Decimal(row["price"]),
        realized_pnl=Decimal(row["realizedPnl"]),
        fee=Decimal(row["commission"]),
        time_ms=int(row["time"]),
    )
