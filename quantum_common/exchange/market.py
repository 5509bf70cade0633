"""The MarketPort over Binance: closed bars, past and present, and the rates of funding."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantum_common.exchange.budget import Cost, Lane
from quantum_common.exchange.history import History
from quantum_common.exchange.market_stream import MarketStream
from quantum_common.exchange.port import Bar, FundingTerms
from quantum_common.exchange.reference import BinanceReference
from quantum_common.exchange.rows import funding_terms_of
from quantum_common.exchange.session import Session

FUNDING_COST = Cost(weight=11)  # every symbol's premium index, and the list of intervals


class BinanceMarket(BinanceReference):
    """The bars of any symbol's past, and those of the subscribed symbols as they close."""

    def __init__(self, session: Session, history: History, stream: MarketStream) -> None:
        super().__init__(session)
        self._history = history
        self._stream = stream

    async def history(self, symbol: str, interval: str, limit: int) -> Sequence[Bar]:
        """Return the last `limit` closed bars, oldest first. What `next_bars` delivers of a subscribed symbol goes on
        where its first history of one-minute bars ended, without a hole."""
        bars = await self._history.newest(symbol, interval, limit)
        if bars:
            self._stream.read_up_to(symbol, interval, bars[-1].open_ms)
        return bars

    async def next_bars(self) -> Sequence[Bar]:
        """Wait for bars that have just closed on the subscribed symbols and return them."""
        return await self._stream.next_bars()

    async def funding_terms(self) -> Mapping[str, FundingTerms]:
        """Return every symbol's funding as it stands now."""

        async def asked() -> dict[str, FundingTerms]:
            client: Any = self._session.client
            return funding_terms_of(await client.futures_mark_price(), await client.futures_v1_get_funding_info())

        return await self._session.read(Lane.SNAPSHOT, FUNDING_COST, asked)
