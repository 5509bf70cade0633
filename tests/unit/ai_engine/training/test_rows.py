import math
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from quantum_common.clock import MINUTE_MS
from quantum_common.exchange.port import Bar
from services.ai_engine.features import Features
from services.ai_engine.model import Signal
from services.ai_engine.training.plan import Plan, TrainingFault
from services.ai_engine.training.rows import Rows, Series, leader_notes, pooled, series_of
from tests.unit.ai_engine.test_inputs import followed, walks

PLAN = Plan(horizon_bars=60)
LEADER_BARS, BARS = walks(2600, 4)


def said(features: Features) -> Signal | None:
    """A first strategy that always says the same, once it may."""
    return Signal(0.6, 0.01, 3.0, (), "first") if features.bars > 2000 else None


def series(bars: list[Bar], plan: Plan = PLAN) -> Series:
    return series_of(3, bars, plan, leader_notes(LEADER_BARS, plan)[0], said)


def test_a_row_is_what_the_engine_saw_and_what_followed() -> None:
    rows = series(BARS).rows
    live = followed(LEADER_BARS, BARS)
    closes = {one.close_ms + 1: math.log(one.close) for one in BARS}
    moves = np.diff([math.log(one.close) for one in BARS])
    ends = [one.close_ms + 1 for one in BARS]
    assert len(rows) > 50
    for place, time_ms in enumerate(rows.time_ms.tolist()):
        assert tuple(rows.inputs[place].tolist()) == live[time_ms - 1]
        assert rows.move[place] == pytest.approx(closes[time_ms + 60 * MINUTE_MS] - closes[time_ms], abs=1e-12)
        at = ends.index(time_ms)
        assert rows.variance[place] == pytest.approx(np.mean(moves[at : at + 60] ** 2), rel=1e-9)
    assert set(rows.symbol.tolist()) == {3}


def test_what_the_first_strategy_said_stands_beside_each_row() -> None:
    rows = series(BARS).rows
    late = rows.time_ms > BARS[2000].close_ms + MINUTE_MS
    assert rows.first_bps.tolist() == np.where(late, 3.0, 0.0).tolist()
    assert set(rows.first_p_up[~late].tolist()) == {0.5}


def test_a_decision_whose_horizon_is_not_over_is_no_row() -> None:
    rows = series(BARS).rows
    assert rows.time_ms.max() + PLAN.horizon_ms <= BARS[-1].close_ms + 1
    assert rows.time_ms.max() + PLAN.horizon_ms > BARS[-1].close_ms - 15 * MINUTE_MS


def test_no_row_looks_across_a_long_hole_and_the_hole_is_counted() -> None:
    holed = series([*BARS[:1600], *BARS[1640:]])
    assert holed.missing == 40
    assert holed.bars == len(BARS) - 40
    assert holed.rows.time_ms.max() + PLAN.horizon_ms <= BARS[1599].close_ms + 1


def test_rows_before_a_point_do_not_change_with_what_comes_after_it() -> None:
    whole, cut = series(BARS).rows, series(BARS[:2000]).rows
    assert whole.inputs[: len(cut)].tolist() == cut.inputs.tolist()
    assert whole.move[: len(cut)].tolist() == cut.move.tolist()


def test_a_contradictory_bar_and_one_out_of_order_are_faults_by_name() -> None:
    wrong = replace(BARS[10], high=Decimal("0.5"))
    with pytest.raises(TrainingFault, match=f"the bar of {wrong.open_ms} is high_below_low"):
        series([*BARS[:10], wrong, *BARS[11:]])
    with pytest.raises(TrainingFault, match="is high_below_low"):
        leader_notes([wrong], PLAN)
    with pytest.raises(TrainingFault, match="is late"):
        series([*BARS[:10], BARS[3]])
    with pytest.raises(TrainingFault, match="no bars in that time"):
        series([])


def test_the_digest_is_that_of_every_bar() -> None:
    changed = [*BARS[:-1], replace(BARS[-1], volume=Decimal(77))]
    assert series(BARS).digest == series(list(BARS)).digest != series(changed).digest
    assert leader_notes(BARS, PLAN)[1] == series(BARS).digest != leader_notes(changed, PLAN)[1]


def test_rows_of_several_symbols_are_in_order_of_time() -> None:
    one = series(BARS)
    other = series_of(1, LEADER_BARS, PLAN, leader_notes(LEADER_BARS, PLAN)[0], said)
    rows = pooled([one, other])
    keys = list(zip(rows.time_ms.tolist(), rows.symbol.tolist(), strict=True))
    assert keys == sorted(keys)
    assert len(rows) == len(one.rows) + len(other.rows)
    assert isinstance(rows.where(rows.symbol == 1), Rows)


def test_no_daemon_loads_what_only_training_needs() -> None:
    """190 MB that the engine would carry for nothing."""
    code = (
        "import sys, services.ai_engine.wiring, services.ai_engine.model_files; "
        "print(sorted({'numpy', 'lightgbm', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"
