"""What must hold of ledgers, facts and the journal when everything has settled."""

from collections.abc import Iterator
from decimal import Decimal

from quantum_common.messages import JournalEntry
from quantum_common.state import Ledger
from services.position_state_brain.fold import Checkpoint, Fact, fold
from tests.sim.evidence import Evidence

ZERO = Decimal(0)


def ledger_sum(seen: Evidence) -> Iterator[str]:
    """The ledger's position is the exchange's."""
    for symbol in seen.symbols:
        ledger = _ledger(seen, symbol)
        if ledger is None:
            yield f"LEDGER_SUM {symbol}: no ledger"
        elif ledger.position_amt != seen.positions[symbol]:
            yield f"LEDGER_SUM {symbol}: ledger {ledger.position_amt}, exchange {seen.positions[symbol]}"


def facts_equal_trades(seen: Evidence) -> Iterator[str]:
    """Position, fees and profit are the sums of the exchange's trades since the ledger began, each counted once."""
    for symbol in seen.symbols:
        ledger = _ledger(seen, symbol)
        if ledger is None:
            continue
        since_ms = _facts(seen, symbol)[0].since_ms
        trades = [trade for trade in seen.trades if trade.symbol == symbol]
        own = [trade for trade in trades if trade.time_ms >= since_ms]
        wanted = (
            sum((trade.qty for trade in trades), ZERO),
            sum((trade.commission for trade in own), ZERO),
            sum((trade.realized_pnl for trade in own), ZERO),
        )
        if (ledger.position_amt, ledger.fees, ledger.realized_pnl) != wanted:
            have = f"{ledger.position_amt}/{ledger.fees}/{ledger.realized_pnl}"
            yield f"FACTS_EQUAL_TRADES {symbol}: ledger {have}, trades {'/'.join(map(str, wanted))}"


def no_needless_adoption(seen: Evidence) -> Iterator[str]:
    """Where every trade could be read, nothing was adopted."""
    if seen.forgot:
        return
    for symbol in seen.symbols:
        if symbol not in seen.facts:
            continue
        since_ms = _facts(seen, symbol)[0].since_ms
        inherited = any(trade.time_ms < since_ms for trade in seen.trades if trade.symbol == symbol)
        adopted = any(
            fields["symbol"] == symbol and fields["kind"] == "adjustment" for fields in seen.entries(seen.keys.journal)
        )
        if adopted and not inherited:
            yield f"ADOPTED {symbol}: an adjustment although every trade could be read"


def fold_equals_cache(seen: Evidence) -> Iterator[str]:
    """The ledger is the fold of its facts, and the journal ends where the ledger stands."""
    journal = [JournalEntry.from_fields(fields) for fields in seen.entries(seen.keys.journal)]
    for symbol in seen.symbols:
        ledger = _ledger(seen, symbol)
        if ledger is None:
            continue
        folded = fold(*_facts(seen, symbol))
        have = (ledger.position_amt, ledger.avg_entry_price, ledger.fees, ledger.realized_pnl, ledger.funding)
        if (folded.position_amt, folded.avg_entry_price, folded.fees, folded.realized_pnl, folded.funding) != have:
            yield f"FOLD_EQUALS_CACHE {symbol}: fold {folded.position_amt}, ledger {ledger.position_amt}"
        told = [entry for entry in journal if entry.symbol == symbol]
        if told and told[-1].position_amt != ledger.position_amt:
            yield f"FOLD_EQUALS_CACHE {symbol}: journal ends at {told[-1].position_amt}, ledger {ledger.position_amt}"


def conservation(seen: Evidence) -> Iterator[str]:
    """The exchange itself loses nothing: its orders are the sums of their trades, its wallet of what they brought."""
    filled: dict[tuple[str, int], Decimal] = {}
    for trade in seen.trades:
        key = (trade.symbol, trade.order_id)
        filled[key] = filled.get(key, ZERO) + abs(trade.qty)
    for order in seen.orders:
        sum_qty = filled.pop((order.symbol, order.order_id), ZERO)
        if sum_qty != order.executed_qty:
            yield f"CONSERVATION {order.client_id}: executed {order.executed_qty}, its trades {sum_qty}"
    if filled:
        yield f"CONSERVATION trades without an order: {sorted(filled)}"
    wallet = seen.deposit + sum((trade.realized_pnl - trade.commission for trade in seen.trades), ZERO)
    if wallet != seen.wallet:
        yield f"CONSERVATION wallet {seen.wallet}, deposit and trades {wallet}"


def _ledger(seen: Evidence, symbol: str) -> Ledger | None:
    fields = seen.ledgers.get(symbol)
    return Ledger.from_fields(fields) if fields else None


def _facts(seen: Evidence, symbol: str) -> tuple[Checkpoint, list[Fact]]:
    """Return where the fold begins, and the facts that are not folded into it."""
    fields = {name: text for name, text in seen.facts[symbol].items() if name not in {"peak", "booked"}}
    checkpoint = Checkpoint.from_json(fields.pop("checkpoint"))
    facts = [Fact.from_json(text) for text in fields.values()]
    return checkpoint, [fact for fact in facts if not checkpoint.covers(fact)]
