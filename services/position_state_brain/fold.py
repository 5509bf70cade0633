"""The ledger as a fold of facts: pure, exact, and the same whatever the order in which the facts arrived.

A fact is a trade, a funding payment or an adjustment. Facts are folded in the order of the exchange's time and trade
id, so a late one is put where it belongs. Old facts are folded into a checkpoint.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from quantum_common.messages import Integer, NotNegative, Number, Record, Side, Text
from quantum_common.money import ZERO
from quantum_common.state import Ledger, PositionSide, iso

PRICE_PLACES = Decimal("1e-10")  # an average entry price is cut here at every step, so that a rebuild cuts alike


class FactKind(StrEnum):
    """What happened."""

    FILL = "fill"
    FUNDING = "funding"
    ADJUSTMENT = "adjustment"


class Fact(Record):
    """One thing that happened to a position. `qty` is in base asset and signed: positive where the position grew
    towards long. `price` is the trade's, or an adjustment's new average entry price."""

    kind: FactKind
    fact_id: Text
    trade_id: Integer
    order_id: Integer | None
    plan_id: Text
    client_order_id: Text
    origin: Text
    qty: Number
    price: NotNegative
    fee: Number
    realized_pnl: Number
    funding: Number
    time_ms: Integer
    seq: Integer

    @property
    def place(self) -> tuple[int, int, str]:
        """Return where the fact belongs in the fold."""
        return (self.time_ms, self.trade_id, self.fact_id)


class Checkpoint(Record):
    """The fold of all facts up to a place, of those that had arrived by `seq`. `high_water` is the highest trade id in
    it, `funded_ms` the time of the newest funding: both are read again and must not count twice. Trades before
    `since_ms` belong to nobody here: the position they led to was adopted."""

    since_ms: Integer
    high_water: Integer
    funded_ms: Integer
    upto_ms: Integer
    upto_trade_id: Integer
    upto_fact_id: Text
    seq: Integer
    position_amt: Number
    avg_entry_price: NotNegative
    total_qty: NotNegative
    realized_pnl: Number
    fees: Number
    funding: Number
    opened_ms: Integer | None
    peak_price: NotNegative | None
    last_order_id: Integer | None
    last_plan_id: Text

    @classmethod
    def begin(cls, since_ms: int) -> "Checkpoint":
        """Return the checkpoint of a symbol that is seen for the first time."""
        return cls(
            since_ms=since_ms, high_water=0, funded_ms=0, upto_ms=0, upto_trade_id=0, upto_fact_id="", seq=0,
            position_amt=ZERO, avg_entry_price=ZERO, total_qty=ZERO, realized_pnl=ZERO, fees=ZERO, funding=ZERO,
            opened_ms=None, peak_price=None, last_order_id=None, last_plan_id="",
        )  # fmt: skip

    @property
    def place(self) -> tuple[int, int, str]:
        """Return the place of the last fact in it."""
        return (self.upto_ms, self.upto_trade_id, self.upto_fact_id)

    def covers(self, fact: Fact) -> bool:
        """Return whether a fact that stands beside the checkpoint is in it already: a torn compaction leaves such."""
        return fact.seq <= self.seq and fact.place <= self.place


class Peak(Record):
    """The best mark price since a position was opened: a fact of its own, kept beside the fold."""

    opened_ms: Integer
    price: NotNegative


@dataclass
class Book:
    """One symbol's facts in memory, and their fold."""

    symbol: str
    checkpoint: Checkpoint
    facts: dict[str, Fact] = field(default_factory=dict)
    peak: Peak | None = None
    journal_id: str = ""

    def __post_init__(self) -> None:
        self.refold()

    def refold(self) -> None:
        """Fold all facts anew."""
        self.folded = fold(self.checkpoint, self.facts.values())
        self.seq = max((fact.seq for fact in self.facts.values()), default=0)
        self.seq = max(self.seq, self.checkpoint.seq)  # the newest arrival may be folded away already
        self._last = max((fact.place for fact in self.facts.values()), default=(0, 0, ""))
        self._booked: dict[int, Decimal] = {}
        for fact in self.facts.values():
            self._count(fact)

    def _count(self, fact: Fact) -> None:
        if fact.order_id is not None:
            self._booked[fact.order_id] = self._booked.get(fact.order_id, ZERO) + abs(fact.qty)

    def knows(self, fact_id: str, trade_id: int, time_ms: int) -> bool:
        """Return whether a fact is counted already, one by one or in the checkpoint, or lies before our time.

        Funding has no trade id; the payments of a symbol come hours apart, and are booked in the order of time.
        """
        if fact_id in self.facts or time_ms < self.checkpoint.since_ms:
            return True
        return trade_id <= self.checkpoint.high_water if trade_id else time_ms <= self.checkpoint.funded_ms

    def with_fact(self, fact: Fact) -> Checkpoint:
        """Return the fold as it would be with one more fact; nothing is changed yet."""
        if fact.place > self._last:
            return step(self.folded, fact)
        return fold(self.checkpoint, [*self.facts.values(), fact])

    def add(self, fact: Fact, journal_id: str) -> None:
        """Take a fact in that was written."""
        self.folded = self.with_fact(fact)
        self.facts[fact.fact_id] = fact
        self._last = max(self._last, fact.place)
        self.seq = max(self.seq, fact.seq)
        self._count(fact)
        self.journal_id = journal_id

    def booked_qty(self, order_id: int) -> Decimal:
        """Return how much of an order was booked so far, in base asset."""
        return self._booked.get(order_id, ZERO)

    def ledger(self, folded: Checkpoint, journal_id: str, lag_ms: int | None, now_ms: int) -> Ledger:
        """Given a fold, return the ledger's record."""
        peak = folded.peak_price
        if self.peak is not None and self.peak.opened_ms == folded.opened_ms and peak is not None:
            better = max if folded.position_amt > 0 else min
            peak = better(peak, self.peak.price)
        return Ledger(
            position_amt=folded.position_amt,
            side=PositionSide.of(folded.position_amt),
            avg_entry_price=folded.avg_entry_price,
            total_qty=folded.total_qty,
            realized_pnl=folded.realized_pnl,
            fees=folded.fees,
            funding=folded.funding,
            opened_ms=folded.opened_ms,
            peak_price=peak,
            last_order_id=folded.last_order_id,
            last_plan_id=folded.last_plan_id,
            lag_ms=lag_ms,
            updated_at=iso(now_ms) if now_ms else "",  # never: as a flat ledger begins
            updated_ms=now_ms,
            journal_id=journal_id,
        )

    def compact(self, keep: int, verified_id: int) -> Checkpoint | None:
        """Return a checkpoint that holds all but the newest `keep` facts, or None where there is nothing to gain.

        Only facts up to a trade id that the exchange's own list has confirmed are folded away: below it nothing can
        come late.
        """
        if len(self.facts) <= 2 * keep:
            return None
        ordered = sorted(self.facts.values(), key=lambda fact: fact.place)
        old = ordered[:-keep]
        while old and (old[-1].kind is not FactKind.FILL or old[-1].trade_id > verified_id):
            old.pop()
        if not old:
            return None
        folded = fold(self.checkpoint, old)
        return folded.model_copy(update={"seq": self.seq})


