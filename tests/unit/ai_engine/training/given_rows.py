"""Rows whose truth is known, because they are made up: pure chance, a planted signal, labels that overlap."""

import math

import numpy as np

from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.training.plan import Plan
from services.ai_engine.training.rows import Rows

START_MS = 1_700_000_100_000 // 900_000 * 900_000
SIGMA = 0.001
PLAN = Plan(folds=3, horizon_bars=60)


def rows(count: int = 3000, seed: int = 1, planted: float = 0.0, symbols: int = 2, plan: Plan = PLAN) -> Rows:
    """Decision bars of so many symbols; `planted` sigmas of each move follow the input ret_60."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(count, len(INPUT_NAMES)))
    place = INPUT_NAMES.index("ret_60")
    for name, level in (("variance_1440", math.log(SIGMA**2)), ("variance_240", 0.0), ("variance_60", 0.0)):
        inputs[:, INPUT_NAMES.index(name)] = level + 0.1 * chance.normal(size=count)
    scaled = planted * np.clip(inputs[:, place], -2, 2) + chance.normal(size=count)
    zeros = np.zeros(count)
    return Rows(
        symbol=np.arange(count) % symbols, time_ms=START_MS + np.arange(count) // symbols * plan.decision_ms,
        inputs=inputs, sigma=np.full(count, SIGMA), move=scaled * SIGMA * math.sqrt(plan.horizon_bars),
        variance=SIGMA**2 * np.exp(0.2 * chance.normal(size=count)), first_p_up=zeros + 0.5, first_bps=zeros,
    )  # fmt: skip


def overlapping(count: int = 3000, seed: int = 1) -> tuple[Rows, Plan]:
    """One symbol whose labels overlap by fifteen of sixteen parts, and inputs that only tell which time it is."""
    plan = Plan(folds=3, horizon_bars=240)
    chance = np.random.default_rng(seed)
    steps = chance.normal(size=count + 16) * SIGMA
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    found = rows(count, seed, symbols=1, plan=plan)
    drifting = np.cumsum(chance.normal(size=found.inputs.shape), axis=0)
    label = walk[16 : count + 16] - walk[:count]
    made = Rows(
        symbol=found.symbol, time_ms=found.time_ms, inputs=drifting, sigma=found.sigma, move=label,
        variance=found.variance, first_p_up=found.first_p_up, first_bps=found.first_bps,
    )  # fmt: skip
    return made, plan
