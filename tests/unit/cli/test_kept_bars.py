"""The bars beside a recording: nothing twice, nothing left out, whatever the exchange or a kill does."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from quantum_common.clock import MINUTE_MS
from quantum_common.keys import Keys
from services.cli.complaint import Complaint
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.kept_bars import (
    EVERY_S,
    FIRST_ROWS,
    HEADING,
    PAGE_ROWS,
    PAUSE_S,
    BarKeeper,
    BarsAway,
    PublicBars,
    Row,
    UnknownSymbol,
    mend,
)
from services.cli.recording import Recorder
from services.cli.redis_link import RedisAddress, connect
from services.cli.train.bars import bars_of
from services.paper_exchange.market.csv_files import bar_files
from tests.served import served

START_MS = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS


class Market:
    """An exchange whose minutes pass as the test says; it may be away, forget, or not know a symbol."""

    def __init__(self, minutes: int) -> None:
        self.minutes, self.forgotten, self.away, self.now_s = minutes, 0, False, 0.0
        self.asked: list[tuple[str, int | None, int]] = []

    def row(self, minute: int) -> Row:
        open_ms = START_MS + minute * MINUTE_MS
        return [open_ms, "1.5", "2.0", "1.0", f"1.{minute % 10}", "7", open_ms + MINUTE_MS - 1, "9", 3, "4", "5", "0"]

    def fetch(self, symbol: str, from_ms: int | None, limit: int) -> list[Row]:
        self.asked.append((symbol, from_ms, limit))
        if self.away:
            raise BarsAway("the exchange does not answer: refused")
        if symbol == "NONEUSDT":
            raise UnknownSymbol(symbol)
        newest = max(self.minutes - limit, 0)
        first = max(newest if from_ms is None else -(-(from_ms - START_MS) // MINUTE_MS), self.forgotten)
        return [self.row(minute) for minute in range(first, min(first + limit, self.minutes))]


def keeper(folder: Path, market: Market, said: list[str] | None = None) -> BarKeeper:
    return BarKeeper(folder, market.fetch, (said if said is not None else []).append, lambda: market.now_s)


def minutes(path: Path) -> list[int]:
    """The minutes that a file holds, as training reads them."""
    return [(bar.open_ms - START_MS) // MINUTE_MS for bar in bars_of(path, "BTCUSDT")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "BTCUSDT-1m.csv"


def test_only_closed_bars_are_kept_each_once(tmp_path: Path, path: Path) -> None:
    market = Market(20)
    bars = keeper(tmp_path, market)
    bars.step({"BTCUSDT"})
    bars.step({"BTCUSDT"})
    assert minutes(path) == list(range(19))
    market.minutes = 23
    bars.step({"BTCUSDT"})
    assert minutes(path) == list(range(22))
    assert path.read_text().splitlines()[0] == HEADING
    assert path.read_text().splitlines()[1] == ",".join(map(str, market.row(0)))
    assert bars.written == 22


def test_a_recording_begins_with_a_day_of_the_past(tmp_path: Path, path: Path) -> None:
    keeper(tmp_path, Market(5000)).step({"BTCUSDT"})
    assert minutes(path) == list(range(5000 - FIRST_ROWS, 4999))


def test_after_a_pause_it_goes_on_page_by_page_without_a_gap(tmp_path: Path, path: Path) -> None:
    market = Market(10)
    keeper(tmp_path, market).step({"BTCUSDT"})
    market.minutes = 10 + 3 * PAGE_ROWS
    keeper(tmp_path, market).step({"BTCUSDT"})
    assert minutes(path) == list(range(market.minutes - 1))


@pytest.mark.parametrize("cut", [1, 5, 30, 61])
def test_half_a_line_is_cut_off_and_written_again(cut: int, tmp_path: Path, path: Path) -> None:
    market = Market(30)
    keeper(tmp_path, market).step({"BTCUSDT"})
    path.write_bytes(path.read_bytes()[:-cut])
    keeper(tmp_path, market).step({"BTCUSDT"})
    assert minutes(path) == list(range(29))


def test_half_a_heading_is_no_heading(tmp_path: Path, path: Path) -> None:
    path.write_text(HEADING[:9])
    keeper(tmp_path, Market(5)).step({"BTCUSDT"})
    assert minutes(path) == [0, 1, 2, 3]
    path.write_text(f"{HEADING}\n")
    assert mend(path) == 0


def test_a_file_that_is_something_else_is_refused(path: Path) -> None:
    path.write_text("dear diary\n")
    with pytest.raises(Complaint, match="its last line is no bar"):
        mend(path)


def test_minutes_that_the_exchange_has_forgotten_are_told(tmp_path: Path, path: Path) -> None:
    market, said = Market(10), list[str]()
    keeper(tmp_path, market).step({"BTCUSDT"})
    market.minutes, market.forgotten = 40, 20
    keeper(tmp_path, market, said).step({"BTCUSDT"})
    assert said == ["BTCUSDT: 11 minutes are missing; the exchange does not have them"]
    assert minutes(path) == [*range(9), *range(20, 39)]


def test_an_exchange_that_is_away_is_told_once_and_asked_again_later(tmp_path: Path, path: Path) -> None:
    market, said = Market(10), list[str]()
    bars = keeper(tmp_path, market, said)
    market.away = True
    bars.step({"BTCUSDT"})
    assert not bars.due
    market.now_s = EVERY_S
    assert bars.due
    bars.step({"BTCUSDT"})
    assert len(said) == 1
    market.away = False
    bars.step({"BTCUSDT"})
    assert minutes(path) == list(range(9))
    market.away = True
    bars.step({"BTCUSDT"})
    assert len(said) == 2


def test_a_symbol_that_the_exchange_does_not_have_is_told_once(tmp_path: Path, path: Path) -> None:
    market, said = Market(10), list[str]()
    bars = keeper(tmp_path, market, said)
    bars.step({"NONEUSDT", "BTCUSDT"})
    bars.step({"NONEUSDT", "BTCUSDT"})
    assert said == ["NONEUSDT: the exchange has no such contract; its bars are not kept"]
    assert minutes(path) == list(range(9))


def test_what_the_engine_follows_is_kept_and_can_be_trained_on(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    link = connect(RedisAddress(redis_server.url))
    try:
        keys = Keys("quantum")
        Recorder(link, keys, tmp_path, lambda words: None, keeper(tmp_path, Market(10))).run(lambda: False, 0.05)
        assert not list(tmp_path.glob("*.csv"))
        link.hset(keys.market_state("ETHUSDT"), mapping={"sigma": "0.1"})
        Recorder(link, keys, tmp_path, lambda words: None, keeper(tmp_path, Market(10))).run(lambda: False, 0.05)
        assert list(bar_files(tmp_path)) == ["BTCUSDT", "ETHUSDT"]
    finally:
        link.close()


class Desk(HTTPServer):
    """An exchange's public side; `status` and `body` answer in its place where they are set."""

    status, body, wait = 200, b"", "7"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Desk

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        rows = [[int(query.get("startTime", 5)), "1.0"]] * min(int(query["limit"]), 3)
        body = self.server.body or json.dumps(rows if parts.path == "/fapi/v1/klines" else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", self.server.wait)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def desk() -> Iterator[Desk]:
    server = Desk(("127.0.0.1", 0), Handler)
    with served(server):
        yield server


@pytest.fixture
def public(desk: Desk) -> Iterator[PublicBars]:
    found = PublicBars(f"http://127.0.0.1:{desk.server_port}/fapi")
    yield found
    found.close()


def test_bars_come_over_public_rest(public: PublicBars) -> None:
    assert public.fetch("BTCUSDT", 77, 2) == [[77, "1.0"], [77, "1.0"]]
    assert public.fetch("BTCUSDT", None, 1) == [[5, "1.0"]]


@pytest.mark.parametrize(
    ("status", "body", "wait", "words", "pause_s"),
    [
        (429, b"{}", "7", "limits our rate", 7.0),
        (418, b"{}", "soon", "limits our rate", PAUSE_S),
        (503, b"<html>", "", "status 503 and no JSON", EVERY_S),
        (400, b'{"code": -1100}', "", "answers 400", EVERY_S),
        (200, b'{"code": 0}', "", "answers 200", EVERY_S),
    ],
)
def test_an_answer_without_bars_says_why_and_how_long_to_wait(
    status: int, body: bytes, wait: str, words: str, pause_s: float, desk: Desk, public: PublicBars
) -> None:  # fmt: skip
    desk.status, desk.body, desk.wait = status, body, wait
    with pytest.raises(BarsAway, match=words) as told:
        public.fetch("BTCUSDT", 1, 2)
    assert told.value.pause_s == pause_s


def test_an_unknown_contract_and_an_absent_exchange_are_told_apart(desk: Desk, public: PublicBars) -> None:
    desk.status, desk.body = 400, b'{"code": -1121, "msg": "Invalid symbol."}'
    with pytest.raises(UnknownSymbol):
        public.fetch("NONEUSDT", 1, 2)
    with pytest.raises(BarsAway, match="does not answer"):
        PublicBars("http://127.0.0.1:1/fapi").fetch("BTCUSDT", 1, 2)
    with pytest.raises(Complaint, match="not an address"):
        PublicBars("nowhere")
