"""The last public trades of each symbol: one aggregate trade a tick."""

from collections import deque
from typing import NamedTuple

from services.paper_exchange.market.quote import Quote

KEPT_MAX = 1_000
KEPT_ALL = 30_000


class PublicTrade(NamedTuple):
    """One public trade; price and quantity are scaled integers, the time is wall time."""

    trade_id: int
    price: int
    quantity: int
    time_ms: int
    buyer_is_maker: bool


class Tape:
    """The last trades of every symbol."""

    def __init__(self, symbols: int) -> None:
        self._kept = min(KEPT_MAX, KEPT_ALL // symbols)
        self._trades: dict[str, deque[PublicTrade]] = {}

    def add(self, quote: Quote, now_ms: int) -> PublicTrade:
        """Given a symbol's new tick, add the trade that made it and return it."""
        found = self._trades.setdefault(quote.symbol, deque(maxlen=self._kept))
        down = quote.last < found[-1].price if found else False
        trade = PublicTrade(quote.update_id, quote.last, quote.tick_volume(), now_ms, down)
        found.append(trade)
        return trade

    def last(self, symbol: str, limit: int) -> list[PublicTrade]:
        """Given a symbol and a limit, return its newest trades, oldest first."""
        return list(self._trades.get(symbol, ()))[-limit:]
