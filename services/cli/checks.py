"""The guarantees G1 to G10 as functions of what a run left behind. Pure; `quantum up` and the chaos tests ask them.

A finding that can still heal (a result that is under way, a trade that is not booked yet) breaks a guarantee only where
the run has settled; before that the guarantee counts as not checked. What no run exercised is not checked either.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from quantum_common.ids import ORDER_PREFIX, plan_of
from quantum_common.messages import Decision, Issuer, JournalEntry, Plan
from quantum_common.reasons import Gate
from quantum_common.state import OrderState
from services.cli.facts import ExchangeOrder, ExchangeTrade, Facts, Written
from services.cli.folds import Sums, fold_journal, fold_trades

GUARANTEES = tuple(f"G{number}" for number in range(1, 11))
CLOCK_SLACK_MS = 2  # Redis and the exchange both cut their one clock to milliseconds, at different moments
PLANS, RESULTS, JOURNAL = "apply.plan", "apply.result", "ledger.journal"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `heals` says whether time alone can still mend it."""

    text: str
    heals: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a guarantee holds; None where it was not checked. `findings` say what is wrong."""

    holds: bool | None
    findings: tuple[str, ...] = ()


def evaluate(facts: Facts, *, settled: bool) -> dict[str, Verdict]:
    """Given what a run left, and whether it had the time to settle, return the verdict on each guarantee."""
    verdicts = dict.fromkeys(GUARANTEES, Verdict(None))
    for name, (exercised, check) in CHECKS.items():
        if exercised(facts):
            verdicts[name] = judge(check(facts), settled=settled)
    return verdicts


def judge(findings: Iterable[Finding], *, settled: bool) -> Verdict:
    """Given the findings on one guarantee, return the verdict."""
    found = tuple(findings)
    texts = tuple(finding.text for finding in found)
    if any(settled or not finding.heals for finding in found):
        return Verdict(holds=False, findings=texts)
    return Verdict(holds=None if found else True, findings=texts)


def at_most_one_order(facts: Facts) -> Iterable[Finding]:
    """G1: no plan has more than one order on the exchange."""
    counts = Counter(_plan_of(order) for order in _our_orders(facts))
    for plan, count in counts.items():
        if count > 1:
            yield Finding(f"plan {plan} has {count} orders on the exchange")


def one_result_each(facts: Facts) -> Iterable[Finding]:
    """G2: every accepted plan has exactly one result; a duplicate intent's plan is acknowledged without one."""
    accepted = {plan.message.plan_id for plan in _accepted(facts)}
    counts = Counter(result.message.plan_id for result in facts.results)
    for plan in sorted(accepted - counts.keys()):
        yield Finding(f"plan {plan} has no result", heals=True)
    for plan, count in counts.items():
        if count > 1:
            yield Finding(f"plan {plan} has {count} results")
        if plan not in accepted and PLANS not in facts.trimmed:
            yield Finding(f"result of {plan} has no plan")


def ledger_is_the_trades(facts: Facts) -> Iterable[Finding]:
    """G3: each symbol's ledger is the sum of the exchange's trades, each counted once."""
    trades, journal = _trades_by_symbol(facts), _journal_by_symbol(facts)
    for symbol in sorted(trades.keys() | facts.ledgers.keys()):
        sums, entries = fold_trades(trades[symbol]), journal[symbol]
        adjusted = any(entry.kind == "adjustment" for entry in entries)
        yield from _ledger_differs(facts, symbol, sums, adjusted=adjusted)
        booked = Counter(entry.trade_id for entry in entries if entry.kind == "fill")
        known = {str(trade.trade_id) for trade in trades[symbol]}
        for trade in sorted(known - booked.keys()):
            if JOURNAL not in facts.trimmed:
                yield Finding(f"{symbol}: trade {trade} is not in the journal", heals=True)
        for trade, count in booked.items():
            if count > 1:
                yield Finding(f"{symbol}: trade {trade} is in the journal {count} times")
            if trade not in known:
                yield Finding(f"{symbol}: the journal has trade {trade}, the exchange has not")


