"""Tables fit the terminal: what it can do without goes first, then what may be folded is; nothing else is cut."""

import io

import pytest
from rich.console import Console

from services.cli.questions.tables import Fitted, table

HEADS = ("SYMBOL", "QTY", "WORDS", "PLAN")
ROWS = [("BTCUSDT", "0.002", "a long story of a gate", "be3ef7c404fefac8"), ("ETHUSDT", "12", "short", "8")]


def drawn(shown: Fitted, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(shown)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def made() -> Fitted:
    return table(HEADS, ROWS, ("SYMBOL", "WORDS", "PLAN"), folds=("WORDS",), spare=("PLAN",))


def test_names_stand_left_and_numbers_right() -> None:
    assert drawn(made(), 80)[:2] == [
        "SYMBOL     QTY  WORDS                   PLAN",
        "BTCUSDT  0.002  a long story of a gate  be3ef7c404fefac8",
    ]


@pytest.mark.parametrize(("width", "plan", "gap"), [(56, True, 2), (54, True, 1), (40, False, 2), (30, False, 1)])
def test_a_narrow_one_closes_its_gaps_then_drops_what_is_spare(width: int, plan: bool, gap: int) -> None:
    lines = drawn(made(), width)
    assert ("PLAN" in lines[0]) is plan
    assert lines[1].startswith("BTCUSDT" + " " * gap + "0.002")
    assert all(len(line) <= width for line in lines)


def test_what_is_too_long_is_folded_and_not_cut() -> None:
    words = " ".join(line[14:].strip() for line in drawn(made(), 30)[1:3])
    assert words == "a long story of a gate"
