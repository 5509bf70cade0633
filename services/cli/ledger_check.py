"""One symbol's ledger against everything that it must agree with: its facts, its journal, the exchange. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from quantum_common.exchange.port import TradeView
from quantum_common.messages import JournalEntry
from quantum_common.money import plain
from services.cli.folds import fold_journal
from services.position_state_brain.bookkeeper import differing
from services.position_state_brain.fold import Fact, FactKind
from services.position_state_brain.ports import Shelf

NAMED_MAX = 5  # how many trades a finding names


class Verdict(StrEnum):
    """What a ledger is; the first that applies, in this order."""

    UNREADABLE = "unreadable"
    NO_LEDGER = "no_ledger"
    NOT_THE_FOLD = "not_the_fold"
    TRADES_MISSING = "trades_missing"
    TRADES_UNKNOWN = "trades_unknown"
    TRADES_DIFFER = "trades_differ"
    JOURNAL_DIFFERS = "journal_differs"
    POSITION_DIFFERS = "position_differs"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read of one symbol. `trades` are the exchange's from the checkpoint on; `journal` its entries, oldest
    first, and whether none was trimmed."""

    symbol: str
    shelf: Shelf | None
    unreadable: str
    exchange_amt: Decimal
    trades: Sequence[TradeView]
    journal: Sequence[JournalEntry]
    whole_journal: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one symbol. Amounts are in base asset; `ledger_amt` is None where there is no ledger."""

    symbol: str
    verdict: Verdict
    ledger_amt: Decimal | None
    exchange_amt: Decimal
    facts: int
    trades: int
    findings: tuple[str, ...]

    @property
    def difference(self) -> Decimal:
        """Return ledger less exchange."""
        return (self.ledger_amt or Decimal(0)) - self.exchange_amt


def examine(evidence: Evidence) -> Report:
    """Given what was read of a symbol, return the verdict on its ledger, with every finding."""
    found = list(_findings(evidence))
    order = list(Verdict)
    verdict = min((kind for kind, _ in found), key=order.index, default=Verdict.OK)
    shelf = evidence.shelf
    return Report(
        symbol=evidence.symbol,
        verdict=verdict,
        ledger_amt=shelf.ledger.position_amt if shelf and shelf.ledger else None,
        exchange_amt=evidence.exchange_amt,
        facts=len(shelf.book.facts) if shelf else 0,
        trades=len(_own_time(evidence)) if shelf else len(evidence.trades),
        findings=tuple(text for _, text in found),
    )


def _findings(evidence: Evidence) -> Iterator[tuple[Verdict, str]]:
    if evidence.unreadable:
        yield Verdict.UNREADABLE, evidence.unreadable
        return
    shelf = evidence.shelf
    if shelf is None:
        if evidence.exchange_amt:
            yield Verdict.NO_LEDGER, f"the exchange has {plain(evidence.exchange_amt)} and there is no ledger"
        return
    book, standing = shelf.book, shelf.ledger
    folded = book.ledger(
        book.folded, book.journal_id, standing.lag_ms if standing else None, standing.updated_ms if standing else 0
    )
    if standing is None:
        yield Verdict.NOT_THE_FOLD, "the ledger is missing or breaks its contract, and its facts are there"
    elif wrong := differing(standing, folded):
        shown = (f"{name} is {getattr(standing, name)}, the fold {getattr(folded, name)}" for name in wrong)
        yield Verdict.NOT_THE_FOLD, "; ".join(shown)
    if not shelf.whole:
        yield Verdict.NOT_THE_FOLD, "a torn write left a fact that is not booked whole"
    fills = {fact.trade_id: fact for fact in book.facts.values() if fact.kind is FactKind.FILL}
    yield from _against_trades(fills, {trade.trade_id: trade for trade in _own_time(evidence)})
    yield from _against_journal(evidence, shelf)
    if book.folded.position_amt != evidence.exchange_amt:
        yield Verdict.POSITION_DIFFERS, "the trades do not explain the exchange's position"


def _own_time(evidence: Evidence) -> list[TradeView]:
    """Return the exchange's trades that the facts beside the checkpoint must name."""
    if evidence.shelf is None:
        return []
    checkpoint = evidence.shelf.book.checkpoint
    return [
        trade
        for trade in evidence.trades
        if trade.trade_id > checkpoint.high_water and trade.trade_ms >= checkpoint.since_ms
    ]


def _against_trades(fills: dict[int, Fact], trades: dict[int, TradeView]) -> Iterator[tuple[Verdict, str]]:
    if missing := sorted(trades.keys() - fills.keys()):
        yield Verdict.TRADES_MISSING, f"not booked: {_named(missing)}"
    if unknown := sorted(fills.keys() - trades.keys()):
        yield Verdict.TRADES_UNKNOWN, f"booked, and the exchange does not list them: {_named(unknown)}"
    different = [number for number in sorted(fills.keys() & trades.keys()) if not _same(fills[number], trades[number])]
    if different:
        yield Verdict.TRADES_DIFFER, f"booked otherwise than the exchange lists them: {_named(different)}"


def _same(fact: Fact, trade: TradeView) -> bool:
    booked = (fact.qty, fact.price, fact.fee, fact.realized_pnl, fact.order_id, fact.time_ms)
    listed = (trade.side.sign * trade.qty, trade.price, trade.fee, trade.realized_pnl, trade.order_id, trade.trade_ms)
    return booked == listed


def _against_journal(evidence: Evidence, shelf: Shelf) -> Iterator[tuple[Verdict, str]]:
    """A journal that was trimmed must still end where the ledger stands; a whole one must fold to it."""
    entries, folded = evidence.journal, shelf.book.folded
    if entries and entries[-1].position_amt != folded.position_amt:
        yield Verdict.JOURNAL_DIFFERS, f"the journal ends at {plain(entries[-1].position_amt)}"
    doubled = [name for name, count in Counter(entry.trade_id for entry in entries).items() if count > 1]
    if doubled:
        yield Verdict.JOURNAL_DIFFERS, f"told more than once: {_named(doubled)}"
    if not evidence.whole_journal:
        return
    untold = sorted(shelf.book.facts.keys() - {entry.trade_id for entry in entries})
    if untold:
        yield Verdict.JOURNAL_DIFFERS, f"booked and not told: {_named(untold)}"
    sums = fold_journal(entries)
    for name in ("position_amt", "total_qty", "realized_pnl", "fees", "funding"):
        told, booked = getattr(sums, name), getattr(folded, name)
        if told != booked:
            yield Verdict.JOURNAL_DIFFERS, f"the journal's {name} is {plain(told)}, the facts' {plain(booked)}"


def _named(names: Iterable[object]) -> str:
    listed = [str(name) for name in names]
    more = f" and {len(listed) - NAMED_MAX} more" if len(listed) > NAMED_MAX else ""
    return ", ".join(listed[:NAMED_MAX]) + more
