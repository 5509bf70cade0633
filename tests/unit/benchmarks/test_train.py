from pathlib import Path

import pytest

from benchmarks import train
from benchmarks.children import BenchmarkFailed
from tests.unit.cli.train.test_train import written


def test_the_tables_hold_each_phase_and_everything_that_is_compared(tmp_path: Path) -> None:
    for number, symbol in enumerate(("BTCUSDT", "ETHUSDT"), start=1):
        written(tmp_path / "klines", symbol, 14, number)
    told = train.run(tmp_path / "klines", 2)
    for words in ("features", "folds", "this ensemble", train.NEIGHBOUR, "buy and hold", "first strategy", "machine:"):
        assert words in told
    assert f"{2 * 14 * 1440:,} bars of 2 symbols" in told


def test_a_folder_without_bars_fails_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkFailed, match="no <SYMBOL>-1m"):
        train.run(tmp_path, 2)
