"""A small model by hand, and its card: what the tests of files, ensemble and engine start from."""

import hashlib
from typing import Any

from services.ai_engine.card import CalibrationBin, ModelCard, Worth
from services.ai_engine.ensemble import NAME, Ensemble, Fitted
from services.ai_engine.inputs import INPUT_NAMES, INPUTS_HASH
from services.ai_engine.logistic import Logistic
from services.ai_engine.trees import LEAF, Trees
from services.ai_engine.volatility import VOLATILITY_INPUTS, Volatility

TRAINED_MS = 1_700_000_000_000
DAY_MS = 86_400_000
NOTHING = Worth(trades=0, gross_bps=None, net_bps=None, net_total_bps=0.0, low_bps=None, high_bps=None)


def inputs(**changed: float) -> tuple[float, ...]:
    """All inputs zero but the named ones."""
    assert changed.keys() <= set(INPUT_NAMES)
    return tuple(changed.get(name, 0.0) for name in INPUT_NAMES)


def trees(name: str = "ret_60", low: float = -0.2, high: float = 0.3, **changed: Any) -> Trees:
    """One stump: above zero the input means a rise."""
    shape: dict[str, Any] = {
        "steepness": 1.6, "roots": (0,), "inputs": (INPUT_NAMES.index(name), LEAF, LEAF),
        "thresholds": (0.0, 0.0, 0.0), "left": (1, LEAF, LEAF), "right": (2, LEAF, LEAF),
        "values": ((low + high) / 2, low, high),
    }  # fmt: skip
    return Trees.model_validate(shape | changed)


def logistic(**weights: float) -> Logistic:
    return Logistic(centres=inputs(), weights=inputs(**(weights or {"ret_60": 0.2, "lead_5": 0.1})))


def fitted(**changed: Any) -> Fitted:
    weights = tuple(1.0 if name.startswith("variance") else 0.0 for name in VOLATILITY_INPUTS)
    content: dict[str, Any] = {
        "horizon_bars": 240, "members": (trees(), logistic()), "slope": 0.8, "haircut": 0.55,
        "volatility": Volatility(constant=-0.1, weights=weights),
    }  # fmt: skip
    return Fitted.model_validate(content | changed)


def card(**changed: Any) -> ModelCard:
    digest = hashlib.sha256(b"nothing").hexdigest()
    content: dict[str, Any] = {
        "name": NAME, "version": f"{NAME}-1-{digest[:8]}", "model_hash": digest, "trained_ms": TRAINED_MS,
        "expires_ms": TRAINED_MS + 30 * DAY_MS, "seed": 1, "data_hash": digest, "from_ms": TRAINED_MS - 60 * DAY_MS,
        "until_ms": TRAINED_MS - DAY_MS, "symbols": ("BTCUSDT", "ETHUSDT"), "leader": "BTCUSDT", "bars": 172_800,
        "missing_bars": 0, "rows": 11_000, "decision_ms": 900_000, "horizon_bars": 240, "inputs": INPUT_NAMES,
        "inputs_hash": INPUTS_HASH, "deciles": tuple(tuple(-4.0 + edge for edge in range(9)) for _ in INPUT_NAMES),
        "folds": 5, "purge_bars": 240, "embargo_bars": 60, "test_from_ms": TRAINED_MS - 30 * DAY_MS,
        "test_rows": 5_000, "accuracy": 0.52, "auc": 0.53, "brier": 0.249, "brier_coin": 0.25, "brier_spread": 0.002,
        "calibration_slope": 0.9, "calibration_error": 0.01,
        "calibration": (CalibrationBin(p_up=0.48, rose=0.47, count=100), CalibrationBin(p_up=0.52, rose=0.53, count=9)),
        "information_coefficient": 0.04, "confidence_max": 0.6, "qlike": 0.18, "qlike_plain": 0.2, "slope": 0.8,
        "haircut": 0.55, "cost_bps": 12.0, "margin_bps": 2.0, "funding": False, "worth": NOTHING, "baselines": (),
        "pays": False, "words": "nothing beats its costs", "files": {"model.json": digest},
    }  # fmt: skip
    return ModelCard.model_validate(content | changed)


def ensemble(**changed: Any) -> Ensemble:
    """The model; what is changed is of `fitted`."""
    given = card()
    return Ensemble(given, fitted(**changed), given.version)
