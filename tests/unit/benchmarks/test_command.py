"""The command line of the benchmarks: every one of them can be asked for."""

from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, _parser


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_every_benchmark_can_be_asked_for(name: str) -> None:
    options = _parser().parse_args([name, "--data", "bars", "--seconds", "1"])
    assert (options.benchmark, options.klines, options.seconds) == (name, Path("bars"), 1)
