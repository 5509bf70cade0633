"""Every input, bar by bar against the whole series at once; what holes, silence and a missing leader do to them."""

import csv
import gzip
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from quantum_common.exchange.port import Bar
from services.ai_engine.features import SymbolFeatures, Updated
from services.ai_engine.inputs import INPUT_NAMES, INPUT_WARM_BARS, INPUTS_HASH
from services.ai_engine.leader import KEPT, LEADER, Leader, Leading
from tests.unit.ai_engine import given
from tests.unit.ai_engine.batch_inputs import Column, batch

QUARTER_MS = 900_000
KLINES = Path(__file__).parents[4] / "shared" / "data" / "klines"
FOLLOWER = "ETHUSDT"
START_MS = given.START_MS // QUARTER_MS * QUARTER_MS
Seen = dict[int, tuple[float, ...]]


def symbol_of(bars: Iterable[Bar], symbol: str) -> list[Bar]:
    """The bars as those of another symbol, from the first quarter on."""
    shift = given.START_MS - START_MS
    return [replace(one, symbol=symbol, open_ms=one.open_ms - shift, close_ms=one.close_ms - shift) for one in bars]


def walks(count: int, seed: int = 1) -> tuple[list[Bar], list[Bar]]:
    """The leader and a follower, with volumes."""
    leader, follower = (
        symbol_of(given.walk(count, seed=seed + n, sigma=0.0005), name) for n, name in enumerate((LEADER, FOLLOWER))
    )
    volumes = np.random.default_rng(seed).integers(0, 50, 2 * count).tolist()
    return (
        [replace(one, volume=Decimal(volume)) for one, volume in zip(leader, volumes[:count], strict=True)],
        [replace(one, volume=Decimal(volume)) for one, volume in zip(follower, volumes[count:], strict=True)],
    )


def fed(bars: Iterable[Bar], leader: Leader | None, decision_ms: int = QUARTER_MS) -> Seen:
    """The inputs by the time the bar closed, where there are any."""
    engine, seen = SymbolFeatures(given.MINUTE_MS, decision_ms, leader), Seen()
    for one in bars:
        update = engine.update(one)
        if isinstance(update, Updated) and update.features.inputs:
            seen[one.close_ms] = update.features.inputs
    return seen


def followed(leader_bars: Iterable[Bar], bars: Iterable[Bar]) -> Seen:
    leader = Leader(kept=None)
    fed(leader_bars, leader)
    return fed(bars, leader)


def columns(bars: Sequence[Bar]) -> Column:
    return np.array(
        [[one.open_ms, *map(float, (one.open, one.high, one.low, one.close, one.volume))] for one in bars], dtype=float
    )


