"""The seeded injector: writes wishes as the AI engine does, past every fault but those of Redis itself."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from quantum_common.ids import intent_id, plan_id
from quantum_common.messages import Action, Intent, Side
from quantum_common.state import Ledger, Snapshot
from services.cli.redis_link import GONE
from tests.chaos.stage import Stage

EXITS = (Action.CLOSE_25, Action.CLOSE_50, Action.CLOSE_75, Action.CLOSE_FULL, Action.CLOSE_FULL, Action.UPDATE_SL)
AGAIN, BROKEN = 0.03, 0.01  # parts of the wishes that are written twice, and that are no wishes at all
AWAY_PAUSE_S = 0.3


@dataclass
class Injector:
    """Writes `rate` wishes a second. `wished` are the plans that were asked for and acknowledged by Redis."""

    stage: Stage
    rate: float
    wished: set[str] = field(default_factory=set)
    _number: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(self.stage.seed ^ 0x171)
        self._due_s = time.monotonic()

    def step(self) -> None:
        """Write a wish where one is due. A wish that could not be written is not made up for."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = max(self._due_s + 1 / self.rate, now_s - 1)
        try:
            self._wish()
        except GONE:
            self._due_s = now_s + AWAY_PAUSE_S

    def _wish(self) -> None:
        self._number += 1
        symbol = self._rng.choice(self.stage.listed)
        if self._rng.random() < BROKEN:
            self._write("", {"intent_id": f"broken-{self._number}", "symbol": symbol, "side": "UP"})
            return
        keys, redis = self.stage.keys, self.stage.redis
        shown: Any = redis.hgetall(keys.snapshot(symbol))
        books: Any = redis.hgetall(keys.ledger(symbol))
        if not shown or not books:
            return
        intent = self._intent(Snapshot.from_fields(shown), Ledger.from_fields(books), symbol)
        plan = plan_id(intent.intent_id, keys.prefix)
        for _ in range(1 + (self._rng.random() < AGAIN)):
            self._write(plan, intent.to_fields())

    def _write(self, plan: str, fields: Mapping[Any, Any]) -> None:
        history = self.stage.history
        history.note("invoke", "wish", plan_id=plan, symbol=fields["symbol"], action=fields.get("action", ""))
        try:
            entry: Any = self.stage.redis.xadd(self.stage.keys.intents, dict(fields))
        except GONE as error:
            history.note("info", "wish", plan_id=plan, error=str(error))
            raise
        history.note("ok", "wish", plan_id=plan, entry=entry)
        if plan:
            self.wished.add(plan)

    def _intent(self, shown: Snapshot, books: Ledger, symbol: str) -> Intent:
        """Open what is flat; close, protect or add to what stands."""
        rng, mark = self._rng, shown.mark_price
        opens = books.position_amt == 0 or rng.random() < 0.15
        action = Action.OPEN if opens else rng.choice(EXITS)
        if books.position_amt == 0:
            side = rng.choice((Side.BUY, Side.SELL))
        else:
            holds = Side.BUY if books.position_amt > 0 else Side.SELL
            side = holds if opens else holds.opposite
        protects = action is Action.UPDATE_SL or (opens and rng.random() < 0.5)
        below = (side is Side.BUY) == opens
        distance = Decimal(rng.randint(100, 400)) / 10_000 * (-1 if below else 1)
        now_ms = time.time_ns() // 1_000_000
        return Intent(
            intent_id=intent_id(symbol, action, self._number, f"chaos-{self.stage.seed}"), symbol=symbol, side=side,
            action=action, eval_type=action.eval_type, confidence=Decimal("0.7"), expected_edge_bps=Decimal(20),
            position_size_usd=Decimal(rng.randint(250, 600)) if opens else None, fraction=None,
            leverage=rng.choice((None, None, 2, 3)) if opens else None, entry_price=None,
            stop_loss=(mark * (1 + distance)).quantize(mark) if protects else None, take_profit=None, atr_value=None,
            regime="trend", model="chaos", model_version=f"chaos-{self.stage.seed}", bar_close_ms=now_ms,
            reason="chaos", source="chaos", ts_ms=now_ms,
        )  # fmt: skip
