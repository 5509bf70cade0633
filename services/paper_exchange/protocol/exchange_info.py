"""exchangeInfo: what is listed and by which rules."""

from decimal import Decimal
from typing import Any

from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.protocol.numbers import fixed

DELIVERY_MS = 4_133_404_800_000  # "never", as the exchange writes it for perpetual contracts
ONBOARD_MS = 1_569_398_400_000
ORDER_TYPES = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")


def symbol_info(rules: SymbolRules) -> dict[str, Any]:
    """Given a contract's rules, return its object of exchangeInfo."""
    return {
        "symbol": rules.symbol,
        "pair": rules.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": DELIVERY_MS,
        "onboardDate": ONBOARD_MS,
        "status": rules.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": rules.base_asset,
        "quoteAsset": rules.quote_asset,
        "marginAsset": rules.quote_asset,
        "pricePrecision": rules.price_precision,
        "quantityPrecision": rules.quantity_precision,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "settlePlan": 0,
        "triggerProtect": fixed(rules.trigger_protect, 4),
        "liquidationFee": fixed(rules.liquidation_fee, 6),
        "marketTakeBound": _plain(rules.market_take_bound),
        "maxMoveOrderLimit": 10_000,
        "filters": _filters(rules),
        "orderTypes": ORDER_TYPES,
        "timeInForce": TIMES_IN_FORCE,
        "permissionSets": ["GRID", "COPY"],
    }


def asset_info(asset: str) -> dict[str, Any]:
    """Given a margin asset, return its object of exchangeInfo."""
    return {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}


def _filters(rules: SymbolRules) -> list[dict[str, Any]]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "tickSize": _plain(rules.tick_size),
            "minPrice": _plain(rules.min_price),
            "maxPrice": _plain(rules.max_price),
        },
        _lot("LOT_SIZE", rules.lot.minimum, rules.lot.maximum, rules.lot.step),
        _lot("MARKET_LOT_SIZE", rules.market_lot.minimum, rules.market_lot.maximum, rules.market_lot.step),
        {"filterType": "MAX_NUM_ORDERS", "limit": rules.max_num_orders},
        {"filterType": "MIN_NOTIONAL", "notional": _plain(rules.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": fixed(rules.multiplier_up, 4),
            "multiplierDown": fixed(rules.multiplier_down, 4),
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]


def _lot(kind: str, minimum: Decimal, maximum: Decimal, step: Decimal) -> dict[str, Any]:
    return {"filterType": kind, "stepSize": _plain(step), "maxQty": _plain(maximum), "minQty": _plain(minimum)}


def _plain(value: Decimal) -> str:
    return f"{value:f}"
