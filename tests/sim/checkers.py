"""What must hold when everything has settled: functions of the final state and of the exchange's history.

Each returns its violations as sentences that begin with the checker's name.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

from quantum_common import ids
from quantum_common.messages import Decision, JournalEntry, Plan, Result
from quantum_common.reasons import Gate
from quantum_common.state import Ledger
from services.position_state_brain.fold import Checkpoint, Fact, fold
from tests.sim.pipeline import KEYS, SYMBOLS, Pipeline

Checker = Callable[[Pipeline], Iterator[str]]


def entries(pipeline: Pipeline, stream: str) -> list[dict[str, str]]:
    """Return the entries of a stream."""
    return [fields for _, fields in pipeline.redis.server.do_xrange(stream)]


def at_most_one(pipeline: Pipeline) -> Iterator[str]:
    """A plan leads to at most one order."""
    counts = Counter(order.client_order_id for order in pipeline.exchange.all_orders())
    for client_id, count in counts.items():
        if client_id.startswith(ids.ORDER_PREFIX) and count > 1:
            yield f"AT_MOST_ONE {client_id}: {count} orders"


def order_without_plan(pipeline: Pipeline) -> Iterator[str]:
    """An order of ours comes from a wish of ours."""
    for order in pipeline.exchange.all_orders():
        if order.client_order_id.startswith(ids.ORDER_PREFIX):
            plan = ids.plan_of(order.client_order_id)
            if plan not in pipeline.wished:
                yield f"ORDER_WITHOUT_PLAN {order.client_order_id}"


def unresolved(pipeline: Pipeline) -> Iterator[str]:
    """Every plan that Redis knows has exactly one result, and it says what happened on the exchange."""
    plans = [Plan.from_fields(fields) for fields in entries(pipeline, KEYS.plans)]
    results = [Result.from_fields(fields) for fields in entries(pipeline, KEYS.results)]
    counts = Counter(result.plan_id for result in results)
    placed = {
        ids.plan_of(order.client_order_id): order
        for order in pipeline.exchange.all_orders()
        if order.client_order_id.startswith(ids.ORDER_PREFIX)
    }
    forgot = pipeline.world.faults["redis_forgot"] > 0
    torn = pipeline.world.faults["torn"] > 0
    for plan_id in {plan.plan_id for plan in plans if plan.gate is not Gate.DUPLICATE_INTENT}:
        if counts[plan_id] == 0:
            yield f"UNRESOLVED {plan_id}"
        elif counts[plan_id] > 1 and not torn:  # a torn script may repeat an output, never change it
            yield f"OUTPUT_ONCE {plan_id}: {counts[plan_id]} results"
    for result in results:
        order = placed.get(result.plan_id)
        if result.executed and result.order_id is not None and order is None:
            yield f"RESULT_LIES {result.plan_id}: executed, but no order"
        if not result.executed and order is not None and order.executed_qty > 0 and not forgot:
            yield f"RESULT_LIES {result.plan_id}: {result.gate}, but filled {order.executed_qty}"
        if result.executed and order is not None and order.executed_qty != result.filled_qty and not order.is_open:
            yield f"RESULT_LIES {result.plan_id}: filled {result.filled_qty}, exchange {order.executed_qty}"


def no_order_without_permits(pipeline: Pipeline) -> Iterator[str]:
    """Every order of ours has a plan that was permitted twice."""
    if pipeline.world.faults["redis_forgot"]:
        return
    allowed: dict[str, set[str]] = {}
    for fields in entries(pipeline, KEYS.permits):
        if fields["allow"] == "True":
            allowed.setdefault(fields["plan_id"], set()).add(fields["issuer"])
    for order in pipeline.exchange.all_orders():
        plan = ids.plan_of(order.client_order_id)
        if order.client_order_id.startswith(ids.ORDER_PREFIX) and allowed.get(plan or "") != {"governor", "p33"}:
            yield f"NO_PERMIT {plan}: {sorted(allowed.get(plan or '', ()))}"


def ledger_equals_trades(pipeline: Pipeline) -> Iterator[str]:
    """The ledger's position, fees and profit are the sums of the exchange's trades, each counted once."""
    for symbol in SYMBOLS:
        ledger = _ledger(pipeline, symbol)
        if ledger is None:
            yield f"LEDGER_SUM {symbol}: no ledger"
            continue
        checkpoint, _ = _facts(pipeline, symbol)
        trades = [row for row in pipeline.exchange.all_trades(symbol) if row.time_ms >= checkpoint.since_ms]
        before = [row for row in pipeline.exchange.all_trades(symbol) if row.time_ms < checkpoint.since_ms]
        amount = sum((row.qty if row.buyer else -row.qty for row in trades), Decimal(0))
        inherited = sum((row.qty if row.buyer else -row.qty for row in before), Decimal(0))
        adopted = sum(
            (Decimal(entry["position_amt"]) for entry in entries(pipeline, KEYS.journal) if entry["symbol"] == symbol
             and entry["kind"] == "adjustment"), Decimal(0),
        )  # fmt: skip
        standing = next(view.amount for view in pipeline.exchange.engine.positions(symbol, all_symbols=True))
        if ledger.position_amt != standing:
            yield f"LEDGER_SUM {symbol}: ledger {ledger.position_amt}, exchange {standing}"
        if adopted and not inherited and not pipeline.world.faults["redis_forgot"]:
            yield f"ADOPTED {symbol}: an adjustment although every trade could be read"
        amount += inherited
        fees = sum((row.commission for row in trades), Decimal(0))
        profit = sum((row.realized_pnl for row in trades), Decimal(0))
        if (ledger.position_amt, ledger.fees, ledger.realized_pnl) != (amount, fees, profit):
            yield (
                f"FACTS_EQUAL_TRADES {symbol}: ledger {ledger.position_amt}/{ledger.fees}/{ledger.realized_pnl},"
                f" trades {amount}/{fees}/{profit}"
            )


def fold_equals_cache(pipeline: Pipeline) -> Iterator[str]:
    """The ledger is the fold of its facts, and the journal ends where the ledger stands."""
    journal = [JournalEntry.from_fields(fields) for fields in entries(pipeline, KEYS.journal)]
    for symbol in SYMBOLS:
        ledger = _ledger(pipeline, symbol)
        if ledger is None:
            continue
        checkpoint, facts = _facts(pipeline, symbol)
        folded = fold(checkpoint, facts)
        if (folded.position_amt, folded.avg_entry_price, folded.fees, folded.realized_pnl) != (
            ledger.position_amt, ledger.avg_entry_price, ledger.fees, ledger.realized_pnl,
        ):  # fmt: skip
            yield f"FOLD_EQUALS_CACHE {symbol}: fold {folded.position_amt}, ledger {ledger.position_amt}"
        told = [entry for entry in journal if entry.symbol == symbol]
        if told and told[-1].position_amt != ledger.position_amt:
            yield f"JOURNAL {symbol}: ends at {told[-1].position_amt}, ledger {ledger.position_amt}"
        doubled = [name for name, count in Counter(entry.trade_id for entry in told).items() if count > 1]
        if doubled and not pipeline.world.faults["torn"]:
            yield f"JOURNAL {symbol}: {doubled} told twice"


def pending_zero(pipeline: Pipeline) -> Iterator[str]:
    """Nothing is left unread or unacknowledged, and no order is still being sent."""
    server = pipeline.redis.server
    for stream in (KEYS.intents, KEYS.plans, KEYS.permits, KEYS.results):
        if server.pending(stream) or server.unread(stream):
            yield f"PENDING_ZERO {stream}: {server.pending(stream)} pending, {server.unread(stream)} unread"
    for key in server.do_scan(KEYS.order("")):
        if server.do_hget(key, "state") == "SENDING":
            yield f"PENDING_ZERO {key} is still SENDING"


def no_foreign_touch(pipeline: Pipeline) -> Iterator[str]:
    """Nothing but plans, their stops and hands has traded."""
    for order in pipeline.exchange.all_orders():
        if not order.client_order_id.startswith(("qo-", "qs-", "qg-", "web_", "autoclose-")):
            yield f"NO_FOREIGN_TOUCH {order.client_order_id}"


def one_journal_per_plan(pipeline: Pipeline) -> Iterator[str]:
    """A blocked plan has no order."""
    blocked = {
        fields["plan_id"] for fields in entries(pipeline, KEYS.plans) if fields["decision"] == Decision.BLOCKED
    } - {fields["plan_id"] for fields in entries(pipeline, KEYS.plans) if fields["decision"] == Decision.EXECUTE}
    if pipeline.world.faults["redis_forgot"]:
        return
    for order in pipeline.exchange.all_orders():
        if order.client_order_id.startswith(ids.ORDER_PREFIX) and ids.plan_of(order.client_order_id) in blocked:
            yield f"BLOCKED_TRADED {order.client_order_id}"


def crashes(pipeline: Pipeline) -> Iterator[str]:
    """No daemon died of a broken invariant, and nothing well-formed became a dead letter."""
    yield from dict.fromkeys(pipeline.world.crashes)
    for consumer in pipeline.consumers:
        for entry_id, reason in consumer.dead:
            yield f"DEAD_LETTER {consumer.group} {entry_id}: {reason}"


CHECKERS: tuple[Checker, ...] = (
    at_most_one, order_without_plan, unresolved, no_order_without_permits, ledger_equals_trades, fold_equals_cache,
    pending_zero, no_foreign_touch, one_journal_per_plan, crashes,
)  # fmt: skip


def check(pipeline: Pipeline) -> list[str]:
    """Return every violation."""
    return [violation for checker in CHECKERS for violation in checker(pipeline)]


def _ledger(pipeline: Pipeline, symbol: str) -> Ledger | None:
    flat = pipeline.redis.server.do_hgetall(KEYS.ledger(symbol))
    return Ledger.from_fields(dict(zip(flat[::2], flat[1::2], strict=True))) if flat else None


def _facts(pipeline: Pipeline, symbol: str) -> tuple[Checkpoint, list[Fact]]:
    flat = pipeline.redis.server.do_hgetall(KEYS.fills(symbol))
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    fields.pop("peak", None)
    fields.pop("booked", None)
    checkpoint = Checkpoint.from_json(fields.pop("checkpoint"))
    facts = [Fact.from_json(text) for text in fields.values()]
    return checkpoint, [fact for fact in facts if not checkpoint.covers(fact)]
