"""Positions, balances, income and settings as REST answers write them."""

from typing import Any

from services.paper_exchange.engine.enums import MarginType
from services.paper_exchange.engine.records import ASSET, Income, SymbolSettings
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.engine.views import AccountView, PositionView
from services.paper_exchange.protocol.numbers import e8, fixed

ALIAS = "SgsRuX"  # the account's name in balance rows: letters that mean nothing, as on the exchange


def position_v3(view: PositionView, rules: SymbolRules) -> dict[str, Any]:
    """Given a position, return its row of v3/positionRisk."""
    return {
        "symbol": view.symbol,
        "positionSide": view.side,
        "positionAmt": fixed(view.amount, rules.quantity_precision),
        "entryPrice": e8(view.entry_price),
        "breakEvenPrice": e8(view.break_even_price),
        "markPrice": e8(view.mark_price),
        "unRealizedProfit": e8(view.unrealized_pnl),
        "liquidationPrice": _liquidation(view),
        "isolatedMargin": e8(view.isolated_margin),
        "notional": e8(view.notional),
        "marginAsset": ASSET,
        "isolatedWallet": e8(view.isolated_wallet),
        "initialMargin": e8(view.initial_margin),
        "maintMargin": e8(view.maint_margin),
        "positionInitialMargin": e8(view.position_initial_margin),
        "openOrderInitialMargin": e8(view.open_order_initial_margin),
        "adl": view.adl,
        "bidNotional": e8(view.bid_notional),
        "askNotional": e8(view.ask_notional),
        "updateTime": view.update_ms,
    }


def position_v2(view: PositionView, rules: SymbolRules) -> dict[str, Any]:
    """Given a position, return its row of v2/positionRisk: with leverage and margin type."""
    return {
        "symbol": view.symbol,
        "positionAmt": fixed(view.amount, rules.quantity_precision),
        "entryPrice": e8(view.entry_price),
        "breakEvenPrice": e8(view.break_even_price),
        "markPrice": e8(view.mark_price),
        "unRealizedProfit": e8(view.unrealized_pnl),
        "liquidationPrice": _liquidation(view),
        "leverage": str(view.leverage),
        "maxNotionalValue": fixed(view.max_notional, 0),
        "marginType": "isolated" if view.margin_type is MarginType.ISOLATED else "cross",
        "isolatedMargin": e8(view.isolated_margin),
        "isAutoAddMargin": "false",
        "positionSide": view.side,
        "notional": e8(view.notional),
        "isolatedWallet": e8(view.isolated_wallet),
        "updateTime": view.update_ms,
    }


def account_position_v2(view: PositionView, rules: SymbolRules) -> dict[str, Any]:
    """Given a position, return its row of v2/account."""
    return {
        "symbol": view.symbol,
        "initialMargin": e8(view.initial_margin),
        "maintMargin": e8(view.maint_margin),
        "unrealizedProfit": e8(view.unrealized_pnl),
        "positionInitialMargin": e8(view.position_initial_margin),
        "openOrderInitialMargin": e8(view.open_order_initial_margin),
        "leverage": str(view.leverage),
        "isolated": view.margin_type is MarginType.ISOLATED,
        "entryPrice": e8(view.entry_price),
        "breakEvenPrice": e8(view.break_even_price),
        "maxNotional": fixed(view.max_notional, 0),
        "bidNotional": e8(view.bid_notional),
        "askNotional": e8(view.ask_notional),
        "positionSide": view.side,
        "positionAmt": fixed(view.amount, rules.quantity_precision),
        "notional": e8(view.notional),
        "isolatedWallet": e8(view.isolated_wallet),
        "updateTime": view.update_ms,
    }


def account_position_v3(view: PositionView, rules: SymbolRules) -> dict[str, Any]:
    """Given a position, return its row of v3/account."""
    return {
        "symbol": view.symbol,
        "positionSide": view.side,
        "positionAmt": fixed(view.amount, rules.quantity_precision),
        "unrealizedProfit": e8(view.unrealized_pnl),
        "isolatedMargin": e8(view.isolated_margin),
        "notional": e8(view.notional),
        "isolatedWallet": e8(view.isolated_wallet),
        "initialMargin": e8(view.initial_margin),
        "maintMargin": e8(view.maint_margin),
        "updateTime": view.update_ms,
    }


