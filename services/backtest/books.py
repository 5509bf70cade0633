"""Whether the ledgers are the exchange's trades: the check at the end of a run, to the last digit."""

from collections.abc import Mapping
from decimal import Decimal

from quantum_common.money import plain
from quantum_common.state import Ledger
from services.backtest.account import Sums


def differences(sums: Mapping[str, Sums], ledgers: Mapping[str, Ledger]) -> list[str]:
    """Given the sums of the exchange's own trades and P3.3's ledgers, return in words what differs; empty: nothing."""
    found = []
    for symbol in sorted(sums.keys() | ledgers.keys()):
        ours, theirs = ledgers.get(symbol), sums.get(symbol, Sums())
        if ours is None:
            found.append(f"{symbol}: traded, and no ledger")
            continue
        compared: dict[str, tuple[Decimal, Decimal]] = {
            "position_amt": (ours.position_amt, theirs.position_amt),
            "total_qty": (ours.total_qty, theirs.qty),
            "realized_pnl": (ours.realized_pnl, theirs.realized_pnl),
            "fees": (ours.fees, theirs.fees),
            "funding": (ours.funding, theirs.funding),
        }
        found += [
            f"{symbol}: {name} is {plain(ledger)} in the ledger and {plain(exchange)} on the exchange"
            for name, (ledger, exchange) in compared.items()
            if ledger != exchange
        ]
    return found
