"""The AccountPort over Binance: the account's own state and the stream of its changes."""

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

from quantum_common.exchange.budget import Cost, Lane
from quantum_common.exchange.orders import look_up
from quantum_common.exchange.outcome import Lookup
from quantum_common.exchange.port import FundingView, PositionView, TradeView, UserEvent
from quantum_common.exchange.reference import BinanceReference
from quantum_common.exchange.rows import WALLET_ASSET, funding_of, position_of, rows, text, trade_of, wallet_of
from quantum_common.exchange.session import Session
from quantum_common.exchange.user_stream import UserStream

POSITIONS = BALANCES = TRADES = Cost(weight=5)
INCOME = Cost(weight=30)
PAGE_ROWS_MAX = 1000


class BinanceAccount(BinanceReference):
    """The account, by REST calls and by the user data stream."""

    def __init__(self, session: Session, stream: UserStream) -> None:
        super().__init__(session)
        self._stream = stream

    async def positions(self) -> Sequence[PositionView]:
        """Return every symbol's position in one call: version 2, which has the flat symbols and the leverage."""

        async def asked() -> list[PositionView]:
            return [
                position_of(row) for row in rows(await self._session.client.futures_position_information(version=2))
            ]

        return await self._session.read(Lane.SNAPSHOT, POSITIONS, asked)

    async def wallet_balance(self) -> Decimal:
        """Return the wallet balance in USDT."""

        async def asked() -> Decimal:
            return wallet_of(rows(await self._session.client.futures_account_balance()))

        return await self._session.read(Lane.SNAPSHOT, BALANCES, asked)

    async def trades(self, symbol: str, from_id: int | None, limit: int = PAGE_ROWS_MAX) -> Sequence[TradeView]:
        """Return own trades in rising id order: every one from `from_id` on; the newest `limit` where it is None.

        The call without an id answers the oldest rows of the last seven days, so the newest are found by paging
        through that window; older ones are not looked for.
        """
        page_rows = min(max(limit, 1), PAGE_ROWS_MAX) if from_id is not None else PAGE_ROWS_MAX
        found: deque[TradeView] = deque(maxlen=None if from_id is not None else limit)
        next_id = from_id
        while True:
            page = await self._trades_page(symbol, next_id, page_rows)
            found.extend(page)
            if len(page) < page_rows:
                return list(found)
            next_id = page[-1].trade_id + 1

    async def _trades_page(self, symbol: str, from_id: int | None, page_rows: int) -> list[TradeView]:
        async def asked() -> list[TradeView]:
            answer = await self._session.client.futures_account_trades(symbol=symbol, fromId=from_id, limit=page_rows)
            return sorted((trade_of(row) for row in rows(answer)), key=lambda trade: trade.trade_id)

        return await self._session.read(Lane.SNAPSHOT, TRADES, asked)

    async def funding(self, since_ms: int) -> Sequence[FundingView]:
        """Return the funding payments in USDT from a time on, in rising time order.

        Pages overlap in their last millisecond, as all symbols are paid at the same moment.
        """
        found: dict[int, FundingView] = {}
        start_ms = since_ms
        while True:
            page = await self._income_page(start_ms)
            found |= {payment.income_id: payment for asset, payment in page if asset == WALLET_ASSET}
            if len(page) < PAGE_ROWS_MAX:
                return sorted(found.values(), key=lambda payment: (payment.time_ms, payment.income_id))
            newest_ms = max(payment.time_ms for _, payment in page)
            start_ms = newest_ms if newest_ms > start_ms else newest_ms + 1

    async def _income_page(self, start_ms: int) -> list[tuple[str, FundingView]]:
        async def asked() -> list[tuple[str, FundingView]]:
            answer = await self._session.client.futures_income_history(
                incomeType="FUNDING_FEE", startTime=start_ms, limit=PAGE_ROWS_MAX
            )
            return [(text(row, "asset"), funding_of(row)) for row in rows(answer)]

        return await self._session.read(Lane.SNAPSHOT, INCOME, asked)

    async def order_by_id(self, symbol: str, order_id: int) -> Lookup:
        """Look an order up by the exchange's id. Raise ConfigurationRefused where the key is not accepted."""
        return await look_up(self._session, symbol=symbol, orderId=order_id)

    async def next_event(self) -> UserEvent:
        """Wait for the next event of the user data stream; the first call opens it."""
        return await self._stream.next_event()
