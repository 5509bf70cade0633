"""What systemd hears: one datagram a word, nothing where nobody listens, and a dead manager stops nobody."""

import os
import socket
from pathlib import Path

import pytest

from quantum_common.notify import Notifier


def heard(manager: socket.socket) -> list[str]:
    manager.settimeout(0)
    words: list[str] = []
    while True:
        try:
            words.append(manager.recv(4096).decode())
        except BlockingIOError:
            return words


def test_each_word_arrives_as_the_protocol_has_it(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready()
    notifier.progress()
    notifier.stopping()
    notifier.reloading()
    ready, progress, stopping, reloading = heard(manager)
    assert (ready, progress, stopping) == ("READY=1", "WATCHDOG=1", "STOPPING=1")
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")


def test_a_status_is_sent_where_it_is_another(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    for words in ("running", "running", "stopping"):
        notifier.status(words)
    assert heard(manager) == ["STATUS=running", "STATUS=stopping"]


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0quantum-test-{os.getpid()}")
        Notifier({"NOTIFY_SOCKET": f"@quantum-test-{os.getpid()}"}).ready()
        assert heard(channel) == ["READY=1"]


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        Notifier(environ).ready()


@pytest.mark.parametrize(
    ("environ", "every_ms"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 30_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "often"}, 0),
    ],
)
def test_the_watchdog_that_is_meant_for_us_is_fed(environ: dict[str, str], every_ms: int) -> None:
    assert Notifier(environ).watchdog_ms == every_ms
