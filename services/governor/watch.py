"""The governor's watch: what stands on the other symbols, and whether the pipeline must go to REDUCING by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from quantum_common.log import Log
from quantum_common.state import GovernorState, TradingState
from services.governor.disarm import DisarmLimits, Health, cause
from services.governor.ports import Standing, WatchPort
from services.governor.service import BY, Governor, event_of
from services.governor.view import Book

SYMBOLS_EVERY = 15  # steps between two looks for new symbols
RESULTS_SEEN = 50


@dataclass
class Watch:
    """Looks on, step by step."""

    state: WatchPort
    governor: Governor
    limits: DisarmLimits
    log: Log
    started_ms: int = 0
    _symbols: Sequence[str] = ()
    _steps: int = 0
    _standing: Sequence[Standing] = field(default_factory=tuple)

    async def step(self) -> None:
        """Look at every symbol, then at the account; go to REDUCING where there is a cause."""
        now_ms = self.governor.clock.now_ms()
        self.started_ms = self.started_ms or now_ms
        if self._steps % SYMBOLS_EVERY == 0:
            self._symbols = await self.state.symbols()
        self._steps += 1
        await self._look()
        state, portfolio = await self.state.account()
        seen = Health(
            state=state,
            portfolio=portfolio,
            results=await self.state.results(RESULTS_SEEN),
            held=[(one.symbol, one.held_ms) for one in self._standing if one.held_ms],
            bursts=tuple(self.governor.bursts),
            started_ms=self.started_ms,
        )
        why = cause(seen, self.limits, now_ms)
        if why:
            await self._disarm(why, now_ms)

    async def _look(self) -> None:
        self._standing = tuple((await self.state.standing(self._symbols)).values())
        for one in self._standing:
            if one.bar_close_ms:
                self.governor.returns.take(one.symbol, one.bar_close_ms, one.price)
        self.governor.book = Book({one.symbol: one.notional_usd for one in self._standing if one.notional_usd})

    async def _disarm(self, why: str, now_ms: int) -> None:
        state = GovernorState(
            trading_state=TradingState.REDUCING, reason=f"auto-disarm: {why}", by=BY, since_ms=now_ms
        )  # fmt: skip
        if await self.state.disarm(state, event_of(state, now_ms, kind="auto_disarm")):
            self.log.error("auto-disarm: only exits pass until a person resumes", reason=why)
