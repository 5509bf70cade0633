"""The three allowlists and the engine's symbols as they stand, and what Redis and the exchange say of each symbol."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from quantum_common.keys import Keys
from quantum_common.messages import Malformed
from quantum_common.money import plain
from quantum_common.settings import CommonSettings
from services.cli.complaint import Complaint
from services.cli.config.agreement import ALLOWLISTS, UNIVERSE, symbols_of
from services.cli.config.folder import CLI, ConfigFolder, read_folder
from services.cli.config.outside import Listing, NotAnswered, ask_listing
from services.cli.config.values import read_values
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of
from services.cli.trading_state import positions

LISTS = (*ALLOWLISTS, UNIVERSE)
ABSENT, UNKNOWN = "-", "?"


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of a folder as they stand, with what Redis and the exchange say of their symbols; None: not known."""

    folder: ConfigFolder
    symbols: Mapping[str, tuple[str, ...]]
    positions: Mapping[str, Decimal] | None
    listing: Listing | None
    unanswered: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Return every symbol of every list, and those that have a position."""
        named = [symbol for one in LISTS for symbol in self.symbols[one.key]]
        return tuple(dict.fromkeys([*named, *(self.positions or ())]))

    @property
    def why(self) -> str:
        """Return why something is not known."""
        return "; ".join(self.unanswered)

    @property
    def agree(self) -> bool:
        """Return whether the allowlists have the same symbols. The engine may follow more: those are close-only."""
        return len({frozenset(self.symbols[one.key]) for one in ALLOWLISTS}) == 1


def read_lists(path: Path) -> Lists:
    """Given a folder, read its lists and ask Redis and the exchange. Raise Complaint where a list cannot be read."""
    folder = read_folder(path)
    read = read_values(folder)
    symbols: dict[str, tuple[str, ...]] = {}
    for one in LISTS:
        line = folder.of(one.service).get(one.key)
        found = symbols_of(read.settings, one)
        if found is None and line is not None:
            raise Complaint(f"{line.where}: {one.key} is no list of symbols; quantum config check says what is wrong")
        symbols[one.key] = found or ()
    settings, unanswered = read.settings[CLI], []
    amounts = listing = None
    if CLI in read.sound:
        try:
            listing = ask_listing(settings)
        except NotAnswered as why:
            unanswered.append(str(why))
        try:
            amounts = _positions(settings)
        except (Complaint, *GONE, Malformed) as why:
            unanswered.append(f"redis: {why}")
    else:
        unanswered.append("the settings are wrong; quantum config check says where")
    return Lists(folder, symbols, amounts, listing, tuple(unanswered))


def _positions(settings: CommonSettings) -> dict[str, Decimal]:
    redis = connect(address_of(settings))
    try:
        return positions(redis, Keys(settings.quantum_key_prefix))
    finally:
        redis.close()


def as_table(lists: Lists) -> list[str]:
    """Given the lists, return a line for each symbol, with which lists have it."""
    head = ("symbol", *(one.key for one in LISTS), "position", "exchange")
    rows = [head, *(_row(lists, symbol) for symbol in lists.all)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    verdict = "the allowlists agree" if lists.agree else "the allowlists differ; quantum config check says where"
    return [*table, f"{lists.folder.path}: {verdict}", *(f"not known: {why}" for why in lists.unanswered)]


def _row(lists: Lists, symbol: str) -> tuple[str, ...]:
    marks = ["yes" if symbol in lists.symbols[one.key] else ABSENT for one in LISTS]
    amount = UNKNOWN if lists.positions is None else plain(lists.positions.get(symbol, Decimal(0)))
    status = UNKNOWN if lists.listing is None else lists.listing.status.get(symbol, "not listed")
    return symbol, *marks, amount, status


def as_object(lists: Lists) -> dict[str, Any]:
    """Given the lists, return them as one JSON object."""
    amounts = lists.positions
    return {
        "folder": str(lists.folder.path),
        "agree": lists.agree,
        "lists": {one.key: list(lists.symbols[one.key]) for one in LISTS},
        "positions": None if amounts is None else {symbol: plain(amount) for symbol, amount in amounts.items()},
        "status": None if lists.listing is None else {one: lists.listing.status.get(one) for one in lists.all},
        "not_known": list(lists.unanswered),
    }
