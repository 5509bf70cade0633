"""What the exchange fixes for one contract: filters, fees and leverage brackets, as exchangeInfo lists them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from services.paper_exchange.engine.enums import SymbolStatus


@dataclass(frozen=True, slots=True)
class Bracket:
    """One leverage bracket: notionals from `floor` (USDT, excluded) to `cap` (included)."""

    number: int
    initial_leverage: int
    cap: Decimal
    floor: Decimal
    maint_ratio: Decimal
    cum: Decimal


class LotSize(NamedTuple):
    """Quantity bounds in the base asset; a zero disables its check."""

    minimum: Decimal
    maximum: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """The rules of one perpetual contract against USDT. Fees are rates of the notional."""

    symbol: str
    base_asset: str
    tick_size: Decimal
    min_price: Decimal
    max_price: Decimal
    lot: LotSize
    market_lot: LotSize
    min_notional: Decimal
    multiplier_up: Decimal
    multiplier_down: Decimal
    price_precision: int
    quantity_precision: int
    trigger_protect: Decimal
    liquidation_fee: Decimal
    market_take_bound: Decimal
    brackets: tuple[Bracket, ...]
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")
    max_num_orders: int = 200
    status: SymbolStatus = SymbolStatus.TRADING
    funding_interval_hours: int = 8
    quote_asset: str = "USDT"

    @property
    def max_leverage(self) -> int:
        """The leverage of the smallest bracket."""
        return self.brackets[0].initial_leverage

    def bracket_of(self, notional: Decimal) -> Bracket:
        """Given an absolute notional in USDT, return its bracket; beyond the last cap, the last one."""
        for bracket in self.brackets:
            if notional <= bracket.cap:
                return bracket
        return self.brackets[-1]

    def max_notional(self, leverage: int) -> Decimal:
        """Given a leverage, return the largest notional a position may have at it."""
        cap = self.brackets[0].cap
        for bracket in self.brackets:
            if bracket.initial_leverage >= leverage:
                cap = bracket.cap
        return cap


def bracket_table(rows: tuple[tuple[int, int, str], ...]) -> tuple[Bracket, ...]:
    """Given (leverage, notional cap, maintenance ratio) from the smallest bracket up, return them with floors and cums.

    cum_n = floor_n * (ratio_n - ratio_(n-1)) + cum_(n-1), so that the maintenance margin has no step.
    """
    brackets: list[Bracket] = []
    floor, cum, ratio_before = Decimal(0), Decimal(0), Decimal(rows[0][2])
    for number, (leverage, cap, ratio_text) in enumerate(rows, start=1):
        ratio = Decimal(ratio_text)
        cum += floor * (ratio - ratio_before)
        brackets.append(Bracket(number, leverage, Decimal(cap), floor, ratio, cum))
        floor, ratio_before = Decimal(cap), ratio
    return tuple(brackets)
