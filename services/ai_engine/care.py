"""The care of a trained model while it is in use: its age and its drift against their limits, and what follows.

A model past a limit opens nothing more, by name; what stands is led to its end. Every limit is seen a day before it
bites: an age by the clock; the inputs because they must stand past their limit for a whole day; the calibration because
one day adds at most half of what there is to go.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from quantum_common.clock import DAY_MS, HOUR_MS
from quantum_common.state import EngineModel, ModelStatus
from services.ai_engine.card import ModelCard
from services.ai_engine.drift import Drift
from services.ai_engine.features import Features
from services.ai_engine.fitness import Fitness
from services.ai_engine.model import Signal
from services.ai_engine.precision import decimal_of

_PLACES = 4


@dataclass(frozen=True, slots=True)
class CareLimits:
    """How old a model may grow, and how far it may drift. `age_ms_max` None: as its card says."""

    inputs_max: float
    calibration_max: float
    age_ms_max: int | None


@dataclass(slots=True)
class Care:
    """A trained model's state of health. Drift goes by the market's time, age by the clock's."""

    card: ModelCard
    limits: CareLimits
    days: int
    drift: Drift = field(init=False)

    def __post_init__(self) -> None:
        self.drift = Drift(self.card, self.days)

    @property
    def expires_ms(self) -> int:
        """Return when the model is too old."""
        age_ms_max = self.limits.age_ms_max
        by_card = self.card.expires_ms
        return by_card if age_ms_max is None else min(by_card, self.card.trained_ms + age_ms_max)

    def observe(self, symbol: str, features: Features, signal: Signal | None) -> None:
        """Take a decision bar in, with what the model said to it."""
        self.drift.observe(symbol, features, signal)

    def fitness(self, now_ms: int) -> Fitness:
        """Return whether the model may open positions: the worst of its age and its drifts."""
        found = [self._age(now_ms), self._inputs(), self._calibration()]
        return max(found, key=lambda one: _GRAVITY[one.status])

    def _age(self, now_ms: int) -> Fitness:
        left_ms = self.expires_ms - now_ms
        at, limit = now_ms, self.expires_ms
        if left_ms <= 0:
            return Fitness(ModelStatus.EXPIRED, f"too old since {hours(-left_ms)}; train a new one", at, limit)
        if left_ms <= DAY_MS:
            return Fitness(ModelStatus.WARNING, f"too old in {hours(left_ms)}; train a new one", at, limit)
        return Fitness(ModelStatus.OK)

    def _inputs(self) -> Fitness:
        limit, now = self.limits.inputs_max, self.drift.inputs()
        if now is None or now < limit:
            return Fitness(ModelStatus.OK)
        said = f"its inputs drift: {now:.2f} at a limit of {limit:g}"
        before = [self.drift.inputs(days_ago) for days_ago in (1, 2)]
        if all(one is not None and one >= limit for one in before):
            return Fitness(ModelStatus.EXPIRED, f"{said}, for more than a day; train a new one", now, limit)
        return Fitness(ModelStatus.WARNING, f"{said}; entries stop when that lasts for a day", now, limit)

    def _calibration(self) -> Fitness:
        limit = self.limits.calibration_max
        now = self.drift.calibration(limit / 2)
        if now is None or now < limit / 2:
            return Fitness(ModelStatus.OK)
        said = f"its probabilities come true less than they did: {now:.1f} at a limit of {limit:g}"
        if now >= limit:
            return Fitness(ModelStatus.EXPIRED, f"{said}; train a new one", now, limit)
        return Fitness(ModelStatus.WARNING, f"{said}; entries stop there", now, limit)

    def record(self, version: str, fitness: Fitness, now_ms: int) -> EngineModel:
        """Return the model's state as it is published."""
        limits, drift = self.limits, self.drift
        return EngineModel(
            name=self.card.name, version=version, status=fitness.status, reason=fitness.reason,
            trained_ms=self.card.trained_ms, expires_ms=self.expires_ms, age_ms=max(now_ms - self.card.trained_ms, 0),
            drift_inputs=_figure(drift.inputs()), drift_inputs_limit=_figure(limits.inputs_max),
            drift_calibration=_figure(drift.calibration(limits.calibration_max / 2)),
            drift_calibration_limit=_figure(limits.calibration_max), observations=drift.observations,
            pays=self.card.pays, ts_ms=now_ms,
        )  # fmt: skip


_GRAVITY = {ModelStatus.OK: 0, ModelStatus.NONE: 1, ModelStatus.WARNING: 2, ModelStatus.EXPIRED: 3}


def untrained(name: str, version: str, fitness: Fitness, now_ms: int) -> EngineModel:
    """Return the state of what is no trained model: it has no card, no age and nothing to drift from."""
    return EngineModel(
        name=name, version=version, status=fitness.status, reason=fitness.reason, trained_ms=None, expires_ms=None,
        age_ms=None, drift_inputs=None, drift_inputs_limit=None, drift_calibration=None, drift_calibration_limit=None,
        observations=0, pays=None, ts_ms=now_ms,
    )  # fmt: skip


def hours(span_ms: int) -> str:
    """Given a span of time, return it in hours, as an operator reads it."""
    return f"{span_ms / HOUR_MS:.1f} h"


def _figure(value: float | None) -> Decimal | None:
    return None if value is None else decimal_of(value, _PLACES)
