"""From evidence to the card: figures on rows that nothing had learned from, and a verdict in plain words."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.ai_engine.card import Baseline, ModelCard, Worth
from services.ai_engine.ensemble import NAME
from services.ai_engine.inputs import INPUT_NAMES, INPUTS_HASH
from services.ai_engine.training import scores
from services.ai_engine.training.calibration import CALIBRATED, slope_of, table_of
from services.ai_engine.training.plan import Plan
from services.ai_engine.training.rows import Floats, Rows, Series
from services.ai_engine.training.trades import NOTHING, Funding, buy_and_hold, worth_of
from services.ai_engine.training.trainer import Trained

DECILES = np.arange(1, 10) / 10.0
FIRST, EVERY, HOLD, FLAT = "first strategy", "every signal", "buy and hold", "flat"


class Bars(NamedTuple):
    """What a model learned from: each symbol's series, and the digest of the leader's bars, empty where nobody led."""

    symbols: Sequence[str]
    series: Sequence[Series]
    leader_digest: str

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the names and bars, in hex: the leader's too, which moves inputs of all the others."""
        parts = [f"{name}{one.digest}" for name, one in zip(self.symbols, self.series, strict=True)]
        return hashlib.sha256("".join([*parts, self.leader_digest]).encode()).hexdigest()


class Made(NamedTuple):
    """When a model was made, and until when it may be used. Epoch milliseconds."""

    trained_ms: int
    expires_ms: int


def card_of(
    trained: Trained,
    rows: Rows,
    bars: Bars,
    plan: Plan,
    funding: Funding,
    made: Made,
) -> ModelCard:
    """Given a trained model and what it was trained on, return its card."""
    symbols, series = bars.symbols, bars.series
    believed, fitted = trained.believed, trained.fitted
    judged = rows.where(believed.places)
    scaled = judged.move / judged.sigma
    gate = plan.cost_bps + plan.margin_bps
    worth = worth_of(judged, believed.expected_bps, gate, plan, funding)
    told = judged.move != 0.0
    briers = scores.briers(believed.p_up, judged.move)
    bins, error = table_of(believed.p_up, judged.move)
    slope = slope_of(logit(believed.p_up), judged.move)
    return ModelCard(
        name=NAME, version=f"{NAME}-1-{fitted.hash[:8]}", model_hash=fitted.hash, trained_ms=made.trained_ms,
        expires_ms=made.expires_ms, seed=plan.seed,
        data_hash=bars.hash,
        from_ms=min(one.from_ms for one in series), until_ms=max(one.until_ms for one in series),
        symbols=tuple(symbols), leader=plan.leader, bars=sum(one.bars for one in series),
        missing_bars=sum(one.missing for one in series), rows=len(rows), decision_ms=plan.decision_ms,
        horizon_bars=plan.horizon_bars, inputs=INPUT_NAMES, inputs_hash=INPUTS_HASH,
        deciles=tuple(tuple(edges) for edges in np.quantile(rows.inputs, DECILES, axis=0).T.tolist()),
        folds=plan.folds, purge_bars=plan.horizon_bars, embargo_bars=plan.horizon_bars,
        test_from_ms=int(judged.time_ms.min()), test_rows=len(judged),
        accuracy=scores.accuracy(believed.logits, judged.move), auc=scores.auc(believed.logits, judged.move),
        brier=float(briers.mean()), brier_coin=0.25, brier_spread=scores.daily_spread(briers, judged.time_ms[told]),
        calibration_slope=slope, calibration_error=error, calibration=bins,
        information_coefficient=scores.information_coefficient(believed.logits, scaled),
        confidence_max=float(np.maximum(believed.p_up, 1.0 - believed.p_up).max()),
        qlike=trained.qlike, qlike_plain=trained.qlike_plain, slope=fitted.slope, haircut=fitted.haircut,
        cost_bps=plan.cost_bps, margin_bps=plan.margin_bps, funding=len(funding) == len(symbols), worth=worth,
        baselines=baselines(judged, believed.logits, plan, funding), pays=pays(worth, slope, fitted.slope),
        words=verdict(worth, slope, fitted.slope, gate), files={},
    )  # fmt: skip


def logit(p_up: Floats) -> Floats:
    """Given probabilities, return their logits."""
    return np.asarray(np.log(p_up) - np.log1p(-p_up))


def baselines(judged: Rows, logits: Floats, plan: Plan, funding: Funding) -> tuple[Baseline, ...]:
    """Given the judged rows, return what simpler rules came to on them."""
    move, gate = judged.move, plan.cost_bps + plan.margin_bps
    first = judged.first_p_up - 0.5
    return (
        Baseline(
            name=FIRST, accuracy=scores.accuracy(first, move), auc=scores.auc(first, move),
            brier=float(scores.briers(judged.first_p_up, move).mean()),
            worth=worth_of(judged, judged.first_bps, gate, plan, funding),
        ),
        Baseline(
            name=f"{FIRST}, {EVERY}", accuracy=None, auc=None, brier=None,
            worth=worth_of(judged, judged.first_bps, 0.0, plan, funding),
        ),
        Baseline(
            name=f"this model, {EVERY}", accuracy=None, auc=None, brier=None,
            worth=worth_of(judged, logits, 0.0, plan, funding),
        ),
        Baseline(name=HOLD, accuracy=scores.accuracy(np.ones_like(move), move), auc=None, brier=None,
                 worth=buy_and_hold(judged, plan, funding)),
        Baseline(name=FLAT, accuracy=None, auc=None, brier=0.25, worth=NOTHING),
    )  # fmt: skip


def pays(worth: Worth, slope: float, platt: float) -> bool:
    """Given what trading came to, the calibration's slope and the one in use, return whether the model may be sized
    above the minimum: it says something, means what it says, and its trades came out above zero for certain."""
    certain = worth.low_bps is not None and worth.low_bps > 0.0
    return certain and platt > 0.0 and CALIBRATED[0] <= slope <= CALIBRATED[1]


def verdict(worth: Worth, slope: float, platt: float, gate_bps: float) -> str:
    """Given what trading came to, the calibration's slope and the one in use, return what is to be thought of it."""
    minimum = "so it does not pay and the engine sizes at the minimum"
    if platt == 0.0:
        return "Out of sample its probabilities said nothing (slope 0): it will give no signal and nothing is traded."
    if worth.net_bps is None:
        return f"Out of sample nothing beat its costs: no expected move reached {gate_bps:g} bps, {minimum}."
    found = f"Out of sample {worth.trades} trades came to {worth.net_bps:+.1f} bps each after costs"
    if worth.low_bps is None or worth.high_bps is None:
        return f"{found}, too few to judge by, {minimum}."
    found += f" (95 %: {worth.low_bps:+.1f} to {worth.high_bps:+.1f})"
    if worth.low_bps <= 0.0:
        return f"{found}: not above zero for certain, {minimum}."
    if not CALIBRATED[0] <= slope <= CALIBRATED[1]:
        return f"{found}, but its probabilities are not calibrated (slope {slope:.2f}), {minimum}."
    return f"{found}: above zero, with calibrated probabilities (slope {slope:.2f})."
