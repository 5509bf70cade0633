"""Protective stops and leverage: commands that may be repeated, because the exchange knows one of each."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import assert_never

from quantum_common.clock import Clock
from quantum_common.exchange.outcome import Commanding, Done, NotSent, Refused, Unknown
from quantum_common.exchange.port import OrderPort, StopRequest
from quantum_common.ids import guard_id_of
from quantum_common.log import Log
from quantum_common.money import plain
from quantum_common.reasons import Gate
from services.intent_executor.decide import Refuse
from services.intent_executor.ports import Store

ONE_STOP_A_SIDE = -4130  # the exchange holds one whole-position stop per side
RETRY_MS = 200
SHOWN_AFTER_MS = 5_000  # a snapshot may have been read that long before it was written


@dataclass
class Stops:
    """Places, moves and drops the stop of each symbol, and sets its leverage."""

    store: Store
    exchange: OrderPort
    clock: Clock
    log: Log
    leverage: dict[str, tuple[int, int]] = field(default_factory=dict)  # symbol → what we set, and when

    async def protect(self, stop: StopRequest, position_qty: Decimal, until_ms: int) -> Refuse | None:
        """Make `stop` the symbol's stop, without a moment in which none stands. Return why it is not, if so.

        Where an older stop is in the way, one that only reduces by `position_qty` stands guard while they change.
        """
        old = await self.store.standing_stop(stop.symbol)
        outcome = await self._insist(lambda: self.exchange.place_stop(stop), until_ms)
        if isinstance(outcome, Refused) and outcome.code == ONE_STOP_A_SIDE and old:
            return await self._exchange(stop, old, position_qty, until_ms)
        if not isinstance(outcome, Done):
            return refusal(outcome)
        if old and old != stop.client_id:
            # An earlier attempt may have died with its guard standing and not yet remembered.
            for replaced in {old: None, guard_id_of(stop.client_id): None}:
                await self._end(replaced, stop, until_ms)
        await self._keep(stop)
        return None

    async def _exchange(self, stop: StopRequest, old: str, position_qty: Decimal, until_ms: int) -> Refuse | None:
        """Guard, cancel the old, place the new, end the guard. Whatever fails, one of the three stands."""
        guard = replace(stop, client_id=guard_id_of(stop.client_id), qty=position_qty)
        outcome = await self._insist(lambda: self.exchange.place_stop(guard), until_ms)
        if not isinstance(outcome, Done):
            return refusal(outcome)
        outcome = await self._insist(lambda: self.exchange.cancel_stop(old), until_ms)
        if not isinstance(outcome, Done):
            return refusal(outcome)
        await self._keep(guard)
        outcome = await self._insist(lambda: self.exchange.place_stop(stop), until_ms)
        if not isinstance(outcome, Done):
            return refusal(outcome)
        await self._end(guard.client_id, stop, until_ms)
        await self._keep(stop)
        return None

    async def _end(self, old: str, stop: StopRequest, until_ms: int) -> None:
        """Cancel what `stop` replaces, before it is remembered: after a crash the old one is found and ended again."""
        ended = await self._insist(lambda: self.exchange.cancel_stop(old), until_ms)
        if not isinstance(ended, Done):
            self.log.warning("an old stop still stands beside the new one", symbol=stop.symbol, answer=str(ended))

    async def drop(self, symbol: str) -> None:
        """Cancel the stop of a position that was closed."""
        old = await self.store.standing_stop(symbol)
        if old and isinstance(await self.exchange.cancel_stop(old), Done):
            await self.store.keep_stop(symbol, "", "", self.clock.now_ms())

    def known_leverage(self, symbol: str, shown: int | None, shown_ms: int) -> int | None:
        """Given a snapshot's leverage and time, return what the exchange has: what we set, until a snapshot that was
        surely read after it says it; somebody else may have changed it since."""
        ours, set_ms = self.leverage.get(symbol, (None, 0))
        return ours if ours is not None and shown_ms < set_ms + SHOWN_AFTER_MS else shown

    async def set_leverage(self, symbol: str, leverage: int, until_ms: int) -> Refuse | None:
        """Set a symbol's leverage; return why an entry cannot go on, if so."""
        outcome = await self._insist(lambda: self.exchange.set_leverage(symbol, leverage), until_ms)
        if isinstance(outcome, Done):
            self.leverage[symbol] = (leverage, self.clock.now_ms())
            return None
        problem = refusal(outcome)
        return Refuse(problem.gate, f"leverage {leverage}: {problem.details}")

    async def _keep(self, stop: StopRequest) -> None:
        await self.store.keep_stop(stop.symbol, stop.client_id, plain(stop.trigger_price), self.clock.now_ms())

    async def _insist(self, command: Callable[[], Awaitable[Commanding]], until_ms: int) -> Commanding:
        """Give a command until it is done or refused, or until a time."""
        while True:
            outcome = await command()
            match outcome:
                case Done() | Refused():
                    return outcome
                case NotSent() | Unknown():
                    pause_ms = outcome.retry_after_ms if isinstance(outcome, NotSent) else RETRY_MS
                    if self.clock.now_ms() + pause_ms >= until_ms:
                        return outcome
                    await self.clock.sleep_ms(pause_ms)
                case _:
                    assert_never(outcome)


def refusal(outcome: Commanding) -> Refuse:
    """Given a command that was not done, return the gate that it ends at."""
    match outcome:
        case Refused(code, text):
            return Refuse(Gate.EXCHANGE_REJECTED, f"{code} {text}")
        case NotSent(cause, _, rate_limited):
            return Refuse(Gate.RATE_LIMITED if rate_limited else Gate.EXCHANGE_UNAVAILABLE, cause)
        case Unknown(cause):
            return Refuse(Gate.EXCHANGE_UNAVAILABLE, cause)
        case Done(detail):
            raise ValueError(f"this was done: {detail}")
        case _:
            assert_never(outcome)
