"""What a backtest keeps of itself: counts by gate and reason, the account by the exchange's rows, and files as it goes.

Nothing grows with the run but the files, one number a day, and round trips up to a bound.
"""

import csv
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import orjson

from quantum_common.messages import Decision, EvalType, GovernorEvent, Intent, Issuer, Permit, Plan, Record, Result
from services.backtest.account import Account, RoundTrip
from services.backtest.board import Board
from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.records import Trade

TRIPS_KEPT = 500
PLANS, TRADES = "plans.jsonl", "trades.csv"
_TRADE_COLUMNS = (
    "time_ms", "symbol", "side", "qty", "price", "quote_qty", "fee", "realized_pnl", "reason", "trade_id", "order_id",
    "client_order_id",
)  # fmt: skip


@dataclass
class Tally:
    """Round trips of one kind: how many, how many won, what they came to."""

    trips: int = 0
    won: int = 0
    net: float = 0.0
    gained: float = 0.0
    lost: float = 0.0
    minutes: float = 0.0
    best: float = -math.inf
    worst: float = math.inf

    def take(self, trip: RoundTrip) -> None:
        """Count one more."""
        net = float(trip.net)
        self.trips += 1
        self.won += net > 0
        self.net += net
        self.gained, self.lost = self.gained + max(net, 0.0), self.lost - min(net, 0.0)
        self.best, self.worst = max(self.best, net), min(self.worst, net)
        self.minutes += trip.minutes


@dataclass
class Recorder:
    """Listens to the board and takes the exchange's rows. `folder` None keeps no files."""

    board: Board
    rows: Callable[[], Rows]
    folder: Path | None = None
    gates: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # stage, entry or exit, gate
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # entry or exit, outcome
    events: list[GovernorEvent] = field(default_factory=list)
    all_trips: Tally = field(default_factory=Tally)
    by_symbol: dict[str, Tally] = field(default_factory=dict)
    by_reason: dict[str, Tally] = field(default_factory=dict)
    by_side: dict[str, Tally] = field(default_factory=dict)
    trips: deque[RoundTrip] = field(default_factory=lambda: deque(maxlen=TRIPS_KEPT))
    plans: int = 0
    orders: int = 0

    def __post_init__(self) -> None:
        self.account = Account(lambda plan: self._why.get(plan, ""), self._filled, self._ended)
        self._why: dict[str, str] = {}  # of the plans under way
        self._refused: set[str] = set()  # of these, what a stage before the executor has stopped
        self._wished: dict[str, str] = {}  # intent → why, until it is a plan
        self._files: list[IO[Any]] = []
        keys, heard = self.board.keys, self.board.heard
        heard[keys.plans].append(self._plan)
        heard[keys.permits].append(self._permit)
        heard[keys.results].append(self._result)
        heard[keys.governor_events].append(lambda event: self.events.append(cast("GovernorEvent", event)))
        if self.folder is not None:
            self._plans_file = (self.folder / PLANS).open("wb")
            trades = (self.folder / TRADES).open("w", encoding="utf-8", newline="")
            self._files = [self._plans_file, trades]
            self._trades_file = csv.writer(trades, lineterminator="\n")
            self._trades_file.writerow(_TRADE_COLUMNS)

    def wish(self, intent: Intent, why: str) -> None:
        """Given an intent and why it was made, remember it until its plan is over."""
        self._wished[intent.intent_id] = why

    def take_rows(self) -> None:
        """Take what changed on the exchange."""
        rows = self.rows()
        if rows.trades or rows.income:
            self.account.take(rows)

    def close(self) -> None:
        """Write what is left, and close the files."""
        self.take_rows()
        for file in self._files:
            file.close()

    # --- the streams -------------------------------------------------------------------------------------------------

    def _plan(self, record: Record) -> None:
        plan = cast("Plan", record)
        self.plans += 1
        why = self._wished.pop(plan.intent_id, "")
        self._why[plan.plan_id] = why
        if plan.decision is Decision.BLOCKED:
            self._refused.add(plan.plan_id)
        self.gates["intent-bridge", plan.eval_type.value, plan.gate.value if plan.gate else "passed"] += 1
        if self._files:
            told = plan.to_fields() | {"why": why}
            if plan.decision is Decision.EXECUTE:
                del told["gates"]  # all of them passed, and they are most of the line
            self._plans_file.write(orjson.dumps(told) + b"\n")

    def _permit(self, record: Record) -> None:
        permit = cast("Permit", record)
        if permit.reason is not None:
            self._refused.add(permit.plan_id)
        stage = "governor" if permit.issuer is Issuer.GOVERNOR else "position-state-brain"
        self.gates[stage, permit.eval_type.value, permit.reason.value if permit.reason else "passed"] += 1

    def _result(self, record: Record) -> None:
        result = cast("Result", record)
        self.take_rows()  # while the plan's reason is still known
        self._why.pop(result.plan_id, None)
        kind = EvalType(result.eval_type).value
        self.orders += result.executed and result.order_id is not None
        self.outcomes[kind, result.gate.value if result.gate else "executed"] += 1
        if result.plan_id not in self._refused:
            self.gates["intent-executor", kind, result.gate.value if result.gate else "passed"] += 1
        self._refused.discard(result.plan_id)

    # --- the account -------------------------------------------------------------------------------------------------

    def _filled(self, trade: Trade, reason: str) -> None:
        if self._files:
            self._trades_file.writerow(
                (
                    trade.time_ms, trade.symbol, trade.side.value, trade.qty, trade.price, trade.quote_qty,
                    trade.commission, trade.realized_pnl, reason, trade.trade_id, trade.order_id, trade.client_order_id,
                )
            )  # fmt: skip

    def _ended(self, trip: RoundTrip) -> None:
        self.trips.append(trip)
        self.all_trips.take(trip)
        for group, name in (
            (self.by_symbol, trip.symbol),
            (self.by_reason, trip.reason),
            (self.by_side, trip.side),
        ):
            group.setdefault(name, Tally()).take(trip)
