"""What a call changed, as rows to upsert in one transaction, and the whole state as the same rows.

A row replaces the one with the same key: orders by `order_id`, trades by (`symbol`, `trade_id`), positions by
(`symbol`, `side`), income by `tran_id`, algos by `algo_id`, settings and countdowns by `symbol`; one account row.
Trades and income are never changed once written.
"""

from dataclasses import dataclass

from services.paper_exchange.engine.records import (
    Account,
    AlgoOrder,
    Countdown,
    Income,
    Order,
    Position,
    SymbolSettings,
    Trade,
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of every kind; `account` None means the account row did not change (or never was)."""

    orders: tuple[Order, ...] = ()
    trades: tuple[Trade, ...] = ()
    positions: tuple[Position, ...] = ()
    algos: tuple[AlgoOrder, ...] = ()
    income: tuple[Income, ...] = ()
    settings: tuple[SymbolSettings, ...] = ()
    countdowns: tuple[Countdown, ...] = ()
    account: Account | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(
            self.orders
            or self.trades
            or self.positions
            or self.algos
            or self.income
            or self.settings
            or self.countdowns
            or self.account
        )
