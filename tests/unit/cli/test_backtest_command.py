"""`quantum backtest` as it is typed: files, exit statuses, bad input in one line, and a clean end on Ctrl-C."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.cli.__main__ import main
from tests.unit.backtest.klines import START_MS, SYMBOLS, write_klines
from tests.unit.backtest.runs import WARM_BARS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_klines(tmp_path_factory.mktemp("klines"), 1_000 + 150)


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Type it, in a process whose signals stay as they are; return the exit status."""
    monkeypatch.setattr(sys, "argv", ["quantum", *words])
    monkeypatch.setattr("services.cli.signals.StopSignals.install", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_it_writes_a_report_a_result_the_fills_and_the_plans(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert typed(monkeypatch, "backtest", "--data", str(data), "--profile", "explore", "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "ledger equals the exchange's trades: yes" in said
    assert str(out / "report.html").replace("\n", "") in said.replace("\n", "")
    assert {path.name for path in out.iterdir()} == {"report.html", "result.json", "trades.csv", "plans.jsonl"}
    result = json.loads((out / "result.json").read_bytes())
    with (out / "trades.csv").open(encoding="utf-8") as file:
        fills = list(csv.DictReader(file))
    plans = [json.loads(line) for line in (out / "plans.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(fills) == result["headline"]["fills"] > 0
    assert len(plans) == result["headline"]["plans"] > 0
    assert {fill["symbol"] for fill in fills} <= set(SYMBOLS)
    assert all(plan["why"] for plan in plans)
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_is_one_object_and_the_same_each_time_but_for_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    found = []
    for _ in range(2):
        assert typed(monkeypatch, "backtest", "--data", str(data), "--profile", "explore", "--json") == 0
        result = json.loads(capsys.readouterr().out)
        assert result.pop("run").keys() == {
            "build", "seconds", "cpu_seconds", "symbol_bars_per_s", "resident_mib",
        }  # fmt: skip
        found.append(json.dumps(result))
    assert found[0] == found[1]


def test_symbols_and_a_period_are_taken_out_of_the_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    since = str(START_MS + 1_000 * 60_000)
    words = ("backtest", "--data", str(data), "--symbols", "bbbusdt", "--from", since, "--json", "--fee", "2")
    assert typed(monkeypatch, *words, "--latency-ms", "20000", "--balance", "2500") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["data"]["symbols"] == ["BBBUSDT"]
    assert result["period"]["start_ms"] == int(since)
    assert result["account"] == {
        "deposit_usd": 2500.0, "latency_ms": 20000, "taker_fee_bps": 2.0, "open_positions": 0,
    }  # fmt: skip


def test_settings_are_those_of_the_folder_and_what_the_environment_says_wins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    (tmp_path / "common.env").write_text("QUANTUM_LOG_LEVEL=warning\n")
    (tmp_path / "ai-engine.env").write_text("AI_PROFILE=explore\nAI_SIZE_USD_MAX=100\n")
    monkeypatch.setenv("AI_SIZE_USD_MAX", "120")
    assert typed(monkeypatch, "backtest", "--data", str(data), "--config", str(tmp_path), "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["settings"]["ai-engine"]["AI_SIZE_USD_MAX"] == "120"
    assert result["settings"]["ai-engine"]["AI_PROFILE"] == "explore"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--symbols", "ZZZUSDT"), "no bars of ZZZUSDT here"),
        (("--symbols", "not one"), "'NOT ONE' is not a symbol"),
        (("--from", "yesterday"), "--from yesterday: give a UTC time"),
        (("--from", "2001-01-01"), "--from 2001-01-01 00:00: the files have"),
        (("--to", "2001-01-01"), "nothing is left to play"),
        (("--balance", "much"), "--balance much: give a number"),
        (("--fee", "-1"), "--fee -1: give a number"),
        (("--config", "/nonexistent"), "--config /nonexistent: is not a folder"),
        (("--model", "/nonexistent"), "/nonexistent: is no folder of a model"),
        (("--latency-ms", "60000"), "59999"),
        (("--profile", "wild"), "wild"),
    ],
)
def test_bad_input_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path, words: tuple[str, ...], said: str
) -> None:
    assert typed(monkeypatch, "backtest", "--data", str(data), *words) in {2, 78}
    line = capsys.readouterr().err
    assert said in line
    assert line.startswith("quantum: ")
    assert line.count("\n") == 1


def test_a_folder_without_bars_and_a_file_that_is_none_are_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert typed(monkeypatch, "backtest", "--data", str(tmp_path)) == 78
    assert "no <SYMBOL>-1m.csv" in capsys.readouterr().err
    (tmp_path / "AAAUSDT-1m.csv").write_text("1750003200000,1,2,x,1,1\n")
    assert typed(monkeypatch, "backtest", "--data", str(tmp_path)) == 78
    assert "AAAUSDT-1m.csv:1: not a bar" in capsys.readouterr().err


def test_a_folder_too_short_to_warm_up_on_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = write_klines(tmp_path / "short", WARM_BARS)
    assert typed(monkeypatch, "backtest", "--data", str(folder)) == 78
    assert "nothing is left to play after 1000 bars to warm up on" in capsys.readouterr().err


def test_ctrl_c_ends_cleanly_with_what_there_is(data: Path, tmp_path: Path) -> None:
    folder = write_klines(tmp_path / "long", 12_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "backtest", "--data", str(folder), "--profile", "explore", "--out",
         str(tmp_path / "out")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    deadline_s = time.monotonic() + 60
    while not (tmp_path / "out" / "plans.jsonl").exists() or not (tmp_path / "out" / "plans.jsonl").stat().st_size:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "interrupted" in output
    assert "ledger equals the exchange's trades: yes" in output
    assert json.loads((tmp_path / "out" / "result.json").read_bytes())["period"]["whole"] is False
    assert "interrupted: this is what there was" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
