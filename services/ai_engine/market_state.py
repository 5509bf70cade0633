"""What the engine publishes of every closed bar."""

from decimal import Decimal

from quantum_common.state import MarketState
from services.ai_engine.features import Features
from services.ai_engine.precision import decimal_of

_SHARE_PLACES = 6


def market_state(features: Features, now_ms: int) -> MarketState:
    """Given a bar's features, return the record of the market's state. The probabilities sum to exactly one."""
    p_trend = decimal_of(features.regime.p_trend, _SHARE_PLACES)
    p_mr = decimal_of(features.regime.p_mr, _SHARE_PLACES)
    return MarketState(
        sigma=decimal_of(features.sigma),
        sigma_ref=decimal_of(features.sigma_ref),
        ts=decimal_of(features.ts, _SHARE_PLACES),
        p_trend=p_trend,
        p_mr=p_mr,
        p_chop=1 - p_trend - p_mr,
        volatility_regime=decimal_of(features.volatility_regime, _SHARE_PLACES),
        atr=atr(features),
        price=features.price,
        bar_close_ms=features.bar_close_ms,
        ts_ms=now_ms,
    )


def atr(features: Features) -> Decimal:
    """Given a bar's features, return the average true range in USDT."""
    return (features.price * decimal_of(features.atr_rel)).quantize(Decimal("1e-12"))
