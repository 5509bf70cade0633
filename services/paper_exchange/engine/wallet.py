"""Money that moves without a trade: deposits and withdrawals, funding, and margin of isolated positions."""

from dataclasses import replace
from decimal import Decimal

from services.paper_exchange.engine import errors, margin
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.digits import ZERO, trunc8
from services.paper_exchange.engine.enums import IncomeType, PositionSide, UpdateReason
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.fills import account_update
from services.paper_exchange.engine.holding import Holding
from services.paper_exchange.engine.state import State

_AMOUNT_MAX = Decimal(10) ** 12


def max_withdraw(state: State) -> Decimal:
    """Return what may leave the account: unrealized profit may not."""
    free = state.cross_wallet + min(ZERO, state.totals.cross_pnl) - state.totals.reserved
    return max(ZERO, free)


def transfer(state: State, amount: Decimal) -> None:
    """Given an amount, deposit it (positive) or withdraw it. Raise -2018 beyond what may be withdrawn."""
    amount = _checked(amount)
    if amount < 0 and -amount > max_withdraw(state):
        raise refused(errors.INSUFFICIENT_BALANCE)
    state.post(IncomeType.TRANSFER, amount, info="TRANSFER")
    account_update(state, UpdateReason.DEPOSIT if amount > 0 else UpdateReason.WITHDRAW, change=amount)


def apply_funding(state: State, desk: Desk, rate: Decimal, mark: Decimal) -> None:
    """Given a funding time's rate and mark price, charge or pay every open position of the contract.

    An isolated position pays from its own margin, and only then does ACCOUNT_UPDATE name it.
    """
    for holding in desk.active:
        position = holding.position
        fee = margin.funding_fee(position.amount, mark, rate)
        if not fee:
            continue
        state.post(IncomeType.FUNDING_FEE, fee, symbol=position.symbol, info="FUNDING_FEE")
        changed: tuple[tuple[Desk, Holding], ...] = ()
        if desk.isolated:
            paid = replace(position, isolated_wallet=position.isolated_wallet + fee, update_ms=state.now_ms)
            state.put_position(holding, paid)
            changed = ((desk, holding),)
        account_update(state, UpdateReason.FUNDING_FEE, holdings=changed, change=fee, symbol=position.symbol)


def modify_isolated_margin(state: State, desk: Desk, side: PositionSide, amount: Decimal) -> None:
    """Given a signed amount, move it between the cross wallet and an isolated position's margin.

    What is taken out must leave the position's initial margin behind. Raise -4055, -4049, -4054, -4050 or -4051.
    """
    amount = _checked(amount)
    holding = desk.holdings[side]
    position, worth = holding.position, holding.worth
    if not desk.isolated:
        raise refused(errors.MARGIN_NOT_ISOLATED)
    if not position.amount:
        raise refused(errors.MARGIN_WITHOUT_POSITION)
    if amount > state.available:
        raise refused(errors.CROSS_BALANCE_INSUFFICIENT)
    free = position.isolated_wallet + min(ZERO, worth.unrealized_pnl) - worth.position_margin
    if amount < 0 and -amount > free:
        raise refused(errors.ISOLATED_BALANCE_INSUFFICIENT)
    moved = replace(position, isolated_wallet=position.isolated_wallet + amount, update_ms=state.now_ms)
    state.put_position(holding, moved)
    account_update(state, UpdateReason.MARGIN_TRANSFER, holdings=((desk, holding),))


def _checked(amount: Decimal) -> Decimal:
    """Given an amount as asked, return it cut to eight decimals. Raise -4055 or -1130 where it cannot be moved."""
    if not amount.is_finite() or abs(amount) > _AMOUNT_MAX:
        raise refused(errors.BAD_PARAMETER, "amount")
    cut = trunc8(amount)
    if not cut:
        raise refused(errors.AMOUNT_NOT_POSITIVE)
    return cut
