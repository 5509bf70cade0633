"""Everything of one contract in one place: its market, the account's position in it, and its orders and trades."""

from services.paper_exchange.engine.book import Book
from services.paper_exchange.engine.enums import MarginType, PositionSide, Side
from services.paper_exchange.engine.holding import Holding
from services.paper_exchange.engine.records import Order, Position, SymbolSettings, Trade
from services.paper_exchange.engine.resting import Resting
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.engine.series import Series
from services.paper_exchange.engine.triggers import Triggers


class Desk:
    """One contract. `orders` holds finished orders too, by ascending id; `reducing` the open ones that only reduce.

    `active` are the holdings of the position mode in force: BOTH, or LONG and SHORT.
    """

    __slots__ = (
        "active",
        "algos",
        "book",
        "by_client",
        "holdings",
        "next_trade_id",
        "open",
        "orders",
        "reducing",
        "resting",
        "rules",
        "settings",
        "trades",
        "triggers",
    )

    def __init__(self, rules: SymbolRules, settings: SymbolSettings, first_trade_id: int) -> None:
        self.rules = rules
        self.settings = settings
        self.book = Book()
        self.holdings = {side: Holding(Position(rules.symbol, side)) for side in PositionSide}
        self.active: tuple[Holding, ...] = (self.holdings[PositionSide.BOTH],)
        self.orders: dict[int, Order] = {}
        self.open: dict[int, Order] = {}
        self.by_client: dict[str, int] = {}
        self.reducing: dict[int, None] = {}
        self.resting = {side: Resting(side) for side in Side}
        self.trades: Series[Trade] = Series()
        self.next_trade_id = first_trade_id
        self.triggers = Triggers()
        self.algos: dict[int, None] = {}

    @property
    def isolated(self) -> bool:
        """Whether the contract's positions carry margins of their own."""
        return self.settings.margin_type is MarginType.ISOLATED

    def choose_mode(self, *, dual_side: bool) -> None:
        """Given the position mode, make its holdings the active ones."""
        sides = (PositionSide.LONG, PositionSide.SHORT) if dual_side else (PositionSide.BOTH,)
        self.active = tuple(self.holdings[side] for side in sides)

    def has_position(self) -> bool:
        """Whether any position of the contract is open."""
        for holding in self.active:  # noqa: SIM110 - asked at every tick: `any` takes three times as long
            if holding.position.amount:
                return True
        return False

    def find(self, order_id: int | None, client_order_id: str | None) -> Order | None:
        """Given either id (the order id wins), return the order, the newest one with that client id, or None."""
        if order_id is None and client_order_id is not None:
            order_id = self.by_client.get(client_order_id)
        return None if order_id is None else self.orders.get(order_id)


def enlarges(order_side: Side, position_side: PositionSide, *, reduce_only: bool) -> bool:
    """Given an order's side and intent, return whether it may open or enlarge a position."""
    if position_side is PositionSide.LONG:
        return order_side is Side.BUY
    if position_side is PositionSide.SHORT:
        return order_side is Side.SELL
    return not reduce_only
