"""What a call leaves behind: events for the user data stream and rows for the store, until somebody drains them."""

from services.paper_exchange.engine.changes import Rows
from services.paper_exchange.engine.enums import PositionSide
from services.paper_exchange.engine.events import Event
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


class Outbox:
    """Events in order; changed rows once each, as they stand when drained."""

    __slots__ = (
        "account_changed",
        "algos",
        "countdowns",
        "events",
        "income",
        "orders",
        "positions",
        "settings",
        "trades",
    )

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self.positions: dict[tuple[str, PositionSide], Position] = {}
        self.algos: dict[int, AlgoOrder] = {}
        self.income: list[Income] = []
        self.settings: dict[str, SymbolSettings] = {}
        self.countdowns: dict[str, Countdown] = {}
        self.account_changed = False

    def drain_events(self) -> list[Event]:
        """Return and forget the events."""
        events, self.events = self.events, []
        return events

    def drain_changes(self, account: Account) -> Rows:
        """Given the account as it stands, return and forget the changed rows."""
        rows = Rows(
            orders=tuple(self.orders.values()),
            trades=tuple(self.trades),
            positions=tuple(self.positions.values()),
            algos=tuple(self.algos.values()),
            income=tuple(self.income),
            settings=tuple(self.settings.values()),
            countdowns=tuple(self.countdowns.values()),
            account=account if self.account_changed else None,
        )
        for changed in (self.orders, self.positions, self.algos, self.settings, self.countdowns):
            changed.clear()
        self.trades.clear()
        self.income.clear()
        self.account_changed = False
        return rows
