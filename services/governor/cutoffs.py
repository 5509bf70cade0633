"""The two cutoffs that a kill score's z is held against, as formulas over the account and the market.

The shipped entry cutoff is a sum, so that each strain takes its own part whatever the others do, and every partial
derivative is negative wherever a variable can be:

    2.0 - 1.0 * (portfolio_heat / max_heat) - 0.5 * volatility_regime - 10.0 * drawdown_pct - 1.0 * exposure_utilization

With nothing at stake it stands at two standard deviations: 2.3 % of a normal score are refused. Heat and exposure at
their limits take one standard deviation each, the highest volatility half of one, a drawdown of 15 % one and a half.
On an ordinary day (heat and exposure at 0.3 of their limits, median volatility, 2 % under the peak) it is 0.95, which
refuses 17 %; with all four at their limits it is -2, and only a score two deviations calmer than usual enters.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from quantum_common.state import MarketState, Portfolio
from services.governor.formula import OPEN, Formula, FormulaError

HEAT, HEAT_MAX, VOLATILITY = "portfolio_heat", "max_heat", "volatility_regime"
DRAWDOWN, UTILIZATION = "drawdown_pct", "exposure_utilization"
VARIABLES = frozenset({HEAT, HEAT_MAX, VOLATILITY, DRAWDOWN, UTILIZATION})
STRAINS = (HEAT, VOLATILITY, DRAWDOWN, UTILIZATION)  # what must never loosen an entry's cutoff by rising

ENTRY_SHIPPED = (
    "2.0 - 1.0 * (portfolio_heat / max_heat) - 0.5 * volatility_regime - 10.0 * drawdown_pct"
    " - 1.0 * exposure_utilization"
)
ENTRY_REFERENCE = "1.0 + (portfolio_heat / max_heat) * 0.5 - (1 - drawdown_pct) * 0.3"
EXIT_SHIPPED = OPEN


class Profile(StrEnum):
    """FORMULA takes the two formulas of the settings; REFERENCE the published example for entries."""

    FORMULA = "formula"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """The two formulas that are in force."""

    entry: Formula
    exit: Formula


@dataclass(frozen=True, slots=True)
class Reading:
    """A cutoff on live values. `value` is infinite where it is open and None where it is undefined; then `fault` says
    why. Where there is no account or market to read it on, it is None without a fault."""

    value: float | None
    fault: str = ""


NOT_READ = Reading(None)


def formula(text: str) -> Formula:
    """Given a cutoff's text, return the formula. Raise FormulaError for one that cannot be read."""
    return Formula(text, VARIABLES)


def numbers(portfolio: Portfolio, market: MarketState, heat_max: Decimal) -> dict[str, float]:
    """Given account and market, return what a cutoff is a function of. Statistics, so floats."""
    return {
        HEAT: float(portfolio.portfolio_heat),
        HEAT_MAX: float(heat_max),
        VOLATILITY: float(market.volatility_regime),
        DRAWDOWN: float(portfolio.drawdown_pct),
        UTILIZATION: float(portfolio.exposure_utilization),
    }


def reading(cutoff: Formula, on: Mapping[str, float] | None) -> Reading:
    """Given a cutoff and the numbers of now, return what it comes to."""
    if cutoff.open:
        return Reading(math.inf)
    if on is None:
        return NOT_READ
    try:
        return Reading(cutoff.value(on))
    except FormulaError as error:
        return Reading(None, str(error))


def entry_faults(cutoff: Formula, heat_max: Decimal, drawdown_max: Decimal) -> list[str]:
    """Given an entry's cutoff and the limits, return where on the corners it is undefined or loosens under strain."""
    found = undefined(cutoff, heat_max, drawdown_max)
    if found or cutoff.open:
        return found
    for strain in STRAINS:
        for low, high in _edges(strain, heat_max, drawdown_max):
            calm, tense = cutoff.value(low), cutoff.value(high)
            if tense > calm:
                found.append(
                    f"runs the wrong way: as {strain} rises from {low[strain]:g} to {high[strain]:g} "
                    f"it rises from {calm:.4f} to {tense:.4f}, with {_words(low, strain)}"
                )
                break
    return found


def undefined(cutoff: Formula, heat_max: Decimal, drawdown_max: Decimal) -> list[str]:
    """Given any cutoff and the limits, return the corners on which it has no value."""
    found = []
    for corner in corners(heat_max, drawdown_max):
        try:
            cutoff.value(corner)
        except FormulaError as error:
            found.append(f"undefined with {_words(corner)}: {error}")
    return found


def corners(heat_max: Decimal, drawdown_max: Decimal) -> Iterator[dict[str, float]]:
    """Return every combination of nothing, half and all of each strain, and twice the heat, which is possible too."""
    ranges = _ranges(heat_max, drawdown_max)
    for values in itertools.product(*(ranges[strain] for strain in STRAINS)):
        yield dict(zip(STRAINS, values, strict=True)) | {HEAT_MAX: float(heat_max)}


def _ranges(heat_max: Decimal, drawdown_max: Decimal) -> dict[str, tuple[float, ...]]:
    heat, drawdown = float(heat_max), float(drawdown_max)
    return {
        HEAT: (0.0, heat / 2, heat, 2 * heat),
        VOLATILITY: (0.0, 0.5, 1.0),
        DRAWDOWN: (0.0, drawdown / 2, drawdown, 1.0),
        UTILIZATION: (0.0, 0.5, 1.0, 1.5),
    }


def _edges(
    strain: str, heat_max: Decimal, drawdown_max: Decimal
) -> Iterator[tuple[dict[str, float], dict[str, float]]]:  # fmt: skip
    """Return every pair of neighbouring corners that differ in one strain alone."""
    steps = _ranges(heat_max, drawdown_max)[strain]
    for corner in corners(heat_max, drawdown_max):
        if corner[strain] != steps[-1]:
            yield corner, corner | {strain: steps[steps.index(corner[strain]) + 1]}


def _words(corner: Mapping[str, float], left_out: str = "") -> str:
    return ", ".join(f"{name} {value:g}" for name, value in corner.items() if name != left_out)
