"""Bar and funding files: read to the digit, refused by name and line."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from services.paper_exchange.market.bars import MINUTE_MS
from services.paper_exchange.market.csv_files import FileFault, bar_files, funding_files, read_bars, read_funding
from services.paper_exchange.market.replay import ReplaySource

FIRST_MS = 1_746_372_780_000


def rows(count: int, start_ms: int = FIRST_MS) -> list[str]:
    """So many lines of sound bars."""
    return [f"{start_ms + number * MINUTE_MS},10.5,11,10,10.25,7.125" for number in range(count)]


def write(path: Path, lines: list[str]) -> Path:
    """Write lines to a file, compressed where its name says so."""
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["BTCUSDT-1m.csv", "BTCUSDT-1m.csv.gz"])
@pytest.mark.parametrize("header", [True, False])
def test_bars_are_read_to_the_digit(tmp_path: Path, name: str, header: bool) -> None:
    head = ["open_time,open,high,low,close,volume,close_time"] if header else []
    bars = read_bars(write(tmp_path / name, head + rows(3)))
    assert (len(bars), bars.price_decimals, bars.volume_decimals, bars.first_open_ms) == (3, 2, 3, FIRST_MS)
    assert bars.at(2)[:7] == (FIRST_MS + 2 * MINUTE_MS, FIRST_MS + 3 * MINUTE_MS - 1, 1050, 1100, 1000, 1025, 7125)


def test_quiet_minutes_are_filled_with_the_last_price(tmp_path: Path) -> None:
    lines = [*rows(1), *rows(1, FIRST_MS + 3 * MINUTE_MS)]
    bars = read_bars(write(tmp_path / "X-1m.csv", lines))
    assert len(bars) == 4
    assert (bars.open[1], bars.high[2], bars.volume[1]) == (1025, 1025, 0)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("x", ":3: has 1 columns"),
        ("1746372900,1,1,1,1,1", ":3: '1746372900' is not a time"),
        ("1746372900000,1,1,2,1,1", ":3: open, high, low and close contradict"),
        ("1746372900000,1,1,1,1,-1", ":3: open, high, low and close contradict"),
        ("1746372900000,1,1,1,1,1e5", ":3: not a bar"),
        ("1746372900000,1,1,1,1,1.1234567890123", ":3: more than 12 decimals"),
        ("1746372840000,1,1,1,1,1", ":3: 1746372840000 is not after"),
        ("1746372900500,1,1,1,1,1", ":3: 1746372900500 is not the start of a minute"),
        ("1846372800000,1,1,1,1,1", ":3: "),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    path = write(tmp_path / "X-1m.csv", [*rows(2), line])
    with pytest.raises(FileFault) as fault:
        read_bars(path)
    assert f"{path}{problem}" in str(fault.value)


@pytest.mark.parametrize(("data", "problem"), [(b"", "holds no bars"), (b"\xff\xfe,1", "cannot be read")])
def test_an_empty_or_unreadable_file_is_named(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "X-1m.csv"
    path.write_bytes(data)
    with pytest.raises(FileFault, match=problem):
        read_bars(path)


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "X-1m.csv.gz"
    path.write_bytes(gzip.compress("\n".join(rows(50)).encode())[:-20])
    with pytest.raises(FileFault, match="cannot be read"):
        read_bars(path)


def test_a_folder_without_bars_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="no <SYMBOL>-1m"):
        bar_files(tmp_path)


def test_funding_is_found_beside_the_bars_and_in_order(tmp_path: Path) -> None:
    bars, beside = tmp_path / "klines", tmp_path / "funding"
    bars.mkdir()
    beside.mkdir()
    write(beside / "BTCUSDT-fundingRate.csv.gz", ["calc_time,h,r", "1746403200007,8,0.0002", "1746374400000,8,-0.0001"])
    found = funding_files(bars)
    assert [(row.time_ms, row.interval_hours, row.rate) for row in read_funding(found["BTCUSDT"])] == [
        (1_746_374_400_000, 8, Decimal("-0.0001")),
        (1_746_403_200_000, 8, Decimal("0.0002")),
    ]


def test_a_bad_funding_line_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT-fundingRate.csv", ["1746374400000,8,much"])
    with pytest.raises(FileFault, match=":1: not a funding row"):
        read_funding(path)


def test_a_replay_runs_while_all_its_files_have_bars(tmp_path: Path) -> None:
    write(tmp_path / "BTCUSDT-1m.csv", rows(10))
    write(tmp_path / "ETHUSDT-1m.csv", rows(10, FIRST_MS + 4 * MINUTE_MS))
    source = ReplaySource(tmp_path)
    assert (source.first_ms, source.end_ms) == (FIRST_MS + 4 * MINUTE_MS, FIRST_MS + 10 * MINUTE_MS)
    source.shift(MINUTE_MS)
    assert source.bars["BTCUSDT"].first_open_ms == FIRST_MS + MINUTE_MS
    assert source.first_ms == FIRST_MS + 5 * MINUTE_MS


@pytest.mark.parametrize(
    ("name", "start_ms", "problem"),
    [("btc-1m.csv", FIRST_MS, "is not a symbol"), ("ETHUSDT-1m.csv", FIRST_MS + 60 * MINUTE_MS, "no minute in common")],
)
def test_files_that_cannot_make_one_market_are_refused(tmp_path: Path, name: str, start_ms: int, problem: str) -> None:
    write(tmp_path / "BTCUSDT-1m.csv", rows(10))
    write(tmp_path / name, rows(10, start_ms))
    with pytest.raises(FileFault, match=problem):
        ReplaySource(tmp_path)
