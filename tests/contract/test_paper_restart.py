"""What survives kill -9, and how the process starts, stops and refuses to start."""

import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.paper_exchange.options import EXIT_CONFIG
from tests.paper import PaperProcess, send, send_signed, start_paper

ORDER = "/fapi/v1/order"
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
MINUTE_MS = 60_000
FIRST_MS = 1_746_372_780_000


def write_bars(folder: Path, symbol: str, count: int, *, first_ms: int = FIRST_MS, header: bool = True) -> Path:
    """Given a folder and a symbol, write so many bars that rise by one unit a minute."""
    lines = [
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote,ignore"
    ]
    for number in range(count):
        at_ms, base = first_ms + number * MINUTE_MS, 1000 + number
        lines.append(
            f"{at_ms},{base}.0,{base + 2}.5,{base - 2}.5,{base + 1}.0,50.125,{at_ms + MINUTE_MS - 1},0,0,0,0,0"
        )
    path = folder / f"{symbol}-1m.csv.gz"
    path.write_bytes(gzip.compress("\n".join(lines if header else lines[1:]).encode()))
    return path


def wait_for(is_so: Callable[[], bool], within_s: float = 15.0) -> None:
    """Given a question, ask it until it is so. Raise TimeoutError where it does not become so."""
    end_s = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > end_s:
            raise TimeoutError("it did not become so")
        time.sleep(0.05)


def facts(paper: PaperProcess) -> dict[str, Any]:
    """Everything of a paper exchange that must survive."""
    state = paper.state()
    return {"rows": state["rows"], "listen_key": state["listen_key"]["key"]}


def trade(paper: PaperProcess) -> None:
    """Leave a filled order, a resting one, an algo order, a setting, an isolated position and a listen key."""
    mark = int(Decimal(send(paper, "GET", "/fapi/v1/premiumIndex", "symbol=BTCUSDT").body["markPrice"]))
    low = {"price": f"{mark * 97 // 100}.0", "timeInForce": "GTC", "type": "LIMIT"}
    for path, params in (
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 11}),
        (ORDER, MARKET),
        (ORDER, {**MARKET, **low, "newClientOrderId": "resting"}),
        ("/fapi/v1/marginType", {"symbol": "ETHUSDT", "marginType": "ISOLATED"}),
        (ORDER, {**MARKET, "symbol": "ETHUSDT", "quantity": "0.5", "side": "SELL"}),
        (
            "/fapi/v1/algoOrder",
            {
                **MARKET,
                "algoType": "CONDITIONAL",
                "side": "SELL",
                "type": "STOP_MARKET",
                "triggerPrice": f"{mark * 9 // 10}.0",
            },
        ),
    ):
        answer = send_signed(paper, "POST", path, **params)
        assert answer.status == 200, answer.body
    assert send(paper, "POST", "/fapi/v1/listenKey", "").status == 200


@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_the_exchange_is_the_same_after_a_restart(tmp_path: Path, ending: str) -> None:
    options = ("--market", "synthetic:3", "--symbols", "2", "--state", str(tmp_path / "state"), "--speed", "60")
    paper = start_paper(tmp_path, *options)
    try:
        trade(paper)
        paper.control("POST", "market", paused=True)
        before = facts(paper)
        clock = paper.state()["market"]["market_ms"]
        bars = send(paper, "GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=50").body
    finally:
        getattr(paper, ending)()
    again = start_paper(tmp_path, *options)
    try:
        assert facts(again) == before
        assert again.state()["market"]["market_ms"] == clock
        # The market may have gone on by a bar since: what both show must be the same.
        later = send(again, "GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=500").body
        assert [row for row in later if bars[0][0] <= row[0] < bars[-1][0]] == bars[:-1]
        resting = send_signed(again, "GET", "/fapi/v1/openOrder", symbol="BTCUSDT", origClientOrderId="resting")
        assert resting.body["status"] == "NEW"
        placed = send_signed(again, "POST", ORDER, **MARKET)
        assert placed.body["orderId"] > max(row["order_id"] for row in before["rows"]["orders"])
    finally:
        again.stop()


