"""Logs under systemd: entries with fields, of any size, and no journald that can hold a service up."""

import array
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from quantum_common import journal
from quantum_common.journal import Journal, entry, field_name, in_journal
from quantum_common.log import HIDDEN, without_secrets

ROOT = Path(__file__).resolve().parents[2]


class FakeJournal:
    """A socket that takes entries as journald does."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(10)

    def entry(self) -> dict[str, str]:
        """The next entry, from the datagram or from the file that came with it."""
        data, passed, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        if passed:
            assert data == b"", "with a file there is no payload"
            descriptor = array.array("i", passed[0][2])[0]
            with os.fdopen(descriptor, "rb") as file:
                file.seek(0)
                data = file.read()
        return parsed(data)

    def waiting(self) -> int:
        """How many entries lie there, which are thereby taken."""
        self.socket.setblocking(False)
        count = 0
        try:
            while self.socket.recv(1 << 20):
                count += 1
        except BlockingIOError:
            self.socket.settimeout(10)
        return count


def parsed(data: bytes) -> dict[str, str]:
    """The fields of an entry, read as journald reads them."""
    fields: dict[str, str] = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", data[:8])
            value, end, data = data[8 : 8 + size], data[8 + size : 9 + size], data[9 + size :]
            assert end == b"\n"
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def journald() -> Iterator[FakeJournal]:
    with tempfile.TemporaryDirectory(prefix="j-") as folder:  # a unix socket's path has a limit
        fake = FakeJournal(Path(folder))
        yield fake
        fake.socket.close()


def test_a_plan_and_its_symbol_are_fields_and_the_message_can_be_read(journald: FakeJournal) -> None:
    line = {
        "service": "intent-executor", "event": "result", "level": "error", "timestamp": "2026-11-23T00:00:00Z",
        "plan_id": "a08f73412e923bb5", "symbol": "BTCUSDT", "filled_qty": "0.5", "error": "-2019 no margin", "gate": "",
    }  # fmt: skip
    with closing(Journal(journald.path)) as sender:
        sender.info(entry(line))
    seen = journald.entry()
    assert (seen["PLAN_ID"], seen["SYMBOL"]) == ("a08f73412e923bb5", "BTCUSDT")
    assert (seen["SERVICE"], seen["SYSLOG_IDENTIFIER"]) == ("intent-executor", "quantum-intent-executor")
    assert (seen["EVENT"], seen["PRIORITY"], seen["FILLED_QTY"]) == ("result", "3", "0.5")
    assert seen["MESSAGE"] == (
        'result plan_id=a08f73412e923bb5 symbol=BTCUSDT filled_qty=0.5 error="-2019 no margin" gate=""'
    )
    assert "TIMESTAMP" not in seen, "the journal has its own"


def test_lines_and_structures_survive(journald: FakeJournal) -> None:
    made = entry({"event": "broken", "level": "critical", "exception": "Traceback\n  at x", "ids": ["1-0", "2-0"]})
    with closing(Journal(journald.path)) as sender:
        sender.critical(made)
    seen = journald.entry()
    assert seen["MESSAGE"] == 'broken ids=["1-0","2-0"]\nTraceback\n  at x'
    assert (seen["IDS"], seen["PRIORITY"]) == ('["1-0","2-0"]', "2")


@pytest.mark.parametrize("size", [0, 1_000, 1_000_000])
def test_an_entry_of_any_size_arrives_whole(journald: FakeJournal, size: int) -> None:
    with closing(Journal(journald.path)) as sender:
        sender.info(entry({"event": "starting", "level": "info", "settings": {"A": "x" * size}}))
    assert len(journald.entry()["SETTINGS"]) == size + len('{"A":""}')


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("plan_id", "PLAN_ID"),
        ("message", "QUANTUM_MESSAGE"),
        ("_pid", "QUANTUM_PID"),
        ("priority", "QUANTUM_PRIORITY"),
        ("5m", "QUANTUM_5M"),
        ("syslog_pid", "QUANTUM_SYSLOG_PID"),
        ("größe-x", "GR_SSE_X"),
        ("a" * 100, "A" * 64),
    ],
)
def test_a_key_becomes_a_name_that_journald_accepts_and_that_means_nothing_else(key: str, name: str) -> None:
    assert field_name(key) == name


def test_a_journald_that_takes_nothing_costs_little_and_is_told_what_it_missed(
    journald: FakeJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "WAIT_S", 0.001)
    now_s = 0.0
    sender = Journal(journald.path, clock=lambda: now_s)
    for number in range(3_000):  # the queue takes far fewer; after the first refusal nobody waits any more
        sender.info(entry({"event": "plan", "level": "info", "n": number}))
    taken = journald.waiting()
    assert 0 < taken < 3_000
    now_s = journal.STALLED_S
    sender.info(entry({"event": "plan", "level": "info"}))
    told = journald.entry()
    assert (told["EVENT"], told["COUNT"], told["PRIORITY"]) == ("log lines were dropped", str(3_000 - taken), "4")
    assert journald.entry()["EVENT"] == "plan"
    sender.close()


def test_a_journald_that_is_not_there_ends_nothing(tmp_path: Path) -> None:
    with closing(Journal(str(tmp_path / "none"))) as sender:
        sender.error(entry({"event": "x", "level": "error"}))


def test_standard_error_is_the_journal_only_where_systemd_says_so_of_this_very_file() -> None:
    with tempfile.TemporaryFile() as file:
        seen = os.fstat(file.fileno())
        assert in_journal({"JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino}"}, file.fileno())
        assert not in_journal({"JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino + 1}"}, file.fileno())
        assert not in_journal({}, file.fileno())
        closed = file.fileno()
    assert not in_journal({"JOURNAL_STREAM": "1:2"}, closed)


PROGRAM = """
import sys
from quantum_common import journal, log
journal.Journal.__init__.__defaults__ = (sys.argv[1], journal.time.monotonic)
made = log.setup("info", "governor")
log.set_level(made, "debug")
made.debug("permit", plan_id="p1", symbol="ETHUSDT", signature="abcdef")
try:
    1 / 0
