"""What must hold once a run has settled: functions of what stands in Redis and of what the exchange did. Pure.

A finding is a sentence that begins with the checker's name; the checkers mean what those of the simulation mean.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from quantum_common.ids import GUARD_PREFIX, ORDER_PREFIX, STOP_PREFIX, plan_of
from quantum_common.messages import Decision, Issuer
from quantum_common.reasons import Gate
from quantum_common.state import OrderState
from services.cli.facts import ExchangeOrder, ExchangeTrade, Facts
from services.cli.folds import fold_journal, fold_trades
from services.position_state_brain.fold import Checkpoint, Fact, fold

HANDS = ("web_", "autoclose-", "adl_autoclose")
Books = Mapping[str, tuple[Checkpoint, tuple[Fact, ...]]]


@dataclass(frozen=True, slots=True)
class Left:
    """What a run left: facts, the facts that were booked, the plans of acknowledged wishes, and whether Redis was
    flushed."""

    facts: Facts
    books: Books
    wished: Collection[str] = ()
    flushed: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings by kind. `others` break a guarantee that the last line does not count."""

    orders: int
    duplicate_orders: tuple[str, ...]
    lost_fills: tuple[str, ...]
    ledger_diffs: tuple[str, ...]
    unresolved_plans: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Return every finding."""
        return self.duplicate_orders + self.lost_fills + self.ledger_diffs + self.unresolved_plans + self.others


def judge(left: Left) -> Verdict:
    """Given what a run left, return the verdict. After a flush only what needs no memory is asked: G1, and that the
    books came to what the exchange has."""
    facts = left.facts
    ours = [order for order in facts.orders if order.client_order_id.startswith(ORDER_PREFIX)]
    if left.flushed:
        return Verdict(len(ours), tuple(at_most_one(ours)), (), tuple(adopted(facts)), (), tuple(sending(facts)))
    return Verdict(
        orders=len(ours),
        duplicate_orders=tuple(at_most_one(ours)),
        lost_fills=tuple(lost_fills(facts, left.books)),
        ledger_diffs=(*ledger_differs(facts), *fold_differs(facts, left.books), *adopted(facts), *adjusted(facts)),
        unresolved_plans=(*unresolved(left), *sending(facts)),
        others=(
            *order_without_plan(ours, left), *no_permit(facts, ours), *result_lies(facts, ours), *pending(facts),
            *dead_letters(left), *foreign_touch(facts),
        ),
    )  # fmt: skip


def at_most_one(ours: Collection[ExchangeOrder]) -> Iterator[str]:
    """A plan leads to at most one order."""
    for plan, count in Counter(_plan(order) for order in ours).items():
        if count > 1:
            yield f"AT_MOST_ONE {plan}: {count} orders"


def lost_fills(facts: Facts, books: Books) -> Iterator[str]:
    """Every trade of the exchange is told by the journal, once, and stands in the fills or is folded away."""
    told = Counter((one.message.symbol, one.message.trade_id) for one in facts.journal if one.message.kind == "fill")
    for trade in facts.trades:
        name = (trade.symbol, str(trade.trade_id))
        checkpoint, known = books.get(trade.symbol, (None, ()))
        if told[name] == 0:
            yield f"LOST_FILL {trade.symbol} trade {trade.trade_id}: not in the journal"
        elif told[name] > 1:
            yield f"OUTPUT_ONCE {trade.symbol} trade {trade.trade_id}: in the journal {told[name]} times"
        folded = checkpoint is not None and trade.trade_id <= checkpoint.high_water
        if not folded and str(trade.trade_id) not in {fact.fact_id for fact in known}:
            yield f"LOST_FILL {trade.symbol} trade {trade.trade_id}: no such fact"
    real = {(trade.symbol, str(trade.trade_id)) for trade in facts.trades}
    for symbol, trade_id in told.keys() - real:
        yield f"LEDGER_LIES {symbol} trade {trade_id}: in the journal, and the exchange has none"


def ledger_differs(facts: Facts) -> Iterator[str]:
    """Each ledger is the sum of the exchange's trades to the digit, and the fold of its journal."""
    for symbol in sorted({trade.symbol for trade in facts.trades} | facts.ledgers.keys()):
        ledger = facts.ledgers.get(symbol)
        if ledger is None:
            yield f"LEDGER_SUM {symbol}: trades and no ledger"
            continue
        trades = fold_trades(_of(facts.trades, symbol))
        journal = fold_journal(one.message for one in facts.journal if one.message.symbol == symbol)
        stands = (ledger.position_amt, ledger.total_qty, ledger.fees, ledger.realized_pnl)
        for name, sums in (("FACTS_EQUAL_TRADES", trades), ("JOURNAL", journal)):
            if stands != (sums.position_amt, sums.total_qty, sums.fees, sums.realized_pnl):
                yield f"{name} {symbol}: ledger {stands}, otherwise {sums}"
            if not sums.entry_is(ledger.avg_entry_price):
                yield f"{name} {symbol}: average entry {ledger.avg_entry_price}, otherwise {sums.entry}"


def fold_differs(facts: Facts, books: Books) -> Iterator[str]:
    """Each ledger is the fold of the facts that stand beside it."""
    for symbol, (checkpoint, known) in books.items():
        ledger, folded = facts.ledgers.get(symbol), fold(checkpoint, known)
        if ledger is None or any(
            getattr(ledger, name) != getattr(folded, name)
            for name in ("position_amt", "avg_entry_price", "total_qty", "fees", "realized_pnl", "funding", "opened_ms")
        ):
            yield f"FOLD_EQUALS_CACHE {symbol}: fold {folded.position_amt}, ledger {ledger and ledger.position_amt}"


