"""Where a stop belongs: from the volatility, bounded against the price, on the exchange's grid."""

import math
from decimal import Decimal

from quantum_common.exchange.port import SymbolRules
from quantum_common.money import BPS, round_to_tick
from services.ai_engine.features import Features
from services.ai_engine.policy import ExitRules
from services.ai_engine.precision import decimal_of

_TICKS_MIN = 3


def stop_distance(features: Features, exits: ExitRules, rules: SymbolRules) -> Decimal:
    """Given a bar's features, return the distance of the initial stop in USDT of price: one R.

    Never nearer than `stop_bps_min` or three ticks, never farther than `stop_bps_max`: a stop is a price near the
    price, whatever the statistics say. While they are cold they say nothing, and the stop is as far as it may be.
    """
    by_sigma = exits.stop_sigmas * features.sigma * math.sqrt(exits.stop_bars)
    wanted = features.price * decimal_of(max(by_sigma, exits.stop_atrs_min * features.atr_rel))
    nearest = max(features.price * exits.stop_bps_min / BPS, _TICKS_MIN * rules.tick_size)
    farthest = max(features.price * exits.stop_bps_max / BPS, nearest)
    return max(nearest, min(wanted, farthest)) if features.warm else farthest


def on_grid(price: Decimal, rules: SymbolRules) -> Decimal:
    """Given a price, return the nearest one that the exchange takes, at least one tick."""
    return max(round_to_tick(price, rules.tick_size), rules.tick_size)
