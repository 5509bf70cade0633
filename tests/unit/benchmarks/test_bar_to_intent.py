"""The benchmark of the engine: it measures a wish of every symbol, in both ways, and says so in one table."""

from benchmarks.bar_to_intent import measure, model
from services.ai_engine.inputs import INPUT_NAMES
from tests.unit.ai_engine import given


def test_each_way_measures_a_wish_of_each_symbol() -> None:
    table = measure(symbols=2, rounds=1)
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines() if line.startswith("| 2 symbols")]
    assert [row[1] for row in rows] == ["2 symbols, one after the other", "2 symbols at once"]
    assert [row[2] for row in rows] == ["2", "2"]
    assert "machine: " in table


def test_its_model_is_one_model_and_has_an_opinion() -> None:
    features = given.features(inputs=(0.1,) * len(INPUT_NAMES))
    first, second = model().predict(features), model().predict(features)
    assert first == second
    assert first is not None
    assert first.expected_move_bps != 0.0
