"""The way to an exchange: from settings and keys to the three ports, and everything closed at the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from pydantic import SecretStr
from structlog.typing import FilteringBoundLogger

from quantum_common.clock import Clock
from quantum_common.exchange.account import BinanceAccount
from quantum_common.exchange.addresses import address_of, require_fitting_key
from quantum_common.exchange.budget import Budget
from quantum_common.exchange.client import client_class
from quantum_common.exchange.history import History
from quantum_common.exchange.market import BinanceMarket
from quantum_common.exchange.market_stream import MarketStream
from quantum_common.exchange.orders import BinanceOrders
from quantum_common.exchange.server_clock import ServerClock
from quantum_common.exchange.session import Session
from quantum_common.exchange.supervision import cancelled
from quantum_common.exchange.user_stream import UserStream
from quantum_common.settings import CommonSettings


@dataclass(frozen=True, slots=True)
class Exchange:
    """The ports of one account on one exchange, over one session."""

    orders: BinanceOrders
    account: BinanceAccount
    market: BinanceMarket
    session: Session


@contextlib.asynccontextmanager
async def open_exchange(
    settings: CommonSettings,
    credentials: tuple[SecretStr, SecretStr] | None,
    symbols: Sequence[str],
    clock: Clock,
    log: FilteringBoundLogger | None = None,
) -> AsyncIterator[Exchange]:
    """Given settings, API key and secret (None: market data only) and the symbols whose bars are wanted, open the
    exchange of the environment for as long as the context lasts.

    Nothing is sent yet: an exchange that is away makes calls answer so, and does not keep a daemon from starting.
    Raise SettingsError where address or key do not fit the environment.
    """
    address = address_of(settings)
    if credentials is not None:
        require_fitting_key(address.environment, credentials[0])
    logger = cast("FilteringBoundLogger", structlog.get_logger()) if log is None else log
    server_clock, budget = ServerClock(clock), Budget()
    client = client_class(address)(
        credentials,
        recv_window_ms=settings.quantum_recv_window_ms,
        timeout_ms=settings.quantum_request_timeout_ms,
        server_clock=server_clock,
        budget=budget,
    )
    rights_known = bool(address.account_url)
    if credentials is not None and not rights_known:
        logger.warning("this exchange does not tell whether the API key may withdraw", environment=address.environment)
    session = Session(client, server_clock, budget, keyed=credentials is not None, rights_known=rights_known)
    user_stream = UserStream(session, address.stream_url, clock, logger)
    history = History(session)
    market_stream = MarketStream(symbols, address.stream_url, history, clock, logger)
    timekeeper = asyncio.create_task(server_clock.keep(session.ask_time_ms))
    try:
        yield Exchange(
            orders=BinanceOrders(session),
            account=BinanceAccount(session, user_stream),
            market=BinanceMarket(session, history, market_stream),
            session=session,
        )
    finally:
        await asyncio.gather(user_stream.close(), market_stream.close(), cancelled({timekeeper}))
        await client.close()
