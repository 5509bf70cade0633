"""What the command line may say, and what each wrong word is told."""

import re
from pathlib import Path

import pytest

from quantum_common.clock import SystemClock
from services.ai_engine.model_files import save_model
from services.cli.complaint import Complaint
from services.cli.options import (
    Profile,
    parse_duration,
    parse_exchange_options,
    parse_market,
    parse_model,
    parse_redis,
    parse_symbols,
)
from tests.unit.ai_engine.given_model import card, fitted


def test_a_synthetic_market_is_taken_as_it_is() -> None:
    assert parse_market("synthetic:42") == "synthetic:42"


def test_a_csv_market_gets_an_absolute_folder(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT-1m.csv.gz").touch()
    assert parse_market(f"csv:{tmp_path}/../{tmp_path.name}") == f"csv:{tmp_path.resolve()}"


@pytest.mark.parametrize("text", ["", "csv:", "synthetic:", "synthetic:-1", "csv", "other:1", "csv:/no/such/folder"])
def test_another_market_is_refused(text: str) -> None:
    with pytest.raises(Complaint, match="--market"):
        parse_market(text)


def test_a_folder_without_bars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match=r"no <SYMBOL>-1m\.csv"):
        parse_market(f"csv:{tmp_path}")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("90", 90.0), ("2m", 120.0), ("1h", 3600.0), ("500ms", 0.5), ("5d", 432_000.0)]
)
def test_durations_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert parse_duration("--for", text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "-5s", "1.5h", "soon", "5 s", "5w"])
def test_another_duration_is_refused(text: str) -> None:
    with pytest.raises(Complaint, match=f"--since {re.escape(text)}: give a duration"):
        parse_duration("--since", text)


def test_a_model_is_for_the_profile_trade_and_must_be_sound(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    now_ms = SystemClock().now_ms()
    save_model(folder, fitted(), card(trained_ms=now_ms, expires_ms=now_ms + 3_600_000))
    assert parse_model(None, Profile.EXPLORE) is None
    assert parse_model(folder, Profile.TRADE) == folder.resolve()
    with pytest.raises(Complaint, match="add --profile trade"):
        parse_model(folder, Profile.EXPLORE)
    with pytest.raises(Complaint, match="is no folder of a model"):
        parse_model(tmp_path / "nothing", Profile.TRADE)


def test_symbols_are_names_once_each_or_a_count() -> None:
    assert parse_symbols("", "synthetic:7") == ((), 0)
    assert parse_symbols("btcusdt, ETHUSDT,BTCUSDT", "csv:x") == (("BTCUSDT", "ETHUSDT"), 0)
    assert parse_symbols("500", "synthetic:7") == ((), 500)


@pytest.mark.parametrize(
    ("text", "market"),
    [("0", "synthetic:7"), ("3000", "synthetic:7"), ("5", "csv:x"), ("BTC/USDT", "csv:x"), (",", "x")],
)
def test_other_symbols_are_refused(text: str, market: str) -> None:
    with pytest.raises(Complaint, match="--symbols"):
        parse_symbols(text, market)


@pytest.mark.parametrize(
    "url", ["", "redis://127.0.0.1:6379", "redis://me:secret@localhost/0", "unix:///run/redis.sock"]
)
def test_usable_redis_urls_are_taken(url: str) -> None:
    assert parse_redis(url) == url


@pytest.mark.parametrize(
    "url", ["localhost:6379", "redis://", "redis://h:99999", "unix://", "http://h", "rediss://h", "redis://h/abc"]
)
def test_other_redis_urls_are_refused(url: str) -> None:
    with pytest.raises(Complaint, match="--redis"):
        parse_redis(url)


def test_exchange_options_become_its_command_line() -> None:
    assert parse_exchange_options(["loop", "--balance=5000"]) == ("--loop", "--balance", "5000")


@pytest.mark.parametrize("option", ["", "=5", "Balance=5", "speed=3", "port=1", "state=x"])
def test_exchange_options_that_up_decides_or_that_make_no_sense_are_refused(option: str) -> None:
    with pytest.raises(Complaint, match="--exchange-option"):
        parse_exchange_options([option])