def fold(checkpoint: Checkpoint, facts: Iterable[Fact]) -> Checkpoint:
    """Given where to begin and facts in any order, return the fold."""
    for fact in sorted(facts, key=lambda fact: fact.place):
        checkpoint = step(checkpoint, fact)
    return checkpoint


def step(before: Checkpoint, fact: Fact) -> Checkpoint:
    """Given a fold and the next fact, return the fold after it."""
    common: dict[str, object] = {"high_water": max(before.high_water, fact.trade_id)}
    if fact.place > before.place:
        common |= {"upto_ms": fact.time_ms, "upto_trade_id": fact.trade_id, "upto_fact_id": fact.fact_id}
    match fact.kind:
        case FactKind.FUNDING:
            funded_ms = max(before.funded_ms, fact.time_ms)
            return before.model_copy(
                update={**common, "funding": before.funding + fact.funding, "funded_ms": funded_ms}
            )
        case FactKind.ADJUSTMENT:
            after = before.position_amt + fact.qty
            move = _opened(before, after, fact)
            entry = fact.price if after else ZERO
            return before.model_copy(update={**common, **move, "position_amt": after, "avg_entry_price": entry})
        case FactKind.FILL:
            after = before.position_amt + fact.qty
            return before.model_copy(
                update={
                    **common,
                    **_opened(before, after, fact),
                    "position_amt": after,
                    "avg_entry_price": average_entry(before.position_amt, before.avg_entry_price, fact.qty, fact.price),
                    "total_qty": before.total_qty + abs(fact.qty),
                    "realized_pnl": before.realized_pnl + fact.realized_pnl,
                    "fees": before.fees + fact.fee,
                    "last_order_id": fact.order_id,
                    "last_plan_id": fact.plan_id,
                }
            )


def _opened(before: Checkpoint, after: Decimal, fact: Fact) -> dict[str, object]:
    """Return since when the position stands and its best traded price, after a change of its quantity."""
    if after == 0:
        return {"opened_ms": None, "peak_price": None}
    if before.position_amt * after <= 0:
        return {"opened_ms": fact.time_ms, "peak_price": fact.price}
    better = max if after > 0 else min
    return {"peak_price": better(before.peak_price or fact.price, fact.price)}


def average_entry(position_amt: Decimal, entry: Decimal, qty: Decimal, price: Decimal) -> Decimal:
    """Given a position and a signed trade, return the average entry price after it.

    Growing averages by quantity, shrinking keeps the price, crossing zero begins anew (one-way mode).
    """
    after = position_amt + qty
    if after == 0:
        return ZERO
    if position_amt * qty >= 0:
        average = (abs(position_amt) * entry + abs(qty) * price) / abs(after)
        return average.quantize(PRICE_PLACES, ROUND_HALF_EVEN)
    return price if after * qty > 0 else entry


def fill_side(fact: Fact) -> Side | None:
    """Return the side of a fill, or None for what is not a trade."""
    if fact.kind is not FactKind.FILL:
        return None
    return Side.BUY if fact.qty > 0 else Side.SELL
