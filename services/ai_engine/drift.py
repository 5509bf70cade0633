"""Whether the market is still the one that a model learned from, and whether its probabilities still come true.

Two questions, each with a number that a limit is put to, both over the same last days, in constant work a decision bar:

- inputs: the population stability index of each input against the deciles on the model's card (Siddiqi, Credit Risk
  Scorecards, 2006: below 0.1 the same, above 0.25 another population), as the mean over all inputs that are not the
  calendar's. Slow inputs such as a day's volatility wander far in one day, so it is taken over many.
- calibration: the Brier score of each day's predictions, once they are due, against the card's. Days are added up as
  Page's CUSUM does (Biometrika, 1954): what a day is worse than usual, in standard deviations of such days, less half
  of one, never below zero. At a limit of five a model that is as good as on its card is suspected about once in 465
  days (Montgomery, Introduction to Statistical Quality Control, table 9.3).

Nothing is stored. A start replays the history, and the same bars in any order of symbols give the same numbers.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from quantum_common.clock import DAY_MS, MINUTE_MS
from services.ai_engine.card import ModelCard
from services.ai_engine.features import Features
from services.ai_engine.model import Signal

BINS = 10
OBSERVATIONS_MIN = 500  # below, the index of a stable input is mostly noise: about nine over their number
JUDGED_MIN = 20  # predictions that came due on a day, below which it is no day
ALLOWANCE = 0.5  # standard deviations that a day may be worse than usual and still count for nothing
_CALENDAR = ("_sin", "_cos")


class Pending(NamedTuple):
    """A prediction that is not due yet."""

    due_ms: int
    price: float
    p_up: float


@dataclass(slots=True)
class Day:
    """What was seen on one day: how often each bin of each input, and how wrong the predictions were that came due."""

    bins: list[int]
    observed: int = 0
    loss: float = 0.0
    judged: int = 0


@dataclass(slots=True)
class Drift:
    """The drift of one model over its last `days`, fed with every decision bar of every symbol."""

    card: ModelCard
    days: int
    _days: dict[int, Day] = field(default_factory=dict)
    _pending: dict[str, deque[Pending]] = field(default_factory=dict)
    _today: int = 0

    def observe(self, symbol: str, features: Features, signal: Signal | None) -> None:
        """Given a decision bar with its inputs, count them, judge the predictions that are due, and note a new one."""
        close_ms, price = features.bar_close_ms, float(features.price)
        today = self._day(close_ms // DAY_MS)
        if today is None:
            return
        bins = today.bins
        for place, (edges, value) in enumerate(zip(self.card.deciles, features.inputs, strict=True)):
            bins[place * BINS + bisect_right(edges, value)] += 1
        today.observed += 1
        pending = self._pending.setdefault(symbol, deque())
        while pending and pending[0].due_ms <= close_ms:
            made = pending.popleft()
            if made.due_ms == close_ms and price != made.price:  # another bar's price, or none moved: not to be judged
                today.loss += (made.p_up - (price > made.price)) ** 2
                today.judged += 1
        if signal is not None:
            pending.append(Pending(close_ms + self.card.horizon_bars * MINUTE_MS, price, signal.p_up))

    def _day(self, number: int) -> Day | None:
        """Return the tally of a day, None where it is too long ago; what is too long ago then is forgotten."""
        if number > self._today:
            self._today = number
            for old in [one for one in self._days if one <= number - self.days - 2]:
                del self._days[old]
        if number <= self._today - self.days - 2:
            return None
        return self._days.setdefault(number, Day([0] * BINS * len(self.card.deciles)))

    @property
    def observations(self) -> int:
        """Return how many decision bars the last days hold."""
        return sum(day.observed for day in self._window(self._today))

    def inputs(self, days_ago: int = 0) -> float | None:
        """Return the drift of the inputs over the days that end with today, or with the day so many days ago.

        None where too little was seen.
        """
        window = self._window(self._today - days_ago)
        observed = sum(day.observed for day in window)
        if observed < OBSERVATIONS_MIN:
            return None
        counts = [sum(column) for column in zip(*(day.bins for day in window), strict=True)]
        drifts = [
            stability_index(counts[place * BINS : (place + 1) * BINS])
            for place, name in enumerate(self.card.inputs)
            if not name.endswith(_CALENDAR)
        ]
        return sum(drifts) / len(drifts)

    def calibration(self, step_max: float) -> float | None:
        """Return the drift of the calibration over the days that are over; a single day adds at most `step_max`. None
        where no day could be judged, or the card does not say how much days differ."""
        card = self.card
        if card.brier_spread <= 0.0:
            return None
        total, judged = 0.0, False
        for number in range(self._today - self.days, self._today):
            day = self._days.get(number)
            if day is not None and day.judged >= JUDGED_MIN:
                worse = (day.loss / day.judged - card.brier) / card.brier_spread
                total = max(total + min(worse - ALLOWANCE, step_max), 0.0)
                judged = True
        return total if judged else None

    def _window(self, last: int) -> list[Day]:
        return [day for number, day in self._days.items() if last - self.days < number <= last]


def stability_index(counts: Sequence[int]) -> float:
    """Given how many values fell into each bin where each should hold as many, return the population stability index:
    the sum of (share - expected) * ln(share / expected). Half a value is added to each, so that none is empty."""
    total = sum(counts) + 0.5 * len(counts)
    expected = 1.0 / len(counts)
    shares = [(count + 0.5) / total for count in counts]
    return sum((share - expected) * math.log(share / expected) for share in shares)
