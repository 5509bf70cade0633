"""The exchange's memory on disk: every row the engine changed, in one transaction before the answer goes out.

SQLite in WAL mode with synchronous=NORMAL: a killed process loses nothing that was answered; a machine
that loses power may lose the last transactions, whole ones only.
"""

import fcntl
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.records import (
    Account,
    AlgoOrder,
    Countdown,
    Income,
    Order,
    Position,
    SymbolSettings,
    Trade,
)
from services.paper_exchange.rows import decode_row, encode_row

FILE_NAME = "paper-exchange.sqlite3"
_KINDS: dict[str, type[Any]] = {
    "orders": Order,
    "trades": Trade,
    "positions": Position,
    "algos": AlgoOrder,
    "income": Income,
    "settings": SymbolSettings,
    "countdowns": Countdown,
    "account": Account,
}
_CREATE = """
    CREATE TABLE IF NOT EXISTS rows (kind TEXT, key TEXT, row BLOB, name TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS orders_by_client_id ON rows (name) WHERE name IS NOT NULL;
"""
_SAVE = "INSERT INTO rows VALUES (?, ?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET row = excluded.row"
_FACT = "fact"


class StateInUse(Exception):
    """Another process has this state folder open."""


class Store:
    """Rows and a few named facts in one file, or in memory where no folder is given."""

    def __init__(self, folder: Path | None) -> None:
        """Given a folder, open or create its file. Raise StateInUse where another process holds it."""
        self._lock = None
        path = ":memory:"
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("w")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                raise StateInUse(
                    f"{folder}: another paper exchange runs on this state; stop it or name another"
                ) from None
            path = str(folder / FILE_NAME)
        self.keeps = folder is not None
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_CREATE)

    def save(self, rows: Rows) -> None:
        """Given changed rows, write them all or none."""
        if not self.keeps or not rows:
            return
        self._write(
            [
                (kind, _key(kind, row), encode_row(row), _name(kind, row))
                for kind, found in _by_kind(rows)
                for row in found
            ]
        )

    def save_facts(self, facts: dict[str, bytes]) -> None:
        """Given named facts, write them all or none."""
        if self.keeps:
            self._write([(_FACT, name, text, None) for name, text in facts.items()])

    def load(self) -> Rows:
        """Return every row ever saved, as it was saved last, in order of its key."""
        found: dict[str, list[Any]] = {name: [] for name in _KINDS}
        for name, text in self._db.execute("SELECT kind, row FROM rows WHERE kind <> ? ORDER BY kind, key", (_FACT,)):
            found[name].append(decode_row(_KINDS[name], text))
        account = found.pop("account")
        rows = {name: tuple(items) for name, items in found.items()}
        return Rows(**rows, account=account[0] if account else None)

    def trades_from(self, symbol: str, first_id: int, limit: int) -> list[Trade] | None:
        """Given a symbol, a trade id and a limit, return its trades from there on, or None where nothing is kept."""
        if not self.keeps:
            return None
        query = "SELECT row FROM rows WHERE kind = 'trades' AND key >= ? AND key < ? ORDER BY key LIMIT ?"
        bounds = (f"{symbol}:{first_id:020d}", f"{symbol};", limit)
        return [decode_row(Trade, text) for (text,) in self._db.execute(query, bounds)]

    def order(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order | None:
        """Given a symbol and either id, return the (newest) order as it was saved last, or None where none is kept."""
        if order_id is not None:
            query, value = "SELECT row FROM rows WHERE kind = 'orders' AND key = ?", f"{order_id:020d}"
        else:
            query = "SELECT row FROM rows WHERE name = ? ORDER BY key DESC LIMIT 1"
            value = _client_id(symbol, client_order_id or "")
        row = self._db.execute(query, (value,)).fetchone()
        order = decode_row(Order, row[0]) if row is not None else None
        return order if order is not None and order.symbol == symbol else None

    def facts(self) -> dict[str, bytes]:
        """Return every named fact."""
        return dict(self._db.execute("SELECT key, row FROM rows WHERE kind = ?", (_FACT,)))

    def _write(self, found: list[tuple[str, str, bytes, str | None]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(_SAVE, found)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file and give the folder free."""
        self._db.close()
        if self._lock is not None:
            self._lock.close()


def _by_kind(rows: Rows) -> Iterable[tuple[str, tuple[Any, ...]]]:
    for name in _KINDS:
        found = getattr(rows, name)
        if name == "account":
            found = (found,) if found is not None else ()
        if found:
            yield name, found


def _name(kind: str, row: Any) -> str | None:
    """Given a kind and a row, return what it is looked up by besides its key: an order's symbol and client id."""
    return _client_id(row.symbol, row.client_order_id) if kind == "orders" else None


def _client_id(symbol: str, client_order_id: str) -> str:
    return f"{symbol}:{client_order_id}"


def _key(kind: str, row: Any) -> str:
    """Given a kind and a row, return its key; keys sort as their numbers do."""
    match kind:
        case "orders":
            return f"{row.order_id:020d}"
        case "trades":
            return f"{row.symbol}:{row.trade_id:020d}"
        case "positions":
            return f"{row.symbol}:{row.side}"
        case "algos":
            return f"{row.algo_id:020d}"
        case "income":
            return f"{row.tran_id:020d}"
        case "account":
            return "account"
        case _:
            return str(row.symbol)
