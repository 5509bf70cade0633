"""Whole runs: they trade, their books agree, and they come out the same every time."""

from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from services.backtest.replay import Terms, played
from services.backtest.result import result_of
from tests.unit.backtest.klines import write_klines
from tests.unit.backtest.runs import WARM_BARS, replay_of, run

MINUTES = WARM_BARS + 400


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_klines(tmp_path_factory.mktemp("klines"), MINUTES)


def test_a_run_trades_and_every_ledger_is_the_exchanges_trades(data: Path) -> None:
    result = run(replay_of(data))
    assert result["headline"]["orders"] > 40
    assert result["headline"]["round_trips"] > 20
    assert result["books"] == {"ledger_equals_exchange": True, "differences": []}
    assert set(result["per_exit_reason"]) > {"exchange_stop", "time_stop"}
    assert result["gates"]["intent-bridge"]["ENTRY"]["passed"] > 20
    assert result["warnings"] == {}
    assert [event["kind"] for event in result["events"]] == ["trading_state"], "nothing disarmed"
    refused = {gate for kinds in result["gates"].values() for found in kinds.values() for gate in found}
    assert not {gate for gate in refused if "stale" in gate}, "what is decided on is always fresh"


def test_two_runs_are_equal_to_the_byte(data: Path) -> None:
    first, second = (orjson.dumps(run(replay_of(data))) for _ in range(2))
    assert first == second


def test_a_run_that_is_stopped_ends_cleanly_with_what_there_is(data: Path) -> None:
    replay = replay_of(data)
    played(replay, lambda _: None, lambda: replay.minutes == 150)
    result = result_of(replay, data, None, {})
    assert result["period"]["minutes"] == 150
    assert not result["period"]["whole"]
    assert result["books"]["ledger_equals_exchange"]


def test_the_net_result_is_what_fills_fees_and_funding_come_to(data: Path) -> None:
    found = run(replay_of(data, Terms(Decimal(5_000))))["headline"]
    parts = (
        found["realized_pnl_usd"] - found["fees_usd"] + found["funding_usd"] + found["unrealized_pnl_usd"]
    )  # fmt: skip
    assert found["net_pnl_usd"] == pytest.approx(parts, abs=1e-6)
    assert found["equity_usd"] == pytest.approx(5_000 + parts, abs=1e-6)


def test_a_higher_fee_costs_what_it_says(data: Path) -> None:
    free = run(replay_of(data, Terms(Decimal(10_000), taker_fee=Decimal(0))))["headline"]
    assert free["fees_usd"] == 0
    dear = run(replay_of(data, Terms(Decimal(10_000), taker_fee=Decimal("0.001"))))["headline"]
    assert dear["fees_usd"] == pytest.approx(dear["turnover"] * 10_000 * 0.001, rel=1e-4)
