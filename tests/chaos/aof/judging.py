"""What must hold of what a cut left: right after the start, and when all is worked off."""

from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from quantum_common.messages import Intent, JournalEntry, Plan, Result
from quantum_common.reasons import Gate
from quantum_common.state import Ledger
from services.position_state_brain.store import RedisStore
from tests.chaos.aof.remains import KEYS, Remains
from tests.unit.position_state_brain.scripted import SYMBOL

MONEY = ("position_amt", "avg_entry_price", "total_qty", "realized_pnl", "fees", "funding", "opened_ms")


async def after_start(chain: Remains) -> AsyncIterator[str]:
    """A ledger is the fold of its facts the moment P3.3 has recovered, and the journal tells of each fact once."""
    fields: Any = await chain.redis.hgetall(KEYS.ledger(SYMBOL))
    if not await chain.redis.exists(KEYS.fills(SYMBOL)):
        if fields:
            yield "LEDGER_LIES: a ledger without facts"
        return
    shelf = await RedisStore(chain.redis, KEYS).book(SYMBOL)
    ledger = Ledger.from_fields(fields)
    for name in MONEY:
        if getattr(ledger, name) != getattr(shelf.book.folded, name):
            yield f"FOLD_EQUALS_CACHE {name}: {getattr(ledger, name)}, folded {getattr(shelf.book.folded, name)}"
    if not shelf.whole:
        yield "FOLD_EQUALS_CACHE: a fact is not booked whole after the recovery"
    real = {str(one.trade_id) for one in chain.account.listed.get(SYMBOL, [])}
    told = [entry for entry in await chain.entries(KEYS.journal, JournalEntry) if entry.kind == "fill"]
    for name, count in Counter(entry.trade_id for entry in told).items():
        if count > 1 or name not in real:
            yield f"JOURNAL: trade {name} is told {count} times, real: {name in real}"
    if told and told[-1].position_amt != ledger.position_amt and not chain.adopts:
        yield f"JOURNAL: ends at {told[-1].position_amt}, ledger {ledger.position_amt}"


async def when_settled(chain: Remains) -> AsyncIterator[str]:
    """One result for each plan, one order at most, every trade booked once, nothing pending, no hold left."""
    for judge in (_plans, _orders, _books, _budget):
        async for finding in judge(chain):
            yield finding
    if pending := await chain.pending():
        yield f"PENDING_ZERO {pending}"
    if chain.dead:
        yield f"DEAD_LETTER {chain.dead}"


async def _plans(chain: Remains) -> AsyncIterator[str]:
    plans: list[Plan] = await chain.plans()
    results: list[Result] = await chain.results()
    accepted = {plan.plan_id for plan in plans if plan.gate is not Gate.DUPLICATE_INTENT}
    counts = Counter(result.plan_id for result in results)
    for plan_id in accepted | counts.keys():
        if counts[plan_id] != 1:
            yield f"UNRESOLVED {plan_id}: {counts[plan_id]} results"
    wishes: list[Intent] = await chain.entries(KEYS.intents, Intent)
    if unplanned := {wish.intent_id for wish in wishes} - {plan.intent_id for plan in plans}:
        yield f"UNRESOLVED wishes {sorted(unplanned)}: no plan"
    if chain.bar is not None and chain.bar[2][0].intent_id not in {wish.intent_id for wish in wishes}:
        yield "UNRESOLVED: the last bar's wish is lost"


async def _orders(chain: Remains) -> AsyncIterator[str]:
    for client_id, count in chain.venue.executed.items():
        if count > 1:
            yield f"AT_MOST_ONE {client_id}: {count} orders"
    for plan in await chain.plans():
        state = await chain.redis.hget(KEYS.order(plan.plan_id), "state")
        if state in (None, "SENDING"):
            yield f"PENDING_ZERO: order {plan.plan_id} is {state}"


async def _books(chain: Remains) -> AsyncIterator[str]:
    async for finding in after_start(chain):
        yield finding
    ledger = await chain.ledger()
    standing = chain.account.rows[SYMBOL].position_amt
    if ledger.position_amt != standing:
        yield f"LEDGER_SUM: ledger {ledger.position_amt}, exchange {standing}"
    trades = chain.account.listed.get(SYMBOL, [])
    sums = (sum((one.qty for one in trades), Decimal(0)), sum((one.fee for one in trades), Decimal(0)))
    if (ledger.total_qty, ledger.fees) != sums:
        yield f"FACTS_EQUAL_TRADES: ledger {ledger.total_qty}/{ledger.fees}, trades {sums[0]}/{sums[1]}"
    told = {entry.trade_id for entry in await chain.entries(KEYS.journal, JournalEntry)}
    if lost := {str(one.trade_id) for one in trades} - told:
        yield f"LOST_FILL {sorted(lost)}: not in the journal"
    if await chain.redis.exists(KEYS.hold(SYMBOL)):
        yield "HOLD_LEFT"


async def _budget(chain: Remains) -> AsyncIterator[str]:
    """The governor's total of a day is the sum of its facts."""
    async for key in chain.redis.scan_iter(KEYS.governor_day("*")):
        facts: Any = await chain.redis.hgetall(key)
        total = int(facts.pop("total", "0"))
        if total != sum(int(cents) for cents in facts.values()):
            yield f"BUDGET {key}: total {total}, facts {facts}"
