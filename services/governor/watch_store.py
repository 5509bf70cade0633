"""What the governor watches, in Redis: pipelines of plain reads, and the one write that disarms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from quantum_common.keys import Keys
from quantum_common.log import Log
from quantum_common.messages import GovernorEvent, Malformed, Result
from quantum_common.money import ZERO
from quantum_common.redis_client import Redis
from quantum_common.scripts import Script
from quantum_common.state import GovernorState, Portfolio, TradingState
from services.governor.ports import Standing

SCAN_COUNT = 1_000
PAGE = 256


@dataclass
class RedisWatch:
    """WatchPort over Redis."""

    redis: Redis
    keys: Keys
    log: Log

    def __post_init__(self) -> None:
        self._set = Script(self.redis, "governor_set_state")

    async def account(self) -> tuple[GovernorState | None, Portfolio | None]:
        """Return the trading state and the portfolio; one that breaks its contract counts as absent."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self.keys.governor_state)
            pipe.hgetall(self.keys.portfolio)
            state, portfolio = await pipe.execute()
        try:
            return (
                GovernorState.from_fields(state) if state else None,
                Portfolio.from_fields(portfolio) if portfolio else None,
            )
        except Malformed as fault:
            self.log.error("the watch cannot read the account", field=fault.field, reason=fault.reason)
            return None, None

    async def results(self, count: int) -> Sequence[Result]:
        """Return the newest results."""
        rows: Any = await self.redis.xrevrange(self.keys.results, count=count)
        return [Result.from_fields(fields) for _, fields in rows]

    async def symbols(self) -> Sequence[str]:
        """Return every symbol that has a snapshot."""
        prefix = self.keys.snapshot("")
        pattern = _escaped(prefix) + "*"
        found = {str(key).removeprefix(prefix) async for key in self.redis.scan_iter(pattern, count=SCAN_COUNT)}
        return sorted(found)

    async def standing(self, symbols: Sequence[str]) -> Mapping[str, Standing]:
        """Return what stands on each symbol, some hundred symbols a round trip."""
        found: dict[str, Standing] = {}
        for first in range(0, len(symbols), PAGE):
            page = symbols[first : first + PAGE]
            async with self.redis.pipeline(transaction=False) as pipe:
                for symbol in page:
                    pipe.hmget(self.keys.snapshot(symbol), ["position_amt", "mark_price"])
                    pipe.hmget(self.keys.market_state(symbol), ["bar_close_ms", "price"])
                    pipe.hget(self.keys.hold(symbol), "since_ms")
                answers = await pipe.execute()
            for symbol, position, bar, held in zip(page, answers[::3], answers[1::3], answers[2::3], strict=True):
                found[symbol] = _standing(symbol, position, bar, held)
        return found

    async def disarm(self, state: GovernorState, event: GovernorEvent) -> bool:
        """Write the state and its event in one script, where ACTIVE stands."""
        before = await self._set(
            {"state": self.keys.governor_state, "events": self.keys.governor_events},
            {"from": TradingState.ACTIVE, "state_fields": state.to_fields(), "event_fields": event.to_fields()},
        )
        return before == TradingState.ACTIVE


def _standing(symbol: str, position: list[str | None], bar: list[str | None], held: str | None) -> Standing:
    amount, mark = (Decimal(value) if value else ZERO for value in position)
    return Standing(symbol, amount * mark, int(bar[0] or 0), Decimal(bar[1] or 0), int(held or 0))


def _escaped(prefix: str) -> str:
    """Given a key's beginning, return it as a pattern: a shard's braces mean nothing to SCAN, brackets would."""
    return prefix.replace("[", "\\[").replace("]", "\\]")
