"""Incident 41: a win rate of 73 % was reported where the exchange's own trades said 7 %.

The statistics came from the bot's own belief. So here every figure of a backtest is computed from the exchange's fills:
whatever the services come to believe meanwhile, the report says what the exchange did.
"""

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quantum_common.state import Ledger
from services.backtest.record import TRADES
from services.backtest.replay import Terms, played
from services.backtest.report import page
from services.backtest.result import result_of
from tests.unit.backtest.klines import write_klines
from tests.unit.backtest.runs import WARM_BARS, replay_of

D = Decimal


def told(data: Path, out: Path, *, deluded: bool) -> tuple[dict[str, Any], str]:
    """A run's result and page; deluded services believe at the end that every trade was a gain."""
    out.mkdir()
    replay = replay_of(data, Terms(D(10_000), folder=out))
    played(replay, lambda _: None, lambda: False)
    if deluded:
        for symbol, ledger in replay.board.ledgers.items():
            replay.board.ledgers[symbol] = ledger.model_copy(update={"realized_pnl": D(1_000_000), "fees": D(0)})
    result = result_of(replay, data, None, {})
    return result, page(result, replay.recorder.trips)


def wins_of(fills: list[dict[str, str]]) -> tuple[int, int]:
    """The round trips and the won ones, counted from the exchange's fills by hand."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    trips = won = 0
    for fill in fills:
        symbol, sign = fill["symbol"], 1 if fill["side"] == "BUY" else -1
        amounts[symbol] += sign * D(fill["qty"])
        sums[symbol] += D(fill["realized_pnl"]) - D(fill["fee"])
        if amounts[symbol] == 0:
            trips, won = trips + 1, won + (sums.pop(symbol) > 0)
    return trips, won


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_klines(tmp_path / "klines", WARM_BARS + 250)


def test_the_reported_rate_is_that_of_the_exchanges_fills(data: Path, tmp_path: Path) -> None:
    result, html = told(data, tmp_path / "out", deluded=False)
    with (tmp_path / "out" / TRADES).open(encoding="utf-8") as file:
        fills = list(csv.DictReader(file))
    trips, won = wins_of(fills)
    found = result["headline"]
    assert trips > 15
    assert (found["round_trips"], found["hit_rate_pct"]) == (trips, round(100 * won / trips, 2))
    assert found["realized_pnl_usd"] == pytest.approx(float(sum(D(fill["realized_pnl"]) for fill in fills)))
    assert found["fees_usd"] == pytest.approx(float(sum(D(fill["fee"]) for fill in fills)))
    assert f'<b class="">{found["hit_rate_pct"]:.2f} %</b>' in html


def test_what_the_services_believe_changes_no_figure_and_is_told_as_a_difference(data: Path, tmp_path: Path) -> None:
    sober, _ = told(data, tmp_path / "sober", deluded=False)
    deluded, html = told(data, tmp_path / "deluded", deluded=True)
    for part in ("headline", "per_symbol", "per_exit_reason", "per_day", "curve"):
        assert deluded[part] == sober[part]
    assert sober["books"]["ledger_equals_exchange"]
    assert not deluded["books"]["ledger_equals_exchange"]
    assert "realized_pnl is 1000000 in the ledger and" in html


def test_the_report_says_where_its_figures_come_from(data: Path, tmp_path: Path) -> None:
    _, html = told(data, tmp_path / "out", deluded=False)
    assert "computed from the fills, fees and funding of the paper exchange" in html
    assert "none from what a service believes" in html
    assert Ledger.flat().realized_pnl == 0
