"""The whole of it on rows whose truth is known: what is there is found, what is not there is not."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from services.ai_engine.card import ModelCard
from services.ai_engine.ensemble import Ensemble
from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.training.evidence import Bars, Made, card_of, verdict
from services.ai_engine.training.rows import Rows, Series
from services.ai_engine.training.scores import auc
from services.ai_engine.training.trades import NOTHING
from services.ai_engine.training.trainer import Trained, train
from tests.unit.ai_engine import given
from tests.unit.ai_engine.training import given_rows
from tests.unit.ai_engine.training.given_rows import PLAN

MADE = Made(1_800_000_000_000, 1_800_000_000_000 + 30 * 86_400_000)


class Result(NamedTuple):
    rows: Rows
    trained: Trained
    card: ModelCard

    @property
    def auc(self) -> float:
        return auc(self.trained.believed.logits, self.rows.move[self.trained.believed.places])


def result(rows: Rows) -> Result:
    trained = train(rows, PLAN)
    last = int(rows.time_ms[-1])
    series = Series(rows, len(rows) * 15, 0, int(rows.time_ms[0]), last, "0" * 64)
    return Result(rows, trained, card_of(trained, rows, Bars(["BTCUSDT"], [series], ""), PLAN, {}, MADE))


@pytest.fixture(scope="module")
def planted() -> Result:
    """Moves that follow an input by a third of a sigma, of 77 bps an hour: worth far more than their costs."""
    return result(given_rows.rows(4000, planted=0.35))


@pytest.fixture(scope="module")
def chance() -> Result:
    return result(given_rows.rows(4000, seed=7))


def test_a_signal_that_is_there_is_found_calibrated_and_pays(planted: Result) -> None:
    assert planted.auc > 0.56
    assert planted.trained.fitted.slope > 0.5
    assert 0.6 < planted.card.calibration_slope < 1.4
    assert planted.card.brier < 0.25
    assert planted.card.worth.low_bps is not None
    assert planted.card.worth.low_bps > 0
    assert planted.card.pays
    assert "above zero, with calibrated" in planted.card.words


def test_pure_chance_is_found_to_be_chance_and_trades_nothing(chance: Result) -> None:
    assert abs(chance.auc - 0.5) < 0.04
    assert chance.trained.fitted.slope < 0.2
    assert not chance.card.pays
    assert chance.card.worth.trades < 20
    assert abs(chance.card.brier - 0.25) < 0.002


def test_shuffled_labels_teach_nothing(planted: Result) -> None:
    order = np.random.default_rng(5).permutation(len(planted.rows))
    shuffled = result(replace(planted.rows, move=planted.rows.move[order]))
    assert abs(shuffled.auc - 0.5) < 0.04
    assert not shuffled.card.pays


def test_two_trainings_give_the_same_hash(planted: Result) -> None:
    again = train(planted.rows, PLAN)
    assert again.fitted.hash == planted.trained.fitted.hash
    assert again.fitted.content == planted.trained.fitted.content
    assert train(planted.rows, replace(PLAN, seed=2)).fitted.hash != again.fitted.hash


def test_each_fit_is_told_of() -> None:
    told: list[int] = []
    train(given_rows.rows(3000), PLAN, tick=lambda: told.append(1))
    assert len(told) == PLAN.folds + 2


def test_no_later_row_changes_what_was_believed_of_an_earlier_fold(planted: Result) -> None:
    """The last fold's labels turned round: everything that was believed before it stays."""
    last = planted.trained.folds[-1]
    turned = planted.rows.move.copy()
    turned[last.judge] *= -1
    again = train(replace(planted.rows, move=turned), PLAN).believed
    before = ~np.isin(again.places, last.judge)
    assert again.p_up[before].tolist() == planted.trained.believed.p_up[before].tolist()
    assert again.expected_bps.tolist() == planted.trained.believed.expected_bps.tolist()


def test_no_label_that_ends_within_a_fold_chooses_the_volatility_it_is_judged_by(planted: Result) -> None:
    """Rows whose horizon reaches into the last fold get another realised variance: nothing there may change."""
    last, rows = planted.trained.folds[-1], planted.rows
    overlaps = (rows.time_ms < last.from_ms) & (rows.time_ms + PLAN.horizon_ms > last.from_ms)
    assert overlaps.any()
    variance = np.where(overlaps, rows.variance * 1e6, rows.variance)
    again = train(replace(rows, variance=variance), PLAN).believed
    judged = np.isin(again.places, last.judge)
    assert again.expected_bps[judged].tolist() == planted.trained.believed.expected_bps[judged].tolist()


def test_the_hash_of_the_data_is_that_of_the_leader_s_bars_too(planted: Result) -> None:
    series = Series(planted.rows, 1, 0, 0, 1, "0" * 64)
    one = Bars(["ETHUSDT"], [series], "a" * 64)
    assert one.hash == one._replace().hash
    assert one.hash != one._replace(leader_digest="b" * 64).hash
    assert one.hash != one._replace(symbols=["XRPUSDT"]).hash


def test_the_engine_says_live_what_was_believed_in_training(planted: Result) -> None:
    model = Ensemble(planted.card, planted.trained.fitted, planted.card.version)
    inputs = tuple(planted.rows.inputs[5].tolist())
    signal = model.predict(given.features(inputs=inputs, sigma=given_rows.SIGMA))
    assert signal is not None
    rises = inputs[INPUT_NAMES.index("ret_60")] > 0
    assert (signal.p_up > 0.5) == rises
    assert signal.contributions[0][0] == "ret_60"


def test_the_card_is_whole(planted: Result) -> None:
    card = planted.card
    assert ModelCard.model_validate(card.model_dump()) == card
    assert len(card.deciles) == len(INPUT_NAMES)
    assert all(list(edges) == sorted(edges) for edges in card.deciles)
    assert sum(one.count for one in card.calibration) == card.test_rows == len(planted.trained.believed.places)
    assert {one.name for one in card.baselines} >= {"first strategy", "buy and hold", "flat"}
    assert (card.purge_bars, card.embargo_bars) == (60, 60)
    assert card.brier_spread > 0


@pytest.mark.parametrize(
    ("worth", "slope", "platt", "words"),
    [
        ({}, 1.0, 0.0, "said nothing"),
        ({}, 1.0, 0.5, "no expected move reached 14 bps"),
        ({"trades": 3, "net_bps": 40.0}, 1.0, 0.5, "too few to judge by"),
        ({"trades": 30, "net_bps": 4.0, "low_bps": -1.0, "high_bps": 9.0}, 1.0, 0.5, "not above zero for certain"),
        ({"trades": 30, "net_bps": 4.0, "low_bps": 1.0, "high_bps": 9.0}, 0.3, 0.5, "not calibrated"),
        ({"trades": 30, "net_bps": 4.0, "low_bps": 1.0, "high_bps": 9.0}, 1.0, 0.5, "above zero, with"),
    ],
)
def test_the_verdict_says_what_is_to_be_thought_of_it(
    worth: dict[str, float], slope: float, platt: float, words: str
) -> None:  # fmt: skip
    assert words in verdict(NOTHING.model_copy(update=worth), slope, platt, 14.0)
