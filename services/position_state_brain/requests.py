"""What operators ask of P3.3, the only one who may do it: lift a hold, write a ledger anew from its facts."""

from dataclasses import dataclass

from quantum_common.clock import Clock
from quantum_common.log import Log
from quantum_common.messages import Malformed
from quantum_common.state import Ask, Request
from services.position_state_brain.bookkeeper import Bookkeeper
from services.position_state_brain.drifts import Drifts, event_of
from services.position_state_brain.ports import Store
from services.position_state_brain.reconcile import Cause

EXPIRY_MS = 600_000  # what was asked for so long ago may not be wanted any more


@dataclass
class Requests:
    """Answers each request once, by an entry of reconcile.events that says who asked and why."""

    store: Store
    books: Bookkeeper
    drifts: Drifts
    clock: Clock
    log: Log

    async def answer(self) -> list[str]:
        """Answer what is asked. Return the symbols whose trades are to be read again."""
        rebuilt = []
        for symbol, text in (await self.store.requests()).items():
            try:
                request = Request.from_json(text)
            except Malformed as error:
                await self._refuse(symbol, text, f"malformed: {error}")
                continue
            if self.clock.now_ms() - request.ts_ms > EXPIRY_MS:
                await self._refuse(symbol, text, "out of date")
            elif request.ask is Ask.RELEASE:
                await self._release(symbol, text, request)
            elif await self._rebuild(symbol, text, request):
                rebuilt.append(symbol)
        return rebuilt

    async def _refuse(self, symbol: str, text: str, why: str) -> None:
        await self.store.answer(symbol, text, None, lift=False)
        self.log.warning("an operator's request is not carried out", symbol=symbol, reason=why)

    async def _release(self, symbol: str, text: str, request: Request) -> None:
        """Lift a hold. What differs then is watched anew, and adopted."""
        hold = self.drifts.holds.get(symbol)
        if hold is None:
            await self._refuse(symbol, text, "nothing is held")
            return
        now_ms = self.clock.now_ms()
        event = event_of(
            "released", symbol, hold.exchange_position_amt, hold.ledger_position_amt, Cause.OPERATOR, now_ms,
            f"{hold.reason} released by {request.by}: {request.reason}",
        )  # fmt: skip
        await self.store.answer(symbol, text, event, lift=True)
        self.drifts.released(symbol, now_ms)
        self.log.warning("hold released", symbol=symbol, by=request.by, reason=request.reason)

    async def _rebuild(self, symbol: str, text: str, request: Request) -> bool:
        """Write a ledger anew from its facts. Return False where there is none."""
        if symbol not in self.books.books:
            await self._refuse(symbol, text, "no such ledger")
            return False
        changed = await self.books.rebuild(symbol)
        amt = self.books.books[symbol].folded.position_amt
        event = event_of(
            "rebuilt", symbol, amt, amt, Cause.OPERATOR, self.clock.now_ms(),
            f"rebuilt by {request.by}: {request.reason}; {'changed ' + ' '.join(changed) if changed else 'no change'}",
        )  # fmt: skip
        await self.store.answer(symbol, text, event, lift=False)
        self.log.warning("ledger rebuilt", symbol=symbol, by=request.by, reason=request.reason, changed=changed)
        return True
