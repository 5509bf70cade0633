"""The live table: fits 80 by 24, shows what matters, needs no colour."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from quantum_common.keys import SERVICES
from services.cli.board import Board, PositionRow
from services.cli.health.picture import Group
from services.cli.rendering import duration, outcome_words, plain_line, render
from services.cli.tally import FLOWS, Outcome

NOW_MS = 1_700_000_000_000


def position(symbol: str, ledger: str | None = "2", exchange: str | None = "2", hold: str = "") -> PositionRow:
    """One symbol's row."""
    return PositionRow(
        symbol, None if ledger is None else Decimal(ledger), None if exchange is None else Decimal(exchange),
        Decimal("100.5"), Decimal(101), Decimal("-1.5"), hold,
    )  # fmt: skip


def outcome(**fields: str) -> Outcome:
    """A result of 22:13:20 UTC."""
    return Outcome(NOW_MS, {"symbol": "BTCUSDT", "side": "BUY", "action": "OPEN", **fields})


def board(**changes: Any) -> Board:
    """A board in the middle of a run."""
    fields: dict[str, Any] = {
        "now_ms": NOW_MS, "trading_state": "ACTIVE", "trading_reason": "", "equity": "10012.346",
        "drawdown_pct": "0.0123", "beating": SERVICES, "restarts": 0, "rates": dict.fromkeys(FLOWS, 3),
        "totals": dict.fromkeys(FLOWS, 5), "latencies": {"order": (4, 9), "ledger": None, "result": (6, 20)},
        "positions": tuple(position(f"S{number:02d}USDT") for number in range(30)),
        "gates": Counter({"low_confidence": 7, "rate_limit_burst": 2}),
        "groups": tuple(Group("apply.plan", f"g{number}", there=True, lag=number) for number in range(9)),
        "dead": 0, "results": tuple(outcome(executed="True", filled_qty="2", order_status="FILLED") for _ in range(8)),
    }  # fmt: skip
    return Board(**(fields | changes))


def drawn(shown: Board, size: tuple[int, int] = (80, 24), note: str = "") -> str:
    """The picture as text."""
    console = Console(width=size[0], height=size[1], color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(render(shown, "paper synthetic:7 explore  up 0:01:00", "redis-cli -p 6379", note, size))
    return capture.get()


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (132, 50), (80, 20)])
@pytest.mark.parametrize("symbols", [0, 1, 5, 30])
def test_it_fits_the_terminal(size: tuple[int, int], symbols: int) -> None:
    positions = tuple(position(f"S{number:02d}USDT") for number in range(symbols))
    text = drawn(board(positions=positions), size)
    assert text.count("\n") == size[1]
    assert max(len(line) for line in text.splitlines()) <= size[0]


def test_it_shows_state_money_rates_gates_and_results() -> None:
    text = drawn(board())
    for words in (
        "ACTIVE", "equity 10,012.35", "drawdown 1.23 %", "5/5 daemons", "intents 3", "intent→order 4/9",
        "fill→ledger -", "7 low_confidence", "apply.plan → g8  8, 0", "22:13:20 BTCUSDT BUY 2, open: filled",
        "and 25 more", "redis-cli -p 6379",
    ):  # fmt: skip
        assert words in text, words


def test_what_is_wrong_stands_out_in_words() -> None:
    shown = board(
        trading_state="HALTED", trading_reason="operator", beating=SERVICES[:4], restarts=2, dead=3,
        positions=(position("BTCUSDT", "2", "1"), position("ETHUSDT", None, "1", hold="drift")),
    )  # fmt: skip
    text = drawn(shown, (120, 30), note="governor was killed")
    for words in (
        "HALTED operator",
        "no intent-executor",
        "2 restarts",
        "3 dead letters",
        "held: drift",
        "governor was",
    ):
        assert words in text, words


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        ("104268.193542", "104,268.19"),
        ("3535.726683", "3,535.727"),
        ("2.466775", "2.466775"),
        ("0.0000123", "0.000012"),
    ],
)
def test_prices_keep_about_seven_digits(price: str, shown: str) -> None:
    row = PositionRow("XUSDT", Decimal(1), Decimal(1), None, Decimal(price), None, "")
    assert f" {shown} " in drawn(board(positions=(row,)))


def test_before_anything_is_known_it_says_so() -> None:
    empty = board(
        trading_state="", equity="", drawdown_pct="", beating=(), positions=(), gates=Counter(), groups=(), results=()
    )
    text = drawn(empty)
    assert "starting" in text
    assert "equity ?" in text
    assert "none" in text


@pytest.mark.parametrize(
    ("fields", "words", "placed"),
    [
        ({"executed": "True", "filled_qty": "2", "order_status": "FILLED"}, "BTCUSDT BUY 2, open: filled", True),
        (
            {"executed": "True", "filled_qty": "0", "qty": "3", "order_status": "", "avg_price": "9.5"},
            "BTCUSDT BUY 3 at 9.5, open: done",
            True,
        ),
        ({"executed": "False", "gate": "no_position"}, "BTCUSDT open: no_position", False),
        (
            {"executed": "False", "gate": "exchange_rejected", "error": "-2019"},
            "BTCUSDT open: exchange_rejected (-2019)",
            False,
        ),
    ],
)
def test_a_result_reads_as_a_sentence(fields: dict[str, str], words: str, *, placed: bool) -> None:
    assert outcome_words(outcome(**fields)) == ("22:13:20", words, placed)


def test_one_line_for_a_log_has_the_totals() -> None:
    line = plain_line(board(), duration(3725))
    assert line.startswith("1:02:05  ACTIVE  intents 5")
    assert "open 30  differing 0" in line
    assert "\n" not in line