def check(seen: Seen, bars: Sequence[Bar], leader_bars: Sequence[Bar]) -> None:
    """Every input of every decision equals the batch's to 1e-9."""
    expected = batch(columns(bars), columns(leader_bars))
    assert expected.keys() == set(INPUT_NAMES)
    due = [n for n, one in enumerate(bars) if (one.close_ms + 1) % QUARTER_MS == 0 and n >= INPUT_WARM_BARS]
    assert len(due) > 5
    assert [bars[n].close_ms for n in due] == list(seen)
    found = np.array(list(seen.values()))
    for place, name in enumerate(INPUT_NAMES):
        assert found[:, place] == pytest.approx(expected[name][due], rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("seed", [1, 2])
def test_bar_by_bar_equals_the_whole_batch_in_every_input(seed: int) -> None:
    leader_bars, bars = walks(6000, seed)
    check(followed(leader_bars, bars), bars, leader_bars)


def real(symbol: str) -> list[Bar]:
    """A month of minutes as the exchange had them."""
    with gzip.open(KLINES / f"{symbol}-1m.csv.gz", "rt") as text:
        rows = [row for row in csv.reader(text) if row[0].isdigit()]
    return [Bar(symbol, int(row[0]), int(row[6]), *(Decimal(value) for value in row[1:6])) for row in rows]


@pytest.mark.skipif(not KLINES.is_dir(), reason="the real bars are not beside the project")
def test_a_real_month_bar_by_bar_equals_the_whole_batch_in_every_input() -> None:
    leader_bars, bars = real(LEADER), real("SOLUSDT")
    common = {one.open_ms for one in leader_bars} & {one.open_ms for one in bars}
    leader_bars, bars = ([one for one in each if one.open_ms in common] for each in (leader_bars, bars))
    assert len(bars) > 40_000
    check(followed(leader_bars, bars), bars, leader_bars)


def test_the_inputs_come_at_a_decision_bar_s_close_only_and_after_a_day_of_bars() -> None:
    leader_bars, bars = walks(1800)
    seen = followed(leader_bars, bars)
    assert all((close_ms + 1) % QUARTER_MS == 0 for close_ms in seen)
    assert min(seen) == bars[INPUT_WARM_BARS + 13].close_ms  # the first quarter after a day and a minute
    assert len(seen) == (1800 - INPUT_WARM_BARS) // 15 + 1


def test_nobody_who_does_not_ask_for_inputs_gets_any() -> None:
    engine = SymbolFeatures(given.MINUTE_MS)
    assert all(one.inputs == () for one in given.fed(given.walk(1500), engine))


def test_no_later_bar_changes_earlier_inputs() -> None:
    leader_bars, bars = walks(2400)
    whole = followed(leader_bars, bars)
    cut = followed(leader_bars[:2100], bars[:2100])
    assert cut == dict(islice(whole.items(), len(cut)))
    assert len(cut) < len(whole)


def test_a_bar_sees_the_leader_as_of_the_minute_before_whoever_comes_first() -> None:
    leader_bars, bars = walks(1700)
    first, last = Leader(), Leader()
    engines = [[SymbolFeatures(given.MINUTE_MS, QUARTER_MS, one) for _ in range(2)] for one in (first, last)]
    seen: list[list[tuple[float, ...]]] = [[], []]
    for led, own in zip(leader_bars, bars, strict=True):
        engines[0][0].update(led)
        updates = [engines[0][1].update(own), engines[1][1].update(own)]
        engines[1][0].update(led)
        for place, update in enumerate(updates):
            assert isinstance(update, Updated)
            seen[place].append(update.features.inputs)
    assert seen[0] == seen[1]
    assert any(seen[0])
    changed = [*leader_bars[:-1], replace(leader_bars[-1], close=leader_bars[-1].high)]
    assert followed(changed, bars) == followed(leader_bars, bars)


def test_the_leader_follows_itself_in_the_same_way() -> None:
    leader_bars, _ = walks(1700)
    found = fed(leader_bars, Leader())
    place = INPUT_NAMES.index("lag_60")
    assert found
    assert all(inputs[place] == pytest.approx(0.0, abs=1e-9) for inputs in found.values())


def test_without_a_leader_its_moves_are_zero_and_without_its_bar_there_are_none() -> None:
    leader_bars, bars = walks(1700)
    alone = fed(bars, None)
    assert alone
    places = [place for place, name in enumerate(INPUT_NAMES) if name.startswith("lead")]
    assert all(inputs[place] == 0.0 for inputs in alone.values() for place in places)
    decided = list(followed(leader_bars, bars))
    missing = [one for one in leader_bars if one.close_ms != decided[3] - given.MINUTE_MS]
    assert list(followed(missing, bars)) == decided[:3] + decided[4:]


def test_a_leader_keeps_no_more_than_it_should() -> None:
    leader = Leader(kept=3)
    note = Leading(0, 0, 0, 0, 0, 0, 0)
    for minute in range(10):
        leader.note(minute, note)
    assert [leader.at(minute) for minute in range(10)] == [None] * 7 + [note] * 3
    assert KEPT * QUARTER_MS > 3_600_000


def test_a_short_hole_is_bridged_and_a_long_one_waits_for_a_day_again() -> None:
    _, bars = walks(3200)
    short = fed([*bars[:1500], *bars[1510:1600]], None)
    assert max(short) == bars[1589].close_ms
    assert all(math.isfinite(value) for inputs in short.values() for value in inputs)
    long = fed([*bars[:1500], *bars[1540:]], None)
    assert next(close_ms for close_ms in long if close_ms > bars[1540].close_ms) >= bars[1540 + 1440].close_ms


def test_late_and_doubled_bars_change_no_input() -> None:
    _, bars = walks(1600)
    assert fed([*bars[:1500], bars[1499], bars[1200], *bars[1500:]], None) == fed(bars, None)


def test_a_market_that_falls_silent_gives_no_nan() -> None:
    _, bars = walks(1600)
    silent = symbol_of((given.bar(n, float(bars[-1].close), volume=0.0) for n in range(1600, 4200)), FOLLOWER)
    seen = fed([*bars, *silent], None)
    assert len(seen) > 10
    assert all(math.isfinite(value) for inputs in seen.values() for value in inputs)


def test_the_inputs_of_a_year_are_as_exact_as_those_of_a_day() -> None:
    """The sums begin anew every few days: enormous volumes of long ago leave no trace."""
    _, bars = walks(7000)
    loud = [replace(one, volume=Decimal(10) ** 15) for one in bars[:2000]]
    quiet, after = fed(bars, None), fed([*loud, *bars[2000:]], None)
    place = INPUT_NAMES.index("flow_15")
    last = max(quiet)
    assert after[last][place] == pytest.approx(quiet[last][place], abs=1e-12)


def test_a_changed_formula_needs_a_new_version() -> None:
    """Where this fails, INPUTS_VERSION is to be raised and the digest below to be written anew."""
    leader_bars, bars = walks(1700)
    last = list(followed(leader_bars, bars).values())[-1]
    digest = hashlib.sha256(",".join(f"{value:.6f}" for value in last).encode()).hexdigest()[:16]
    assert (INPUTS_HASH, digest) == ("3247b2c42a8421a0", "a52e9104e17f0f3d")
