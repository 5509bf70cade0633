"""`quantum top`: its views as tables of a sample, and the screen driven by keys, in 80 columns by 24 rows."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisGone
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from quantum_common.state import TradingState
from services.cli.board import PositionRow
from services.cli.complaint import Complaint
from services.cli.health.check import Check, Level
from services.cli.health.limits import limits_of
from services.cli.health.picture import Group
from services.cli.tally import Outcome
from services.cli.top.app import Top
from services.cli.top.command import run_top
from services.cli.top.sample import Sample, Sampler
from services.cli.top.views import VIEWS, headlines, ordered
from tests.planted import KEYS, Planted, planted
from tests.unit.cli.test_rendering import board

__all__ = ["planted"]

NOW_MS = 1_790_000_000_000
SIZE = (80, 24)
D = Decimal
BEAT = {"version": "1.0+abc", "started_ms": str(NOW_MS - 60_000), "status": "running", "handled": "7", "dead": "0",
        "lost": "0"}  # fmt: skip


def position(symbol: str, ledger: str, exchange: str, pnl: str, hold: str = "") -> PositionRow:
    return PositionRow(symbol, D(ledger), D(exchange), D(100), D(101), D(pnl), hold)


def sample(**changes: Any) -> Sample:
    made = board(
        positions=(
            position("BTCUSDT", "2", "2", "5"), position("ETHUSDT", "3", "1", "-4", "ledger_drift"),
            position("SOLUSDT", "0", "0", "0"),
        ),
        gates=Counter({"low_confidence": 3, "position_cap": 1}),
        groups=(
            Group("apply.plan", "governor", there=True),
            Group("apply.plan", "p33", there=True, lag=None, pending=4),
        ),
        latencies={"order": (10, 20), "ledger": None},
        results=(Outcome(NOW_MS, {"symbol": "BTCUSDT", "action": "OPEN", "gate": "low_confidence"}),),
        trading_state="ACTIVE",
    )  # fmt: skip
    checks = (Check("drift", "ETHUSDT", Level.BAD, "ledger 3, exchange 1", "equal", "quantum reconcile"),)
    return replace(Sample(NOW_MS, made, {"governor": BEAT}, checks), **changes)


def shown(name: str, of: Sample, column: int = 0, *, reverse: bool = False) -> list[list[str]]:
    view = next(one for one in VIEWS if one.name == name)
    return [[str(cell) for cell in row] for row in ordered(view, of, column, reverse=reverse)]


# --- views -----------------------------------------------------------------------------------------------------------


def test_positions_leave_out_what_is_flat_and_sort_by_any_column_either_way() -> None:
    assert [row[0] for row in shown("positions", sample())] == ["BTCUSDT", "ETHUSDT"]
    assert [row[0] for row in shown("positions", sample(), 6)] == ["ETHUSDT", "BTCUSDT"]
    assert [row[0] for row in shown("positions", sample(), 6, reverse=True)] == ["BTCUSDT", "ETHUSDT"]
    assert shown("positions", sample())[1][3:] == ["2", "100", "101", "-4.00", "held: ledger_drift"]


def test_gates_show_their_shares() -> None:
    assert shown("gates", sample(), 1, reverse=True) == [
        ["low_confidence", "3", "75.0 %"], ["position_cap", "1", "25.0 %"],
    ]  # fmt: skip


def test_lag_shows_groups_and_hops_and_what_redis_cannot_tell() -> None:
    assert shown("lag", sample()) == [
        ["apply.plan → governor", "0 unread", "0 pending"], ["apply.plan → p33", "?", "4 pending"],
        ["hop to order", "p50 10 ms", "p99 20 ms"],
    ]  # fmt: skip


def test_services_that_are_down_are_listed_as_such() -> None:
    rows = {row[0]: row[1:] for row in shown("services", sample())}
    assert rows["governor"] == ["running", "1m 00s", "7", "0", "0", "1.0+abc"]
    assert rows["intent-executor"][0] == "down"
    assert len(rows) == 5


def test_alarms_say_what_to_do_or_that_there_are_none() -> None:
    assert shown("alarms", sample()) == [["BAD", "drift ETHUSDT", "ledger 3, exchange 1: quantum reconcile"]]
    good = sample(checks=(Check("drift", "", Level.OK, "equal"),))
    assert shown("alarms", good) == [["OK", "all", "1 checks are good"]]


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (sample(), "NO-GO: drift ETHUSDT"),
        (sample(trouble="redis does not answer: gone"), "redis does not answer: gone"),
        (Sample(NOW_MS), "reading"),
    ],
)
def test_the_first_line_says_whether_it_is_fit_to_trade(of: Sample, words: str) -> None:
    assert str(headlines(of)).splitlines()[0].startswith(words)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_has_a_cell_for_each_head_and_bears_an_empty_sample(view: Any) -> None:
    assert all(len(row) == len(view.heads) for row in view.rows(sample()))
    assert all(len(row) == len(view.heads) for row in view.rows(Sample(NOW_MS)))


# --- screen ----------------------------------------------------------------------------------------------------------


async def driven(read: Callable[[], Sample], drive: Callable[[Top, Pilot[None]], Any]) -> None:
    app = Top(read, every_s=3_600)
    async with app.run_test(size=SIZE) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        await drive(app, pilot)


def cells(app: Top, column: int = 0) -> list[str]:
    table = app.query_one(DataTable)
    return [str(table.get_row_at(number)[column]) for number in range(table.row_count)]


async def test_keys_choose_the_view() -> None:
    async def drive(app: Top, pilot: Pilot[None]) -> None:
        for view in VIEWS:
            await pilot.press(view.key)
            assert app.view is view
            heads = [str(column.label) for column in app.query_one(DataTable).ordered_columns]
            assert [head.rstrip(" ▲▼") for head in heads] == list(view.heads)
        await pilot.press("tab")
        assert app.view is VIEWS[0]

    await driven(sample, drive)


async def test_s_sorts_by_the_next_column_and_r_turns_it_round() -> None:
    async def drive(app: Top, pilot: Pilot[None]) -> None:
        assert cells(app) == ["ETHUSDT", "BTCUSDT"]  # the worst first
        await pilot.press("r")
        assert cells(app) == ["BTCUSDT", "ETHUSDT"]
        await pilot.press("r", "s", "s")
        assert app.sorted_by == 0
        assert cells(app) == ["BTCUSDT", "ETHUSDT"]

    await driven(sample, drive)


async def test_everything_fits_into_80_columns_and_the_alarms_are_folded() -> None:
    long = Check("drift", "ETHUSDT", Level.BAD, "ledger 3, exchange 1", "equal", "words " * 40)

    async def drive(app: Top, pilot: Pilot[None]) -> None:
        for key in "123456":
            await pilot.press(key)
            assert app.query_one(DataTable).virtual_size.width <= SIZE[0]
        assert app.query_one(DataTable).virtual_size.height > 4  # folded over several lines

    await driven(lambda: sample(checks=(long,)), drive)


async def test_the_next_sample_takes_the_place_of_the_last() -> None:
    seen = iter([sample(), sample(trouble="redis does not answer: gone")])

    async def drive(app: Top, pilot: Pilot[None]) -> None:
        app.look()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert str(app.query_one("#head", Static).render()).startswith("redis does not answer")
        assert cells(app) == ["ETHUSDT", "BTCUSDT"]  # what was last seen stays

    await driven(lambda: next(seen), drive)


async def test_q_quits() -> None:
    async def drive(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running

    await driven(sample, drive)


# --- sampler ---------------------------------------------------------------------------------------------------------


def test_a_sample_of_a_planted_pipeline_has_positions_beats_and_the_checklist(planted: Planted) -> None:
    planted.state(TradingState.HALTED)
    found = Sampler(planted.redis, KEYS, limits_of("top", None)).read()
    assert found.board is not None
    assert [row.symbol for row in found.board.positions if row.exchange_amt] == ["BTCUSDT"]
    assert len(found.beats) == 5
    assert str(headlines(found)).startswith("NO-GO: trading_state")


def test_a_redis_that_went_away_leaves_what_was_seen_and_says_so(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = Sampler(planted.redis, KEYS, limits_of("top", None))
    seen = sampler.read()

    def gone(**_: object) -> None:
        raise RedisGone("gone")

    monkeypatch.setattr(planted.redis, "pipeline", gone)
    left = sampler.read()
    assert left == replace(seen, now_ms=left.now_ms, trouble="redis does not answer: gone")


def test_without_a_terminal_it_points_to_what_answers_in_lines(planted: Planted) -> None:
    with pytest.raises(Complaint, match="needs a terminal") as caught:
        run_top(None, 1.0)
    assert caught.value.status == 2
