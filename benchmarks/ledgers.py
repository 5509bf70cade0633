"""Whether the ledgers are the exchange's trades, read from the exchange by a reader of its own."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from benchmarks.rig import Rig
from quantum_common.messages import Side
from quantum_common.money import parse_decimal
from quantum_common.state import Ledger

NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many symbols and trades were compared, and the symbols whose ledger is not the sum of their trades."""

    symbols: int
    trades: int
    differing: tuple[str, ...]


def compare(rig: Rig) -> Comparison:
    """Given a chain, hold the quantity, fees and realised profit of every ledger against the exchange's own trades."""
    link = rig.link()
    differing, count = [], 0
    for symbol in rig.symbols:
        trades = link.trades(symbol)
        count += len(trades)
        fields: Any = rig.redis.hgetall(rig.keys.ledger(symbol))
        if sums(trades) != _of(Ledger.from_fields(fields)):
            differing.append(symbol)
    link.close()
    return Comparison(len(rig.symbols), count, tuple(differing))


def sums(trades: list[dict[str, Any]]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Given trades as the exchange lists them, return position, quantity traded, fees and realised profit."""
    position = total = fees = profit = NONE
    for trade in trades:
        qty = parse_decimal(str(trade["qty"]))
        position += Side(trade["side"]).sign * qty
        total += qty
        fees += parse_decimal(str(trade["commission"]))
        profit += parse_decimal(str(trade["realizedPnl"]))
    return position, total, fees, profit


def _of(ledger: Ledger) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return ledger.position_amt, ledger.total_qty, ledger.fees, ledger.realized_pnl
