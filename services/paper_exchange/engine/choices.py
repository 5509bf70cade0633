"""What the account chooses: leverage, margin type, position mode, multi-assets mode."""

from dataclasses import replace
from decimal import Decimal

from services.paper_exchange.engine import errors, margin
from services.paper_exchange.engine.desk import Desk
from services.paper_exchange.engine.enums import MarginType, UpdateReason
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.events import ConfigUpdate
from services.paper_exchange.engine.fills import account_update
from services.paper_exchange.engine.records import SymbolSettings
from services.paper_exchange.engine.state import State


def set_leverage(state: State, desk: Desk, leverage: int) -> SymbolSettings:
    """Given a leverage, choose it for a contract. Raise -4028, -4161, -2027 or -2028 where it may not be."""
    if not 1 <= leverage <= desk.rules.max_leverage:
        raise refused(errors.BAD_LEVERAGE, leverage)
    settings = desk.settings
    if leverage < settings.leverage and desk.isolated and desk.has_position():
        raise refused(errors.ISOLATED_LEVERAGE_REDUCTION)
    cap, more = desk.rules.max_notional(leverage), Decimal(0)
    for holding in desk.active:
        worst = margin.worst_notional(holding.worth.notional, holding.bid_notional, holding.ask_notional)
        if worst > cap:
            raise refused(errors.MAX_POSITION)
        more += margin.initial_margin(worst, leverage) - holding.worth.position_margin - holding.worth.order_margin
    if more > 0 and more > state.available:
        raise refused(errors.LEVERAGE_TOO_SMALL)
    _choose(state, desk, replace(settings, leverage=leverage))
    for holding in desk.active:
        state.revalue(desk, holding)
    state.outbox.events.append(ConfigUpdate(state.now_ms, desk.rules.symbol, leverage))
    return desk.settings


def set_margin_type(state: State, desk: Desk, margin_type: MarginType) -> SymbolSettings:
    """Given a margin type, choose it for a contract without orders and positions. Raise -4046 to -4048 or -4168."""
    if desk.settings.margin_type is margin_type:
        raise refused(errors.SAME_MARGIN_TYPE)
    if state.multi_assets and margin_type is MarginType.ISOLATED:
        raise refused(errors.ISOLATED_MULTI_ASSETS)
    if desk.open or desk.algos:
        raise refused(errors.MARGIN_TYPE_OPEN_ORDERS)
    if desk.has_position():
        raise refused(errors.MARGIN_TYPE_POSITION)
    _choose(state, desk, replace(desk.settings, margin_type=margin_type))
    held = tuple((desk, holding) for holding in desk.active)
    account_update(state, UpdateReason.MARGIN_TYPE_CHANGE, holdings=held, wallet=False)
    return desk.settings


def set_position_mode(state: State, *, dual_side: bool) -> None:
    """Given a position mode, choose it for the account without orders and positions. Raise -4059, -4067 or -4068."""
    if state.dual_side == dual_side:
        raise refused(errors.SAME_POSITION_MODE)
    if state.open_algos or _has_open_orders(state):
        raise refused(errors.POSITION_MODE_OPEN_ORDERS)
    if state.live:
        raise refused(errors.POSITION_MODE_POSITION)
    state.dual_side = dual_side
    for desk in state.desks.values():
        desk.choose_mode(dual_side=dual_side)
    state.touch_account()


def set_multi_assets(state: State, *, enabled: bool) -> None:
    """Given the multi-assets mode, choose it. Raise -4171, -4167 or -4170 where it may not be."""
    if state.multi_assets == enabled:
        raise refused(errors.SAME_MULTI_ASSETS)
    if enabled and any(desk.isolated for desk in state.desks.values()):
        raise refused(errors.MULTI_ASSETS_ISOLATED)
    if _has_open_orders(state):
        raise refused(errors.MULTI_ASSETS_OPEN_ORDERS)
    state.multi_assets = enabled
    state.touch_account()
    state.outbox.events.append(ConfigUpdate(state.now_ms, multi_assets=enabled))


def _has_open_orders(state: State) -> bool:
    return any(desk.open for desk in state.desks.values())


def _choose(state: State, desk: Desk, settings: SymbolSettings) -> None:
    desk.settings = settings
    state.outbox.settings[settings.symbol] = settings