def account_totals(view: AccountView) -> dict[str, Any]:
    """Given the account, return the totals both account versions share."""
    return {
        "totalInitialMargin": e8(view.initial_margin),
        "totalMaintMargin": e8(view.maint_margin),
        "totalWalletBalance": e8(view.wallet_balance),
        "totalUnrealizedProfit": e8(view.unrealized_pnl),
        "totalMarginBalance": e8(view.margin_balance),
        "totalPositionInitialMargin": e8(view.position_initial_margin),
        "totalOpenOrderInitialMargin": e8(view.open_order_initial_margin),
        "totalCrossWalletBalance": e8(view.cross_wallet),
        "totalCrossUnPnl": e8(view.cross_unrealized_pnl),
        "availableBalance": e8(view.available_balance),
        "maxWithdrawAmount": e8(view.max_withdraw),
    }


def account_flags(view: AccountView) -> dict[str, Any]:
    """Given the account, return what v2/account says of its standing."""
    return {
        "feeTier": 0,
        "feeBurn": False,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": view.multi_assets,
        "tradeGroupId": -1,
    }


def account_config(view: AccountView) -> dict[str, Any]:
    """Given the account, return accountConfig."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": view.dual_side,
        "updateTime": 0,
        "multiAssetsMargin": view.multi_assets,
        "tradeGroupId": -1,
    }


def api_restrictions(*, withdraws: bool) -> dict[str, Any]:
    """Given whether the key may withdraw, return apiRestrictions: it may read and trade futures."""
    return {
        "ipRestrict": False,
        "createTime": 0,
        "enableReading": True,
        "enableWithdrawals": withdraws,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": True,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "enableSpotAndMarginTrading": False,
    }


def asset_row(view: AccountView) -> dict[str, Any]:
    """Given the account, return the row of its one asset in v3/account."""
    return {
        "asset": ASSET,
        "walletBalance": e8(view.wallet_balance),
        "unrealizedProfit": e8(view.unrealized_pnl),
        "marginBalance": e8(view.margin_balance),
        "maintMargin": e8(view.maint_margin),
        "initialMargin": e8(view.initial_margin),
        "positionInitialMargin": e8(view.position_initial_margin),
        "openOrderInitialMargin": e8(view.open_order_initial_margin),
        "crossWalletBalance": e8(view.cross_wallet),
        "crossUnPnl": e8(view.cross_unrealized_pnl),
        "availableBalance": e8(view.available_balance),
        "maxWithdrawAmount": e8(view.max_withdraw),
        "updateTime": view.update_ms,
    }


def balance_row(view: AccountView) -> dict[str, Any]:
    """Given the account, return its row of v2 and v3 balance."""
    return {
        "accountAlias": ALIAS,
        "asset": ASSET,
        "balance": e8(view.wallet_balance),
        "crossWalletBalance": e8(view.cross_wallet),
        "crossUnPnl": e8(view.cross_unrealized_pnl),
        "availableBalance": e8(view.available_balance),
        "maxWithdrawAmount": e8(view.max_withdraw),
        "marginAvailable": True,
        "updateTime": view.update_ms,
    }


def income_row(income: Income) -> dict[str, Any]:
    """Given a change of the wallet, return its row of income."""
    return {
        "symbol": income.symbol,
        "incomeType": income.type,
        "income": e8(income.income),
        "asset": income.asset,
        "info": income.info,
        "time": income.time_ms,
        "tranId": income.tran_id,
        "tradeId": str(income.trade_id) if income.trade_id else "",
    }


def symbol_config(settings: SymbolSettings, rules: SymbolRules) -> dict[str, Any]:
    """Given a contract's settings, return its row of symbolConfig."""
    return {
        "symbol": settings.symbol,
        "marginType": settings.margin_type,
        "isAutoAddMargin": False,
        "leverage": settings.leverage,
        "maxNotionalValue": fixed(rules.max_notional(settings.leverage), 0),
    }


def _liquidation(view: PositionView) -> str:
    return e8(view.liquidation_price) if view.liquidation_price else "0"