except ZeroDivisionError as error:
    made.error("broken", exc_info=error)
"""
OF_A_LIBRARY = """
import logging
from quantum_common import log
log.setup("info", "governor")
try:
    raise ValueError("GET https://x/fapi/v1/order?symbol=A&signature=hunter2")
except ValueError:
    logging.getLogger("asyncio").exception("Task exception was never retrieved: redis://u:hunter2@h")
"""


def test_a_service_s_logger_speaks_to_the_journal_where_its_standard_error_leads_there(journald: FakeJournal) -> None:
    with tempfile.TemporaryFile() as error:
        seen = os.fstat(error.fileno())
        subprocess.run(
            [sys.executable, "-c", PROGRAM, journald.path], stderr=error, cwd=ROOT, check=True, timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT), "JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino}"},
        )  # fmt: skip
        assert os.fstat(error.fileno()).st_size == 0, "nothing twice"
    first, second = journald.entry(), journald.entry()
    assert (first["PLAN_ID"], first["SYMBOL"], first["PRIORITY"]) == ("p1", "ETHUSDT", "7")
    assert first["SIGNATURE"] == HIDDEN
    assert "ZeroDivisionError" in second["MESSAGE"]


def test_elsewhere_it_is_one_json_object_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "/nonexistent"], stderr=subprocess.PIPE, cwd=ROOT, check=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JOURNAL_STREAM": ""},
    )  # fmt: skip
    first = done.stderr.splitlines()[0]
    assert first.startswith(b'{"')
    assert b'"plan_id":"p1"' in first
    assert b"abcdef" not in first


def test_what_a_library_logs_has_no_secret_in_it_either() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OF_A_LIBRARY], stderr=subprocess.PIPE, cwd=ROOT, check=True, timeout=60, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JOURNAL_STREAM": ""},
    )  # fmt: skip
    assert "Task exception was never retrieved" in done.stderr
    assert "ValueError: GET https://x/fapi/v1/order" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("signature", "hunter2"),
        ("api_key", "hunter2"),
        ("listenKey", "hunter2"),
        ("error", "redis://quantum:hunter2@127.0.0.1:6379/0 refused"),
        ("error", "GET https://x/fapi/v1/order?symbol=A&signature=hunter2&timestamp=1"),
        ("error", "{'X-MBX-APIKEY': 'hunter2'}"),
        ("error", f"wss://fstream.binance.com/private/ws/{'hunter2' * 9} is closed"),
        ("errors", ["redis://quantum:hunter2@127.0.0.1:6379/0 refused"]),
        ("settings", {"QUANTUM_REDIS_URL": "redis://u:hunter2@h", "X_PASSWORD": "hunter2"}),
    ],
)
def test_no_secret_gets_into_a_log_by_its_name_or_inside_a_text(key: str, value: object) -> None:
    shown = without_secrets(None, "info", {key: value, "event": "x"})
    assert "hunter2" not in str(shown)
    assert shown["event"] == "x"


def test_what_is_no_secret_stays_as_it_is() -> None:
    event = {
        "event": "setting taken up", "key": "EXECUTOR_MODE", "QUANTUM_API_SECRET_FILE": "/etc/quantum/api-secret",
        "plan_id": "a:b=c", "count": 3,
    }  # fmt: skip
    assert without_secrets(None, "info", dict(event)) == event
