"""Bars of the past over REST.

A bar is closed once a later one exists. The exchange's clock is not asked: a paper exchange replays a market whose
time is not the clock's. So the newest row of an answer that reaches up to now is taken for open.
"""

from collections.abc import Sequence
from typing import Any

from quantum_common.exchange.budget import Cost, Lane
from quantum_common.exchange.port import Bar
from quantum_common.exchange.rows import bars_of
from quantum_common.exchange.session import Session

ROWS_MAX = 1500
_WEIGHTS = ((100, 1), (500, 2), (1001, 5))


def klines_cost(limit: int) -> Cost:
    """Given the number of rows asked for, return what the exchange charges."""
    return Cost(next((weight for below, weight in _WEIGHTS if limit < below), 10))


class History:
    """Klines of any symbol and interval."""

    PAGE_ROWS = 499

    def __init__(self, session: Session) -> None:
        self._session = session

    async def newest(self, symbol: str, interval: str, limit: int) -> Sequence[Bar]:
        """Return the last `limit` closed bars, oldest first. Raise ValueError where `limit` is not positive.

        A deep past takes many pages, and everybody shares the limits: it waits where snapshots still may be read.
        """
        if limit < 1:
            raise ValueError(f"a history has at least one bar, not {limit}")
        page = await self._page(symbol, interval, min(limit + 1, ROWS_MAX))
        found, full = page[:-1], len(page) == ROWS_MAX
        while full and len(found) < limit:
            wanted = min(limit - len(found), ROWS_MAX)
            page = await self._page(symbol, interval, wanted, Lane.OPEN, endTime=found[0].open_ms - 1)
            found, full = page + found, len(page) == wanted
        return found[-limit:]

    async def page_after(self, symbol: str, interval: str, open_ms: int) -> list[Bar]:
        """Return up to `PAGE_ROWS` bars after the one that opened at `open_ms`, oldest first, the open one included."""
        return await self._page(symbol, interval, self.PAGE_ROWS, startTime=open_ms + 1)

    async def _page(self, symbol: str, interval: str, limit: int, lane: Lane = Lane.SNAPSHOT, **span: Any) -> list[Bar]:
        async def asked() -> list[Bar]:
            return bars_of(
                symbol,
                await self._session.client.futures_klines(symbol=symbol, interval=interval, limit=limit, **span),
            )

        return await self._session.read(lane, klines_cost(limit), asked)
