"""The governor's state in Redis: one script reads a view, one for each write."""

from dataclasses import dataclass
from typing import TypeVar, cast

from quantum_common.keys import GROUP_GOVERNOR, PERMIT_TTL_MS, Keys
from quantum_common.log import Log
from quantum_common.messages import GovernorEvent, Issuer, Malformed, Permit, Plan, Record, Result
from quantum_common.redis_client import Redis
from quantum_common.scripts import Script
from quantum_common.state import GovernorState, Ledger, MarketState, Portfolio, Snapshot
from quantum_common.stream import Message
from services.governor.budgets import DAY_MS, Reservation, day_of, in_usdt
from services.governor.view import BURST_WINDOW_MS, HOUR_WINDOW_MS, Spent, View

ALL = "all"  # the window of all symbols; no symbol is written in lower case

R = TypeVar("R", bound=Record)

_Flat = list[str]
_Answer = tuple[_Flat, _Flat, _Flat, _Flat, _Flat, tuple[int, int, int, int, int]]


@dataclass
class RedisState:
    """StatePort over Redis."""

    redis: Redis
    keys: Keys
    log: Log

    def __post_init__(self) -> None:
        self._read = Script(self.redis, "governor_read_view")
        self._issue = Script(self.redis, "issue_governor_permit")
        self._give_back = Script(self.redis, "governor_give_back")
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
        }
        answer = await self._read(
            names | self._windows(symbol) | {"day": keys.governor_day(day_of(now_ms))},
            {
                "plan_id": plan.plan_id,
                "burst_from_ms": now_ms - BURST_WINDOW_MS,
                "hour_from_ms": now_ms - HOUR_WINDOW_MS,
            },
        )
        state, portfolio, market, ledger, snapshot, spent = cast("_Answer", answer)
        return View(
            state=self._parse(GovernorState, state, names["state"]),
            portfolio=self._parse(Portfolio, portfolio, names["portfolio"]),
            market=self._parse(MarketState, market, names["market"]),
            ledger=self._parse(Ledger, ledger, names["ledger"]),
            snapshot=self._parse(Snapshot, snapshot, names["snapshot"]),
            spent=Spent(*spent[:4], in_usdt(spent[4])),
        )

    async def issue(self, permit: Permit, reserved: Reservation | None, message: Message) -> bool:
        """Write the permit, its reservation and the acknowledgement in one script."""
        keys = self.keys
        answer = await self._issue(
            {
                "plans": keys.plans,
                "permits": keys.permits,
                "permit": keys.permit(Issuer.GOVERNOR, permit.plan_id),
                "day": keys.governor_day(reserved.day if reserved is not None else day_of(permit.ts_ms)),
            }
            | self._windows(permit.symbol),
            {
                "group": GROUP_GOVERNOR,
                "id": message.id,
                "permit_text": permit.to_json(),
                "permit_fields": permit.to_fields(),
                "ttl_ms": PERMIT_TTL_MS,
                "reserve": int(reserved is not None),
                "plan_id": permit.plan_id,
                "now_ms": permit.ts_ms,
                "hour_ms": HOUR_WINDOW_MS,
                "cents": reserved.cents if reserved is not None else 0,
                "day_ttl_ms": 2 * DAY_MS,
            },
        )
        return answer == "written"

    async def give_back(self, result: Result, message: Message, now_ms: int) -> None:
        """Give back what was reserved today or yesterday, and acknowledge, in one script."""
        await self._give_back(
            {"results": self.keys.results} | self._windows(result.symbol) | self._days(now_ms),
            {"group": GROUP_GOVERNOR, "id": message.id, "plan_id": result.plan_id},
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

    async def fold(self, now_ms: int) -> None:
        """Sum the facts of both days that can still be spent from or given back to."""
        for key in self._days(now_ms).values():
            await self._fold({"day": key}, {})

    def _windows(self, symbol: str) -> dict[str, str]:
        return {
            "executions": self.keys.governor_executions(symbol),
            "executions_all": self.keys.governor_executions(ALL),
        }

    def _days(self, now_ms: int) -> dict[str, str]:
        return {
            "day": self.keys.governor_day(day_of(now_ms)),
            "day_before": self.keys.governor_day(day_of(now_ms - DAY_MS)),
        }

    def _parse(self, record: type[R], flat: _Flat, key: str) -> R | None:
        if not flat:
            return None
        try:
            return record.from_fields(dict(zip(flat[::2], flat[1::2], strict=True)))
        except Malformed as fault:
            self.log.error(
                "a record breaks its contract; it counts as absent", key=key, field=fault.field, reason=fault.reason
            )
            return None