def test_every_answered_order_is_there_after_kill_9(tmp_path: Path) -> None:
    options = ("--market", "synthetic:3", "--symbols", "1", "--state", str(tmp_path / "state"))
    paper = start_paper(tmp_path, *options)
    answered = [send_signed(paper, "POST", ORDER, **MARKET).body["orderId"] for _ in range(30)]
    paper.kill()
    again = start_paper(tmp_path, *options)
    try:
        rows = again.state()["rows"]
        assert [row["order_id"] for row in rows["orders"]] == answered
        assert {row["order_id"] for row in rows["trades"]} == set(answered)
    finally:
        again.stop()


def test_what_memory_lets_go_is_answered_from_the_state(tmp_path: Path) -> None:
    options = ("--market", "synthetic:3", "--symbols", "1", "--state", str(tmp_path / "state"), "--retain", "5")
    paper = start_paper(tmp_path, *options)
    try:
        for number in range(20):
            side = "SELL" if number % 2 else "BUY"
            send_signed(paper, "POST", ORDER, **{**MARKET, "side": side, "newClientOrderId": f"n-{number}"})
        found = send_signed(paper, "GET", ORDER, symbol="BTCUSDT", origClientOrderId="n-0").body
        assert found["status"] == "FILLED"
        assert send_signed(paper, "GET", ORDER, symbol="BTCUSDT", orderId=found["orderId"]).body == found
        trades = send_signed(paper, "GET", "/fapi/v1/userTrades", symbol="BTCUSDT", fromId=0).body
        assert len({row["orderId"] for row in trades}) == 20
        assert trades == sorted(trades, key=lambda row: int(row["id"]))
        assert len(paper.state()["rows"]["orders"]) == 20
    finally:
        paper.stop()


def test_a_state_of_another_market_is_refused(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    start_paper(tmp_path, "--market", "synthetic:3", "--symbols", "1", "--state", state).stop()
    assert "holds a market synthetic:3" in refusal("--market", "synthetic:4", "--symbols", "1", "--state", state)


def test_a_state_in_use_is_refused(tmp_path: Path) -> None:
    options = ("--market", "synthetic:3", "--symbols", "1", "--state", str(tmp_path / "state"))
    paper = start_paper(tmp_path, *options)
    try:
        assert "another paper exchange runs on this state" in refusal(*options)
    finally:
        paper.stop()


def test_bars_from_files_are_served_as_they_are_and_end_cleanly(tmp_path: Path) -> None:
    write_bars(tmp_path, "BTCUSDT", 40)
    write_bars(tmp_path, "ETHUSDT", 44, header=False)
    (tmp_path / "BTCUSDT-fundingRate.csv").write_text(
        f"calc_time,funding_interval_hours,last_funding_rate\n{FIRST_MS + 38 * MINUTE_MS},8,0.00030000\n"
    )
    options = (
        "--market",
        f"csv:{tmp_path}",
        "--warmup",
        "30",
        "--speed",
        "200",
    )  # seconds between the start and the funding
    paper = start_paper(tmp_path, *options)
    try:
        assert send_signed(paper, "POST", ORDER, **{**MARKET, "quantity": "1"}).status == 200
        wait_for(lambda: paper.state()["market"]["ended"])
        rows = send(paper, "GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=1500").body
        assert [row[0] for row in rows] == [FIRST_MS + number * MINUTE_MS for number in range(40)]
        assert rows[0][1:6] == ["1000.0", "1002.5", "998.5", "1001.0", "50.125"]
        assert rows[-1][4] == "1040.0"
        assert "the market has ended" in paper.log.read_text()
        assert send_signed(paper, "POST", ORDER, **{**MARKET, "quantity": "1"}).status == 200
        income = send_signed(paper, "GET", "/fapi/v1/income", incomeType="FUNDING_FEE").body
        assert [row["symbol"] for row in income] == ["BTCUSDT"]
        history = send(paper, "GET", "/fapi/v1/fundingRate", "symbol=BTCUSDT").body
        assert [(row["fundingTime"], row["fundingRate"]) for row in history] == [
            (FIRST_MS + 38 * MINUTE_MS, "0.00030000")
        ]
    finally:
        assert paper.stop() == 0


def test_a_replay_can_start_anywhere_and_be_shifted_to_now(tmp_path: Path) -> None:
    write_bars(tmp_path, "BTCUSDT", 40)
    paper = start_paper(tmp_path, "--market", f"csv:{tmp_path}", "--start", "20")
    try:
        last = send(paper, "GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=1").body[0]
        assert last[0] == FIRST_MS + 20 * MINUTE_MS
    finally:
        paper.stop()
    paper = start_paper(tmp_path, "--market", f"csv:{tmp_path}", "--start", "20", "--align-now")
    try:
        last = send(paper, "GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=1").body[0]
        now_ms = send(paper, "GET", "/fapi/v1/time", "").body["serverTime"]
        assert 0 <= now_ms - last[0] < 2 * MINUTE_MS
    finally:
        paper.stop()


def refusal(*options: str) -> str:
    """Given options a paper exchange cannot start with, return the one line it ends with, status 78."""
    command = [sys.executable, "-m", "services.paper_exchange", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (EXIT_CONFIG, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--market", "tape:7"), "give csv:DIR or synthetic:SEED"),
        (("--market", "synthetic:x"), "the seed must be a whole number"),
        (("--market", "synthetic:7", "--start", "5"), "are for csv markets"),
        (("--speed", "0"), "'0' is not a whole number from 1 to 10000"),
        (("--bananas",), "unrecognized arguments: --bananas"),
        (("--balance", "much"), "'much' is not an amount of USDT"),
        (("--market", "csv:/nowhere"), "/nowhere: is not a folder"),
        (("--host", "192.0.2.1"), "cannot listen"),
    ],
)
def test_bad_options_are_one_line_and_status_78(options: tuple[str, ...], text: str) -> None:
    assert text in refusal(*options)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("1746372900000,abc,1,1,1,1", ":4: not a bar"),
        ("1746372900000,1,0.5,1,1,1", ":4: open, high, low and close contradict each other"),
        ("1746372900000,1,2", ":4: has 3 columns"),
        ("1746372780000,1,1,1,1,1", ":4: 1746372780000 is not after the line before it"),
        ("1746372900001,1,1,1,1,1", ":4: 1746372900001 is not the start of a minute"),
        ("yesterday,1,1,1,1,1", ":4: 'yesterday' is not a time in epoch milliseconds"),
        ("1846372800000,1,1,1,1,1", "minutes are missing before"),
    ],
)
def test_a_bad_bar_file_is_named_with_its_line(tmp_path: Path, line: str, text: str) -> None:
    path = write_bars(tmp_path, "BTCUSDT", 2)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"\n" + line.encode()))
    line_told = refusal("--market", f"csv:{tmp_path}")
    assert str(path) in line_told
    assert text in line_told


