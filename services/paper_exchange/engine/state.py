"""The whole state of the exchange, and the few writes every part of the engine shares: wallet, worth and ids."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from services.paper_exchange.engine import errors
from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.digits import ZERO
from services.paper_exchange.engine.enums import IncomeType, PositionSide
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.holding import Holding
from services.paper_exchange.engine.outbox import Outbox
from services.paper_exchange.engine.records import Account, AlgoOrder, Income, Position, SymbolSettings
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.engine.series import Series

TIMERS_LEAST = 4096


@dataclass(slots=True)
class Totals:
    """Sums over all holdings; `reserved` is what positions and orders keep from the cross wallet."""

    unrealized_pnl: Decimal = ZERO
    cross_pnl: Decimal = ZERO
    maint_margin: Decimal = ZERO
    cross_maint: Decimal = ZERO
    position_margin: Decimal = ZERO
    order_margin: Decimal = ZERO
    reserved: Decimal = ZERO


class State:
    """One account on one exchange. `wallet` includes `isolated`, the margins of isolated positions.

    `live` are the open positions; `timers` a heap of (deadline, id or 0, symbol), whose stale entries are
    skipped; beyond `timers_most` entries they are dropped.
    """

    def __init__(self, rules: Iterable[SymbolRules], config: EngineConfig) -> None:
        self.config = config
        self.desks: dict[str, Desk] = {}
        for rule in rules:
            leverage = min(config.default_leverage, rule.max_leverage)
            self.desks[rule.symbol] = Desk(rule, SymbolSettings(rule.symbol, leverage), config.first_trade_id)
        self.outbox = Outbox()
        self.now_ms = 0
        self.wallet = ZERO
        self.isolated = ZERO
        self.dual_side = False
        self.multi_assets = False
        self.account_ms = 0
        self.totals = Totals()
        self.live: dict[tuple[str, PositionSide], Holding] = {}
        self.next_order_id = config.first_order_id
        self.next_algo_id = config.first_algo_id
        self.next_tran_id = config.first_tran_id
        self.income: Series[Income] = Series()
        self.finished: deque[tuple[str, int]] = deque()
        self.traded: deque[str] = deque()
        self.algos: dict[int, AlgoOrder] = {}
        self.open_algos: dict[int, AlgoOrder] = {}
        self.algo_by_client: dict[str, int] = {}
        self.finished_algos: deque[int] = deque()
        self.timers: list[tuple[int, int, str]] = []
        self.timers_most = TIMERS_LEAST
        self.countdowns: dict[str, int] = {}
        self.margin_called = False

    def desk(self, symbol: str) -> Desk:
        """Given a contract's name, return its desk. Raise ExchangeError -1121 where it is not listed."""
        desk = self.desks.get(symbol)
        if desk is None:
            raise refused(errors.BAD_SYMBOL)
        return desk

    @property
    def cross_wallet(self) -> Decimal:
        """The wallet less the margins of isolated positions."""
        return self.wallet - self.isolated

    @property
    def available(self) -> Decimal:
        """What new orders may use: cross wallet and profit less what is reserved."""
        return max(ZERO, self.wallet - self.isolated + self.totals.cross_pnl - self.totals.reserved)

    def account_row(self) -> Account:
        """Return the account's own row."""
        return Account(self.wallet, self.dual_side, self.multi_assets, self.account_ms)

    def touch_account(self) -> None:
        """Note that the account row changed now."""
        self.account_ms = self.now_ms
        self.outbox.account_changed = True

    def post(self, kind: IncomeType, amount: Decimal, *, symbol: str = "", info: str = "", trade_id: int = 0) -> None:
        """Given a change of the wallet, make it and write its income row; nothing for zero."""
        if not amount:
            return
        self.wallet += amount
        row = Income(self.next_tran_id, kind, amount, self.now_ms, symbol, info, trade_id)
        self.next_tran_id += 1
        self.income.append(row)
        self.outbox.income.append(row)
        if 0 < self.config.retained_income < len(self.income):
            self.income.drop_oldest()
        self.touch_account()

    def put_position(self, holding: Holding, position: Position) -> None:
        """Given a holding's new position, keep it, its isolated wallet and whether it is open."""
        self.isolated += position.isolated_wallet - holding.position.isolated_wallet
        holding.position = position
        key = (position.symbol, position.side)
        if position.amount:
            self.live[key] = holding
        else:
            self.live.pop(key, None)
        self.outbox.positions[key] = position

    def revalue(self, desk: Desk, holding: Holding) -> None:
        """Given a holding whose position, orders, leverage or mark price changed, carry its new worth into the sums."""
        old = holding.worth
        new = holding.worth_at(desk.book.mark, desk.settings.leverage, desk.rules)
        if new is old:
            return
        holding.worth = new
        totals = self.totals
        pnl, maint = new.unrealized_pnl - old.unrealized_pnl, new.maint_margin - old.maint_margin
        margin, orders = new.position_margin - old.position_margin, new.order_margin - old.order_margin
        totals.unrealized_pnl += pnl
        totals.maint_margin += maint
        totals.position_margin += margin
        totals.order_margin += orders
        totals.reserved += orders
        if not desk.isolated:
            totals.cross_pnl += pnl
            totals.cross_maint += maint
            totals.reserved += margin

    def take_order_id(self) -> int:
        """Return the next number of the sequence that orders and their queue places share."""
        number = self.next_order_id
        self.next_order_id += 1
        return number