def ledger_is_the_journal(facts: Facts) -> Iterable[Finding]:
    """G4: each ledger is the fold of its journal, to the last digit."""
    yield from (Finding(text) for text in facts.unreadable)
    for symbol, entries in _journal_by_symbol(facts).items():
        ledger = facts.ledgers.get(symbol)
        if ledger is None:
            yield Finding(f"{symbol}: a journal and no ledger")
            continue
        last = entries[-1]
        stands = (ledger.position_amt, ledger.avg_entry_price)
        if stands != (last.position_amt, last.avg_entry_price):
            yield Finding(f"{symbol}: ledger {stands[0]} at {stands[1]}, the journal ends otherwise", heals=True)
        if JOURNAL not in facts.trimmed:
            sums = fold_journal(entries)
            for name, value, wanted in (
                ("position_amt", ledger.position_amt, sums.position_amt),
                ("total_qty", ledger.total_qty, sums.total_qty),
                ("realized_pnl", ledger.realized_pnl, sums.realized_pnl),
                ("fees", ledger.fees, sums.fees),
                ("funding", ledger.funding, sums.funding),
            ):
                if value != wanted:
                    yield Finding(f"{symbol}: ledger {name} {value}, its journal {wanted}", heals=True)
            if not sums.entry_is(ledger.avg_entry_price):
                yield Finding(
                    f"{symbol}: ledger avg_entry_price {ledger.avg_entry_price} is not its journal's", heals=True
                )


def permitted_twice(facts: Facts) -> Iterable[Finding]:
    """G6: every order of ours has a plan, and before it an allowing permit by each issuer."""
    plans = {plan.message.plan_id: plan.message for plan in _accepted(facts)}
    allowed: dict[tuple[str, Issuer], int] = {}
    for permit in facts.permits:
        if permit.message.allow:
            key = (permit.message.plan_id, permit.message.issuer)
            allowed[key] = min(allowed.get(key, permit.written_ms), permit.written_ms)
    for order in _our_orders(facts):
        plan = _plan_of(order)
        if plan not in plans:
            if PLANS not in facts.trimmed:
                yield Finding(f"order {order.order_id} ({order.client_order_id}) has no plan")
            continue
        if plans[plan].decision is not Decision.EXECUTE:
            yield Finding(f"plan {plan} was blocked by {plans[plan].gate} and has order {order.order_id}")
        for issuer in Issuer:
            since_ms = allowed.get((plan, issuer))
            if since_ms is None:
                yield Finding(f"order {order.order_id} of plan {plan} has no permit by {issuer}")
            elif since_ms > order.time_ms + CLOCK_SLACK_MS:
                yield Finding(f"order {order.order_id} of plan {plan} is older than the permit by {issuer}")


def drift_is_held(facts: Facts) -> Iterable[Finding]:
    """G7: where the ledger and the exchange's snapshot differ, a hold stands."""
    for symbol in sorted(facts.ledgers.keys() | facts.snapshots.keys()):
        ledger, snapshot = facts.ledgers.get(symbol), facts.snapshots.get(symbol)
        did, says = ledger.position_amt if ledger else 0, snapshot.position_amt if snapshot else 0
        if did != says and symbol not in facts.held:
            yield Finding(f"{symbol}: ledger {did}, snapshot {says}, and no hold", heals=True)


def fates_are_known(facts: Facts) -> Iterable[Finding]:
    """G9: no order is left in doubt, and what the journal and the results say of an order is what the exchange has."""
    placed = {_plan_of(order) for order in _our_orders(facts)}
    for plan, record in facts.records.items():
        if record.state is OrderState.SENDING:
            yield Finding(f"the order of plan {plan} is still SENDING", heals=True)
        if (
            record.state in {OrderState.REFUSED, OrderState.EXPIRED, OrderState.BLOCKED, OrderState.SHADOW}
            and plan in placed
        ):
            yield Finding(f"plan {plan} is {record.state}, and the exchange has its order")
    ids = {order.order_id for order in facts.orders}
    for result in facts.results:
        message = result.message
        if not message.executed and message.plan_id in placed:
            yield Finding(f"the result of plan {message.plan_id} says {message.gate}, and the exchange has its order")
        if message.executed and message.order_id is not None and message.order_id not in ids:
            yield Finding(f"the result of plan {message.plan_id} names order {message.order_id}; the exchange has none")