def test_a_stop_by_signal_ends_with_zero_and_one_ready_line(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        paper = start_paper(tmp_path, "--symbols", "1")
        assert send(paper, "GET", "/fapi/v1/ping", "").body == {}
        paper.process.send_signal(number)
        assert paper.process.wait(10) == 0
        assert paper.log.read_text().count("\n") == 1
        assert "ready on http://127.0.0.1:" in paper.log.read_text()


async def test_a_stop_says_goodbye_to_open_websockets(tmp_path: Path) -> None:
    paper = start_paper(tmp_path, "--symbols", "1")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{paper.ws_url}/ws/btcusdt@bookTicker") as socket,
    ):
        paper.process.send_signal(signal.SIGTERM)
        kinds = [message.type async for message in socket]
        assert set(kinds) <= {aiohttp.WSMsgType.TEXT}
        assert socket.close_code == 1001
    assert paper.process.wait(10) == 0
    paper.stop()


def test_keys_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "keys"
    secret.write_text(f"{'k' * 64}\n{'s' * 64}\n")
    paper = start_paper(tmp_path, "--symbols", "1", "--key-file", str(secret))
    try:
        assert send_signed(paper, "GET", "/fapi/v3/balance").body["code"] == -2015
    finally:
        paper.stop()


def test_the_state_is_json_for_checkers(tmp_path: Path) -> None:
    paper = start_paper(tmp_path, "--symbols", "1")
    try:
        assert set(json.loads(json.dumps(paper.state()))) == {
            *("now_ms", "market", "account", "positions", "rows", "listen_key", "websockets")
        }
    finally:
        paper.stop()
