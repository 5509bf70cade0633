"""What the three adapters have in common: the session, and the reads that are the same for everybody."""

from collections.abc import Mapping

from quantum_common.exchange.port import SymbolRules
from quantum_common.exchange.session import Session


class BinanceReference:
    """The ReferencePort over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def server_time_ms(self) -> int:
        """Return the exchange's clock, as last measured. Raise ExchangeUnavailable where it is not known."""
        return await self._session.server_time_ms()

    async def rules(self) -> Mapping[str, SymbolRules]:
        """Return the filters of every listed symbol, at most an hour old."""
        return await self._session.rules()
