"""The governor's state in Redis: one script reads a view, one for each write."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from quantum_common.clock import DAY_MS
from quantum_common.keys import GROUP_GOVERNOR, PERMIT_TTL_MS, Keys
from quantum_common.log import Log
from quantum_common.messages import EvalType, GovernorEvent, Issuer, Plan, Result
from quantum_common.meter import SILENT, Hop, Meter
from quantum_common.readable import readable
from quantum_common.redis_client import Redis
from quantum_common.scripts import Script
from quantum_common.state import GovernorState, Ledger, MarketState, Portfolio, Snapshot
from quantum_common.stream import Message
from services.governor.budgets import day_of, in_cents, in_usdt
from services.governor.decide import Decided
from services.governor.normalisation import Moments, Statistics
from services.governor.ports import Issued
from services.governor.reservations import Reservation, Reserved
from services.governor.view import BURST_WINDOW_MS, HOUR_WINDOW_MS, Spent, View

ALL = "all"  # the window and the statistics of all symbols; no symbol is written in lower case
SEQ, DONE = "seq", "done:"  # fields of the reserved hash that are no plan's

_Flat = list[str]
_Moments = tuple[str | None, str | None, str | None]
_Answer = tuple[
    _Flat, _Flat, _Flat, _Flat, _Flat, tuple[int, int, int, int, int], _Moments, _Moments, _Flat
]  # fmt: skip


@dataclass
class RedisState:
    """StatePort over Redis."""

    redis: Redis
    keys: Keys
    log: Log
    meter: Meter = SILENT

    def __post_init__(self) -> None:
        self._read = Script(self.redis, "governor_read_view")
        self._issue = Script(self.redis, "issue_governor_permit")
        self._give_back = Script(self.redis, "governor_give_back")
        self._settle = Script(self.redis, "governor_settle")
        self._begin = Script(self.redis, "governor_begin")
        self._fold = Script(self.redis, "governor_fold_day")

    async def view(self, plan: Plan, now_ms: int) -> View:
        """Return what a decision on this plan needs. A record that breaks its contract counts as absent: entries then
        wait, exits pass, and the log names the key."""
        keys, symbol = self.keys, plan.symbol
        names = {
            "state": keys.governor_state,
            "portfolio": keys.portfolio,
            "market": keys.market_state(symbol),
            "ledger": keys.ledger(symbol),
            "snapshot": keys.snapshot(symbol),
            "reserved": keys.governor_reserved,
        }
        answer = await self._read(
            names
            | self._windows(symbol)
            | self._statistics(symbol, plan.eval_type)
            | {"day": keys.governor_day(day_of(now_ms))},
            {
                "plan_id": plan.plan_id,
                "burst_from_ms": now_ms - BURST_WINDOW_MS,
                "hour_from_ms": now_ms - HOUR_WINDOW_MS,
            },
        )
        state, portfolio, market, ledger, snapshot, spent, own, everything, reserved = cast("_Answer", answer)
        taken = _pairs(reserved)
        return View(
            state=readable(GovernorState, state, names["state"], self.log),
            portfolio=readable(Portfolio, portfolio, names["portfolio"], self.log),
            market=readable(MarketState, market, names["market"], self.log),
            ledger=readable(Ledger, ledger, names["ledger"], self.log),
            snapshot=readable(Snapshot, snapshot, names["snapshot"], self.log),
            spent=Spent(*spent[:4], in_usdt(spent[4])),
            statistics=Statistics(_moments(own), _moments(everything)),
            reserved=_reserved(taken, plan.plan_id),
            seq=int(taken.get(SEQ, "0")),
        )

    async def issue(self, decided: Decided, seq: int, alpha: float, message: Message) -> Issued:
        """Write the permit, what it teaches, what it takes and the acknowledgement in one script."""
        keys, permit, reservation = self.keys, decided.permit, decided.reservation
        score = decided.score
        answer = await self._issue(
            {
                "plans": keys.plans,
                "permits": keys.permits,
                "permit": keys.permit(Issuer.GOVERNOR, permit.plan_id),
                "day": keys.governor_day(day_of(permit.ts_ms)),
                "reserved": keys.governor_reserved,
            }
            | self._windows(permit.symbol)
            | self._statistics(permit.symbol, permit.eval_type),
            {
                "group": GROUP_GOVERNOR,
                "id": message.id,
                "permit_text": permit.to_json(),
                "permit_fields": permit.to_fields(),
                "ttl_ms": PERMIT_TTL_MS,
                "reserve": int(reservation is not None),
                "plan_id": permit.plan_id,
                "now_ms": permit.ts_ms,
                "hour_ms": HOUR_WINDOW_MS,
                "cents": in_cents(reservation.notional_usd if reservation is not None else Decimal(0)),
                "day_ttl_ms": 2 * DAY_MS,
                "score": "" if score is None else repr(score),
                "alpha": repr(alpha),
                "seq": seq,
                "reservation": reservation.to_json() if reservation is not None else "",
                "released": decided.released,
            },
        )
        issued = Issued(str(answer))
        if issued is Issued.WRITTEN:
            self.meter.decided(permit.eval_type, permit.reason)
            self.meter.hop(Hop.PLAN_TO_PERMIT, permit.ts_ms - message.written_ms)
        return issued

    async def give_back(self, result: Result, message: Message, now_ms: int) -> None:
        """Give back what was reserved today or yesterday, and acknowledge, in one script."""
        await self._give_back(
            {"results": self.keys.results, "reserved": self.keys.governor_reserved}
            | self._windows(result.symbol)
            | self._days(now_ms),
            {"group": GROUP_GOVERNOR, "id": message.id, "plan_id": result.plan_id},
        )

    async def settle(self, result: Result, message: Message) -> None:
        """Note the execution and acknowledge, in one script."""
        await self._settle(
            {"results": self.keys.results, "reserved": self.keys.governor_reserved},
            {"group": GROUP_GOVERNOR, "id": message.id, "plan_id": result.plan_id, "now_ms": result.ts_ms},
        )

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge one entry."""
        await self.redis.xack(message.stream, GROUP_GOVERNOR, message.id)

    async def begin(self, state: GovernorState, event: GovernorEvent) -> bool:
        """Write the first trading state and its event in one script."""
        answer = await self._begin(
            {"state": self.keys.governor_state, "events": self.keys.governor_events},
            {"state_fields": state.to_fields(), "event_fields": event.to_fields()},
        )
        return answer == "written"

    async def report(self, event: GovernorEvent) -> None:
        """Add an event."""
        fields: dict[Any, Any] = event.to_fields()
        await self.redis.xadd(self.keys.governor_events, fields)

    async def fold(self, now_ms: int) -> None:
        """Sum the facts of both days that can still be spent from or given back to."""
        for key in self._days(now_ms).values():
            await self._fold({"day": key}, {})

    def _windows(self, symbol: str) -> dict[str, str]:
        return {
            "executions": self.keys.governor_executions(symbol),
            "executions_all": self.keys.governor_executions(ALL),
        }

    def _statistics(self, symbol: str, eval_type: EvalType) -> dict[str, str]:
        return {
            "stats": self.keys.governor_stats(symbol, eval_type),
            "stats_all": self.keys.governor_stats(ALL, eval_type),
        }

    def _days(self, now_ms: int) -> dict[str, str]:
        return {
            "day": self.keys.governor_day(day_of(now_ms)),
            "day_before": self.keys.governor_day(day_of(now_ms - DAY_MS)),
        }


def _pairs(flat: _Flat) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _moments(answer: _Moments) -> Moments:
    mean, var, n = answer
    return Moments(float(mean or 0), float(var or 0), int(n or 0))


def _reserved(taken: dict[str, str], plan_id: str) -> tuple[Reserved, ...]:
    """Given the reserved hash, return its reservations but for the plan's own: of an earlier delivery."""
    return tuple(
        Reserved(_reservation(text), int(taken.get(DONE + plan, "0")))
        for plan, text in taken.items()
        if plan not in {SEQ, plan_id} and not plan.startswith(DONE)
    )


@lru_cache(maxsize=1024)
def _reservation(text: str) -> Reservation:
    """Given a reservation as it was written, return it: each is read again with every entry while it stands."""
    return Reservation.from_json(text)
