"""An OrderPort that can ask and cannot command: in shadow mode nothing behind it can send, by construction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quantum_common.exchange.outcome import Commanding, Lookup, Placing, Refused
from quantum_common.exchange.port import OrderPort, OrderRequest, StopRequest, StopView, SymbolRules

NO_CODE = 0  # the exchange was not asked


@dataclass(frozen=True, slots=True)
class Muted:
    """Passes every question on, and answers every command itself: refused."""

    exchange: OrderPort

    async def server_time_ms(self) -> int:
        """Pass on."""
        return await self.exchange.server_time_ms()

    async def rules(self) -> Mapping[str, SymbolRules]:
        """Pass on."""
        return await self.exchange.rules()

    async def order(self, symbol: str, client_order_id: str) -> Lookup:
        """Pass on: an order of a life that was not a shadow still has its fate."""
        return await self.exchange.order(symbol, client_order_id)

    async def open_stops(self) -> Sequence[StopView]:
        """Pass on."""
        return await self.exchange.open_stops()

    async def place(self, request: OrderRequest) -> Placing:
        """Refuse."""
        return _not_sent(f"order {request.client_order_id}")

    async def place_stop(self, request: StopRequest) -> Commanding:
        """Refuse."""
        return _not_sent(f"stop {request.client_id}")

    async def cancel_stop(self, client_id: str) -> Commanding:
        """Refuse."""
        return _not_sent(f"the cancel of stop {client_id}")

    async def set_leverage(self, symbol: str, leverage: int) -> Commanding:
        """Refuse."""
        return _not_sent(f"leverage {leverage} of {symbol}")


def _not_sent(what: str) -> Refused:
    return Refused(NO_CODE, f"EXECUTOR_MODE is shadow: {what} is not sent")