def adopted(facts: Facts) -> Iterator[str]:
    """Ledger, snapshot and exchange agree on every position, and no hold is left."""
    for symbol in sorted(facts.positions.keys() | facts.ledgers.keys()):
        amount = facts.positions.get(symbol, 0)
        ledger, shown = facts.ledgers.get(symbol), facts.snapshots.get(symbol)
        if (ledger.position_amt if ledger else 0) != amount:
            yield f"LEDGER_SUM {symbol}: ledger {ledger and ledger.position_amt}, exchange {amount}"
        if shown is None or shown.position_amt != amount:
            yield f"SNAPSHOT {symbol}: {shown and shown.position_amt}, exchange {amount}"
    for symbol in sorted(facts.held):
        yield f"HOLD_LEFT {symbol}"
    yield from (f"UNREADABLE {text}" for text in facts.unreadable)


def adjusted(facts: Facts) -> Iterator[str]:
    """Nothing was adopted by guess: every trade can be read."""
    for one in facts.journal:
        if one.message.kind == "adjustment":
            yield f"ADOPTED {one.message.symbol} {one.entry_id}: an adjustment although every trade could be read"


def unresolved(left: Left) -> Iterator[str]:
    """Every wish that Redis acknowledged has a plan, every accepted plan exactly one result."""
    facts = left.facts
    plans = {one.message.plan_id for one in facts.plans}
    accepted = {one.message.plan_id for one in facts.plans if one.message.gate is not Gate.DUPLICATE_INTENT}
    for plan in sorted(set(left.wished) - plans):
        yield f"UNRESOLVED {plan}: wished for and never planned"
    counts = Counter(one.message.plan_id for one in facts.results)
    for plan in sorted(accepted - counts.keys()):
        yield f"UNRESOLVED {plan}: no result"
    for plan, count in counts.items():
        if count > 1:
            yield f"OUTPUT_ONCE {plan}: {count} results"
        if plan not in accepted:
            yield f"ORDER_WITHOUT_PLAN {plan}: a result and no plan"


def sending(facts: Facts) -> Iterator[str]:
    """No order is still being sent."""
    for plan, record in facts.records.items():
        if record.state is OrderState.SENDING:
            yield f"PENDING_ZERO order {plan} is still SENDING"


def order_without_plan(ours: Collection[ExchangeOrder], left: Left) -> Iterator[str]:
    """An order of ours comes from an executable plan."""
    plans = {one.message.plan_id for one in left.facts.plans if one.message.decision is Decision.EXECUTE}
    for order in ours:
        if _plan(order) not in plans:
            yield f"ORDER_WITHOUT_PLAN {order.client_order_id}"


def no_permit(facts: Facts, ours: Collection[ExchangeOrder]) -> Iterator[str]:
    """Every order of ours was permitted twice."""
    allowed = {(one.message.plan_id, one.message.issuer) for one in facts.permits if one.message.allow}
    for order in ours:
        for issuer in Issuer:
            if (_plan(order), issuer) not in allowed:
                yield f"NO_PERMIT {order.client_order_id}: none by {issuer}"


def result_lies(facts: Facts, ours: Collection[ExchangeOrder]) -> Iterator[str]:
    """A result says of an order what the exchange says of it."""
    placed = {_plan(order): order for order in ours}
    for one in facts.results:
        result, order = one.message, placed.get(one.message.plan_id)
        if result.executed and result.order_id is not None and order is None:
            yield f"RESULT_LIES {result.plan_id}: executed, and there is no order"
        elif order is not None and order.executed_qty != result.filled_qty:
            words = f"{result.gate or 'executed'} {result.filled_qty}, the exchange {order.executed_qty}"
            yield f"RESULT_LIES {result.plan_id}: {words}"


def pending(facts: Facts) -> Iterator[str]:
    """Nothing is left unread or unacknowledged."""
    for one in facts.backlogs:
        if one.lag or one.pending:
            yield f"PENDING_ZERO {one.stream} of {one.group}: {one.lag} unread, {one.pending} unacknowledged"


def dead_letters(left: Left) -> Iterator[str]:
    """Only what was broken when it was written is a dead letter, and all of that is."""
    for letter in left.facts.dead:
        if letter.stream != "trade.intent":
            yield f"DEAD_LETTER {letter.stream} {letter.entry_id}: {letter.reason}"
    buried = len({letter.entry_id for letter in left.facts.dead if letter.stream == "trade.intent"})
    if buried != len(left.facts.malformed):
        yield f"DEAD_LETTER trade.intent: {len(left.facts.malformed)} broken entries, {buried} dead letters"


def foreign_touch(facts: Facts) -> Iterator[str]:
    """Nothing but plans, their stops and hands has traded."""
    for order in facts.orders:
        if not order.client_order_id.startswith((ORDER_PREFIX, STOP_PREFIX, GUARD_PREFIX, *HANDS)):
            yield f"NO_FOREIGN_TOUCH {order.client_order_id}"


def _plan(order: ExchangeOrder) -> str:
    return plan_of(order.client_order_id) or ""


def _of(trades: Collection[ExchangeTrade], symbol: str) -> list[ExchangeTrade]:
    return [trade for trade in trades if trade.symbol == symbol]
