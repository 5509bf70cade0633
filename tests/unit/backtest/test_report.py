"""The page of a run: it holds what the result says, in words, and asks nobody for anything."""

import io
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from services.backtest.record import TRIPS_KEPT
from services.backtest.replay import Replay
from services.backtest.report import NO_SKILL, page
from services.backtest.summary import summary
from tests.unit.backtest.klines import write_klines
from tests.unit.backtest.runs import WARM_BARS, replay_of, run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Replay, dict[str, Any]]:
    replay = replay_of(write_klines(tmp_path_factory.mktemp("klines"), WARM_BARS + 200))
    found = run(replay)
    return replay, found | {"run": {"build": "x", "seconds": 1.0, "symbol_bars_per_s": 1, "resident_mib": 1.0}}


@pytest.fixture(scope="module")
def html(made: tuple[Replay, dict[str, Any]]) -> str:
    replay, result = made
    return page(result, replay.recorder.trips)


def without_plotly(html: str) -> str:
    """The page but for the one script that is plotly's own."""
    first, last = html.index("<script>"), html.index("</script>")
    return html[:first] + html[last:]


def test_the_page_asks_nobody_for_anything(html: str) -> None:
    ours = without_plotly(html)
    assert not re.findall(r"(?:src|href)\s*=|@import|url\(|https?://|fetch\(", ours)


def test_every_plot_has_its_place_and_its_figures(html: str) -> None:
    found = re.search(r'<script id="figures" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    figures = orjson.loads(found[1])
    assert set(figures) == {"equity", "symbols", "reasons", "days", "gates", "engine"}
    for name, figure in figures.items():
        assert f'<div id="{name}"></div>' in html
        assert figure["data"]
    assert len(figures["equity"]["data"][0]["x"]) > 100


def test_tables_say_what_the_result_says(html: str, made: tuple[Replay, dict[str, Any]]) -> None:
    replay, result = made
    for symbol, row in result["per_symbol"].items():
        assert (
            f'<td>{symbol}</td><td class="n {"good" if row["net_usd"] > 0 else "bad"}">{row["net_usd"]:+,.2f}</td>'
            in html
        )
    for reason in result["per_exit_reason"]:
        assert f"<td>{reason}</td>" in html
    shown = min(result["headline"]["round_trips"], TRIPS_KEPT)
    assert f"The newest {shown} of" in html
    assert html.count("<td>time_stop</td></tr>") == sum(trip.reason == "time_stop" for trip in replay.recorder.trips)


def test_the_page_is_honest_about_the_first_strategy_and_about_where_its_figures_come_from(html: str) -> None:
    assert NO_SKILL in html
    assert "computed from the fills, fees and funding of the paper exchange" in html
    assert "equal to the exchange&#39;s trades" in html or "equal to the exchange's trades" in html


def test_books_that_differ_are_said_in_red(made: tuple[Replay, dict[str, Any]]) -> None:
    replay, result = made
    wrong = result | {"books": {"ledger_equals_exchange": False, "differences": ["AAAUSDT: fees differ"]}}
    assert "The books differ: AAAUSDT: fees differ" in page(wrong, replay.recorder.trips)


@pytest.mark.parametrize("width", [80, 100])
def test_the_summary_fits_on_one_page_of_a_terminal(made: tuple[Replay, dict[str, Any]], width: int) -> None:
    _, result = made
    large = {"net_pnl_usd": -1_234_567.89, "net_pnl_pct": -99.99, "fees_usd": 987_654.32}
    result = result | {"headline": result["headline"] | large}
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(summary(result, Path("out")))
    lines = console.export_text().splitlines()
    assert len(lines) <= 24
    assert all("…" not in line for line in lines)
    text = "\n".join(lines)
    assert "ledger equals the exchange's trades: yes" in text
    assert "no measured skill" in text
