import pytest

from services.ai_engine.card import Worth
from services.ai_engine.training.evidence import pays, verdict


def worth(low_bps: float | None) -> Worth:
    high_bps = None if low_bps is None else low_bps + 8.0
    return Worth(trades=90, gross_bps=16.0, net_bps=4.0, net_total_bps=360.0, low_bps=low_bps, high_bps=high_bps)


@pytest.mark.parametrize(
    ("low_bps", "slope", "platt", "may", "word"),
    [
        (0.1, 1.0, 0.5, True, "above zero, with calibrated probabilities"),
        (0.1, 0.6, 0.5, True, "above zero, with calibrated probabilities"),
        (0.1, 1.4, 0.5, True, "above zero, with calibrated probabilities"),
        (0.0, 1.0, 0.5, False, "not above zero for certain"),
        (-3.0, 1.0, 0.5, False, "not above zero for certain"),
        (None, 1.0, 0.5, False, "too few to judge by"),
        (0.1, 0.59, 0.5, False, "not calibrated"),
        (0.1, 1.41, 0.5, False, "not calibrated"),
        (0.1, 1.0, 0.0, False, "said nothing"),
    ],
)
def test_a_model_pays_only_where_its_trades_are_certain_and_its_probabilities_are_right_and_the_words_say_the_same(
    low_bps: float | None, slope: float, platt: float, may: bool, word: str
) -> None:
    assert pays(worth(low_bps), slope, platt) is may
    assert word in verdict(worth(low_bps), slope, platt, 14.0)


def test_a_model_that_never_reached_its_costs_does_not_pay() -> None:
    nothing = Worth(trades=0, gross_bps=None, net_bps=None, net_total_bps=0.0, low_bps=None, high_bps=None)
    assert not pays(nothing, 1.0, 0.5)
    assert "nothing beat its costs: no expected move reached 14 bps" in verdict(nothing, 1.0, 0.5, 14.0)