def nothing_is_left(facts: Facts) -> Iterable[Finding]:
    """G10: what was malformed is a dead letter with its reason, and everything else was handled."""
    for letter in facts.dead:
        if not letter.reason or not letter.entry_id:
            yield Finding(f"a dead letter of {letter.stream} does not say what it was or why")
    buried = {(letter.stream, letter.entry_id) for letter in facts.dead}
    for stream, entry_id in facts.malformed:
        if (stream, entry_id) not in buried:
            yield Finding(f"{stream} {entry_id} is malformed and no dead letter", heals=True)
    for backlog in facts.backlogs:
        if backlog.lag or backlog.pending:
            words = f"{backlog.lag} unread, {backlog.pending} unacknowledged"
            yield Finding(f"{backlog.stream} of {backlog.group}: {words}", heals=True)


def ledger_matches_exchange(facts: Facts) -> bool:
    """Return whether every symbol's ledger has the exchange's position, and is the sum of its trades."""
    symbols = facts.positions.keys() | facts.ledgers.keys()
    amounts = all(
        (facts.ledgers[symbol].position_amt if symbol in facts.ledgers else 0) == facts.positions.get(symbol, 0)
        for symbol in symbols
    )
    return amounts and not any(True for _ in ledger_is_the_trades(facts))


Check = Callable[[Facts], Iterable[Finding]]
Exercised = Callable[[Facts], bool]

CHECKS: Mapping[str, tuple[Exercised, Check]] = {
    "G1": (lambda facts: bool(facts.orders), at_most_one_order),
    "G2": (lambda facts: bool(facts.plans or facts.results), one_result_each),
    "G3": (lambda facts: bool(facts.trades or facts.ledgers), ledger_is_the_trades),
    "G4": (lambda facts: bool(facts.journal or facts.unreadable), ledger_is_the_journal),
    "G6": (lambda facts: bool(facts.orders), permitted_twice),
    "G7": (lambda facts: bool(facts.ledgers and facts.snapshots), drift_is_held),
    "G9": (lambda facts: bool(facts.records or facts.results), fates_are_known),
    "G10": (lambda facts: bool(facts.backlogs), nothing_is_left),
}


def _accepted(facts: Facts) -> list[Written[Plan]]:
    """Return the plans but for those of intents that came twice: they bear the id of the first one's plan."""
    return [plan for plan in facts.plans if plan.message.gate is not Gate.DUPLICATE_INTENT]


def _our_orders(facts: Facts) -> list[ExchangeOrder]:
    return [order for order in facts.orders if order.client_order_id.startswith(ORDER_PREFIX)]


def _plan_of(order: ExchangeOrder) -> str:
    return plan_of(order.client_order_id) or ""


def _trades_by_symbol(facts: Facts) -> defaultdict[str, list[ExchangeTrade]]:
    found: defaultdict[str, list[ExchangeTrade]] = defaultdict(list)
    for trade in facts.trades:
        found[trade.symbol].append(trade)
    return found


def _journal_by_symbol(facts: Facts) -> defaultdict[str, list[JournalEntry]]:
    found: defaultdict[str, list[JournalEntry]] = defaultdict(list)
    for entry in facts.journal:
        found[entry.message.symbol].append(entry.message)
    return found


def _ledger_differs(facts: Facts, symbol: str, sums: Sums, *, adjusted: bool) -> Iterable[Finding]:
    """Yield where a ledger is not these sums. After an adjustment its average price is nobody's trades'."""
    ledger = facts.ledgers.get(symbol)
    if ledger is None:
        yield Finding(f"{symbol}: trades and no ledger", heals=True)
        return
    if ledger.position_amt != sums.position_amt:
        yield Finding(f"{symbol}: ledger {ledger.position_amt}, the trades sum to {sums.position_amt}", heals=True)
    if ledger.fees != sums.fees:
        yield Finding(f"{symbol}: ledger fees {ledger.fees}, the trades' {sums.fees}", heals=True)
    if ledger.realized_pnl != sums.realized_pnl:
        yield Finding(f"{symbol}: ledger realised {ledger.realized_pnl}, the trades' {sums.realized_pnl}", heals=True)
    if not adjusted and not sums.entry_is(ledger.avg_entry_price):
        yield Finding(f"{symbol}: ledger entry {ledger.avg_entry_price} is not the trades'", heals=True)
