"""What is tested is what trades: a live run on the paper exchange and a backtest over the same bars, plan by plan."""

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.backtest.bars import Asked
from services.backtest.opening import Request, opened
from services.backtest.replay import Replay, Terms, played
from services.paper_exchange.market.bars import MINUTE_MS
from services.paper_exchange.market.replay import ReplaySource
from tests.contract.stepped_run import KEYS, SteppedRun
from tests.unit.backtest.klines import write_klines

WARM, MINUTES = 300, 22
SYMBOLS = tuple(f"{letter * 3}USDT" for letter in "ABCDEFGHIJ")
MIDNIGHT_MS = 1_750_032_000_000
START_MS = MIDNIGHT_MS + 8 * 3_600_000 - (WARM + 10) * MINUTE_MS  # funding is paid in the tenth minute
# The governor counts an executed entry twice until the portfolio is a second older: a second that is a bar here, and
# nothing at a market's own speed. So no cap on positions is to be near.
ROOMY = {"GOV_POSITIONS_MAX": "100", "INTENT_BRIDGE_POSITIONS_MAX": "100"}
SAME = (
    "plan_id", "intent_id", "symbol", "side", "action", "eval_type", "decision", "gate", "type", "qty", "reduceOnly",
    "price", "leverage", "stop_loss", "take_profit", "confidence", "regime",
)  # fmt: skip
SAME_RESULTS = ("plan_id", "executed", "decision", "gate", "order_status", "qty", "filled_qty", "position_after")
SAME_LEDGERS = ("position_amt", "avg_entry_price", "total_qty", "realized_pnl", "fees", "funding", "peak_price")
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: a unix socket's path has a limit."""
    with tempfile.TemporaryDirectory(prefix="q-") as folder:
        yield Path(folder)


def of_stream(run: SteppedRun, stream: str) -> list[dict[str, str]]:
    rows: Any = run.redis.xrange(stream)
    return [fields for _, fields in rows]


def picked(rows: list[dict[str, str]], names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The rows in the order of their plans, because symbols race for the places between two bars."""
    return sorted(tuple(row[name] for name in names) for row in rows)


def test_a_backtest_makes_the_plans_of_a_live_run_and_fills_them_at_its_prices(place: Path) -> None:
    data = write_klines(place / "klines", WARM + MINUTES + 2, SYMBOLS, seed=11, start_ms=START_MS)
    bars = ReplaySource(data).bars
    run = SteppedRun.start(data, place / "run", bars, WARM, **ROOMY)
    try:
        for _ in range(MINUTES):
            run.step()
        plans, results = of_stream(run, KEYS.plans), of_stream(run, KEYS.results)
        fills = [one for one in of_stream(run, KEYS.journal) if one["kind"] == "fill"]
        ledgers: Any = {symbol: run.redis.hgetall(KEYS.ledger(symbol)) for symbol in SYMBOLS}
        replay = backtest_of(data, run.folder / "etc")
        said = run.stop()
    finally:
        run.kill()
    assert said["ledger_matches_exchange"] is True

    ours_plans: list[dict[str, str]] = []
    ours_results: list[dict[str, str]] = []
    ours_fills: list[dict[str, str]] = []
    replay.board.heard[KEYS.plans].append(lambda record: ours_plans.append(record.to_fields()))
    replay.board.heard[KEYS.results].append(lambda record: ours_results.append(record.to_fields()))
    replay.board.heard[KEYS.journal].append(
        lambda record: ours_fills.append(record.to_fields()) if getattr(record, "kind", "") == "fill" else None
    )
    played(replay, lambda _: None, lambda: replay.minutes == MINUTES)

    assert len(plans) > 30, "the profile explores, so that there is much to compare"
    assert {plan["action"] for plan in plans} >= {"OPEN", "CLOSE_FULL", "UPDATE_SL"}
    assert picked(ours_plans, SAME) == picked(plans, SAME)
    assert picked(ours_results, SAME_RESULTS) == picked(results, SAME_RESULTS)
    fill = ("symbol", "trade_id", "side", "qty", "price", "fee", "realized_pnl", "origin", "plan_id")
    assert picked(ours_fills, fill) == picked(fills, fill)
    for symbol, ledger in ledgers.items():
        ours = replay.board.ledgers[symbol].to_fields()
        assert {name: ours[name] for name in SAME_LEDGERS} == {name: ledger[name] for name in SAME_LEDGERS}


def backtest_of(data: Path, settings_folder: Path) -> Replay:
    """The backtest over the same minutes, with the settings of the run."""
    asked = Asked(from_ms=START_MS + WARM * MINUTE_MS)
    request = Request(data, asked, config=settings_folder, environ=ROOMY)
    replay, _ = opened(request, Terms(Decimal(10_000), speed=60))
    return replay
