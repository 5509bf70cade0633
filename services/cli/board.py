"""What `quantum up` shows, as data, and the one reader that fills it from Redis. Reading changes nothing there."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from redis import Redis

from quantum_common.clock import epoch_ms
from quantum_common.keys import SERVICES, Keys
from quantum_common.messages import Malformed
from quantum_common.state import Hold, Ledger, Snapshot
from services.cli.health.groups import read_groups
from services.cli.health.picture import Group
from services.cli.redis_link import entries, written_ms
from services.cli.tally import FLOWS, Outcome, Tally


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One symbol: what we did beside what the exchange says. None where it is not known yet."""

    symbol: str
    ledger_amt: Decimal | None
    exchange_amt: Decimal | None
    entry_price: Decimal | None
    mark_price: Decimal | None
    unrealized_pnl: Decimal | None
    hold: str

    @property
    def difference(self) -> Decimal | None:
        """Return ledger less exchange."""
        if self.ledger_amt is None or self.exchange_amt is None:
            return None
        return self.ledger_amt - self.exchange_amt


@dataclass(frozen=True, slots=True)
class Board:
    """Everything on the screen at one moment."""

    now_ms: int
    trading_state: str
    trading_reason: str
    equity: str
    drawdown_pct: str
    beating: tuple[str, ...]
    restarts: int
    rates: Mapping[str, int]
    totals: Mapping[str, int]
    latencies: Mapping[str, tuple[int, int] | None]
    positions: tuple[PositionRow, ...]
    gates: Counter[str]
    groups: tuple[Group, ...]
    dead: int
    results: tuple[Outcome, ...]


class BoardReader:
    """Reads Redis from where it stopped last time."""

    def __init__(self, redis: Redis, keys: Keys, symbols: tuple[str, ...], after_ms: int) -> None:
        self._redis, self._keys, self._symbols = redis, keys, symbols
        self.tally = Tally()
        self._takers: dict[str, Callable[[int, Mapping[str, str]], None]] = {
            keys.intents: self.tally.intent,
            keys.plans: self.tally.plan,
            keys.permits: self.tally.permit,
            keys.journal: self.tally.journal,
            keys.results: self.tally.result,
        }
        self._after = dict.fromkeys(self._takers, f"{after_ms}-0")

    def read(self, restarts: int) -> Board:
        """Read what is new and what stands now. Raise redis' errors where Redis is away."""
        for stream, take in self._takers.items():
            for entry_id, fields in entries(self._redis, stream, self._after[stream]):
                take(written_ms(entry_id), fields)
                self._after[stream] = entry_id
        now_ms, tally = epoch_ms(), self.tally
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._keys.governor_state)
            pipe.hgetall(self._keys.portfolio)
            for service in SERVICES:
                pipe.exists(self._keys.heartbeat(service))
            for stream in self._keys.streams:
                pipe.xlen(Keys.dead(stream))
            found: list[Any] = pipe.execute()
        state, portfolio = found[0], found[1]
        beats = found[2 : 2 + len(SERVICES)]
        return Board(
            now_ms=now_ms,
            trading_state=state.get("trading_state", ""),
            trading_reason=state.get("reason", ""),
            equity=portfolio.get("equity_usd", ""),
            drawdown_pct=portfolio.get("drawdown_pct", ""),
            beating=tuple(service for service, beats_now in zip(SERVICES, beats, strict=True) if beats_now),
            restarts=restarts,
            rates={flow: tally.per_minute(flow, now_ms) for flow in FLOWS},
            totals=dict(tally.counts),
            latencies=tally.latencies(),
            positions=self._positions(),
            gates=tally.gates(now_ms),
            groups=read_groups(self._redis, self._keys),
            dead=sum(found[2 + len(SERVICES) :]),
            results=tuple(tally.results),
        )

    def _positions(self) -> tuple[PositionRow, ...]:
        """Return every symbol that was traded or stands, open ones first."""
        with self._redis.pipeline(transaction=False) as pipe:
            for symbol in self._symbols:
                pipe.hgetall(self._keys.ledger(symbol))
                pipe.hgetall(self._keys.snapshot(symbol))
                pipe.hgetall(self._keys.hold(symbol))
            found: list[dict[str, str]] = pipe.execute()
        rows = []
        for index, symbol in enumerate(self._symbols):
            ledger_fields, snapshot_fields, hold_fields = found[3 * index : 3 * index + 3]
            row = _row(symbol, ledger_fields, snapshot_fields, hold_fields)
            if row is not None:
                rows.append(row)
        return tuple(sorted(rows, key=lambda row: (not row.hold, not row.difference, not row.exchange_amt)))


def _row(
    symbol: str, ledger_fields: dict[str, str], snapshot_fields: dict[str, str], hold_fields: dict[str, str]
) -> PositionRow | None:
    """Given a symbol's hashes, return its row, or None where it was never traded and stands flat."""
    try:
        ledger = Ledger.from_fields(ledger_fields) if ledger_fields else None
        snapshot = Snapshot.from_fields(snapshot_fields) if snapshot_fields else None
        hold = Hold.from_fields(hold_fields).reason if hold_fields else ""
    except Malformed as error:
        return PositionRow(symbol, None, None, None, None, None, f"unreadable: {error}")
    if ledger is None and (snapshot is None or snapshot.position_amt == 0) and not hold:
        return None
    return PositionRow(
        symbol=symbol,
        ledger_amt=ledger.position_amt if ledger else None,
        exchange_amt=snapshot.position_amt if snapshot else None,
        entry_price=ledger.avg_entry_price if ledger else None,
        mark_price=snapshot.mark_price if snapshot else None,
        unrealized_pnl=snapshot.unrealized_pnl if snapshot else None,
        hold=hold,
    )
