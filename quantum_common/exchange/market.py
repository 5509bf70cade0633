"""The MarketPort over Binance: closed bars, past and present."""

from collections.abc import Sequence

from quantum_common.exchange.history import History
from quantum_common.exchange.market_stream import MarketStream
from quantum_common.exchange.port import Bar
from quantum_common.exchange.reference import BinanceReference
from quantum_common.exchange.session import Session


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
