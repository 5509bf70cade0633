"""Positions folded anew, exactly, by code that the position-state-brain does not share."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from quantum_common.messages import JournalEntry
from services.cli.facts import ExchangeTrade

PRICE_GRAIN = Fraction(1, 10**10)  # a ledger cuts its average price here at each step, to the nearest


@dataclass(frozen=True, slots=True)
class Sums:
    """What a list of trades adds up to. The average entry price is an exact fraction; `steps` counts the changes."""

    position_amt: Decimal = Decimal(0)
    entry: Fraction = Fraction(0)
    total_qty: Decimal = Decimal(0)
    realized_pnl: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    steps: int = 0

    def entry_is(self, price: Decimal) -> bool:
        """Given a ledger's average price, return whether it is this one but for the cutting at each step."""
        return abs(Fraction(price) - self.entry) <= PRICE_GRAIN * (self.steps + 1)


def fold_trades(trades: Iterable[ExchangeTrade]) -> Sums:
    """Given a symbol's trades of the exchange, each once, return their sums."""
    sums = Sums()
    for trade in sorted(trades, key=lambda trade: (trade.time_ms, trade.trade_id)):
        sums = _traded(sums, trade.signed_qty, trade.price, trade.realized_pnl, trade.fee)
    return sums


def fold_journal(entries: Iterable[JournalEntry]) -> Sums:
    """Given a symbol's journal entries in the order in which they were written, return their sums.

    Fills and funding stand where the exchange's time puts them. An adjustment says by itself what stood after it.
    """
    sums = Sums()
    amount_before = Decimal(0)
    steps: list[tuple[tuple[int, int, str], JournalEntry, Decimal]] = []
    for entry in entries:
        number = int(entry.trade_id) if entry.trade_id.isdigit() else 0
        steps.append(((entry.trade_ms, number, entry.trade_id), entry, entry.position_amt - amount_before))
        amount_before = entry.position_amt
    for _, entry, change in sorted(steps, key=lambda step: step[0]):
        match entry.kind:
            case "fill":
                signed = (entry.side.sign if entry.side else 0) * (entry.qty or Decimal(0))
                price, profit, fee = (number or Decimal(0) for number in (entry.price, entry.realized_pnl, entry.fee))
                sums = _traded(sums, signed, price, profit, fee)
            case "funding":
                sums = _replace(sums, funding=sums.funding + (entry.funding or Decimal(0)))
            case "adjustment":
                after = sums.position_amt + change
                entry_price = Fraction(entry.price or 0) if after else Fraction(0)
                sums = _replace(sums, position_amt=after, entry=entry_price)
    return sums


def _traded(sums: Sums, qty: Decimal, price: Decimal, profit: Decimal, fee: Decimal) -> Sums:
    """Given sums and one more signed trade, return the sums after it."""
    before, after = sums.position_amt, sums.position_amt + qty
    if after == 0:
        entry = Fraction(0)
    elif before * qty >= 0:
        entry = (abs(Fraction(before)) * sums.entry + abs(Fraction(qty)) * Fraction(price)) / abs(Fraction(after))
    else:
        entry = Fraction(price) if after * qty > 0 else sums.entry
    return Sums(
        position_amt=after,
        entry=entry,
        total_qty=sums.total_qty + abs(qty),
        realized_pnl=sums.realized_pnl + profit,
        fees=sums.fees + fee,
        funding=sums.funding,
        steps=sums.steps + 1,
    )


def _replace(
    sums: Sums, *, position_amt: Decimal | None = None, entry: Fraction | None = None, funding: Decimal | None = None
) -> Sums:
    return Sums(
        position_amt=sums.position_amt if position_amt is None else position_amt,
        entry=sums.entry if entry is None else entry,
        total_qty=sums.total_qty,
        realized_pnl=sums.realized_pnl,
        fees=sums.fees,
        funding=sums.funding if funding is None else funding,
        steps=sums.steps + 1,
    )
