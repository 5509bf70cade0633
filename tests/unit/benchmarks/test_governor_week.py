"""The replayed week: that no exit is refused under formulas, and what the account of the replay reckons."""

from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks import governor_week
from benchmarks.children import BenchmarkFailed
from benchmarks.governor_account import EQUITY, Account


def test_no_exit_is_refused_over_a_day_of_real_bars(shared_data: Path) -> None:
    said = governor_week.run(shared_data / "klines", ("BTCUSDT", "ETHUSDT"), bars=1_440)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines() if line.startswith("| ")]
    passed = {row[0]: row[2] for row in rows if row[0] in {"formula", "reference"}}
    assert passed == {"formula": "100.0 %", "reference": "100.0 %"}
    assert "day 1.00" in said


def test_a_folder_without_bars_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkFailed, match=r"no BTCUSDT-1m\.csv\.gz"):
        governor_week.run(tmp_path)


def test_the_account_lives() -> None:
    account = Account(price={"BTCUSDT": Decimal(100), "ETHUSDT": Decimal(10)})
    account.open("BTCUSDT", Decimal(10), 5)
    account.open("ETHUSDT", Decimal(-50), 5)
    account.price |= {"BTCUSDT": Decimal(90), "ETHUSDT": Decimal(9)}
    seen = account.portfolio(9)
    assert (seen.equity_usd, seen.gross_exposure_usd, seen.open_positions) == (EQUITY - 50, Decimal(1_350), 2)
    assert seen.portfolio_heat == Decimal("0.00552764")  # the short: 50 at 9 with its stop at 10.1; the long is below
    assert (account.ledger("BTCUSDT").opened_ms, account.snapshot("ETHUSDT", 9).position_amt) == (5, Decimal(-50))
    account.close("BTCUSDT")
    assert account.cash == EQUITY - 100
    assert account.ledger("BTCUSDT").opened_ms is None
    assert account.snapshot("BTCUSDT", 9).position_amt == 0
