"""What a daemon tells systemd: that it is ready, reloads, stops, what it does now, and that it makes progress.

The protocol of sd_notify(3): lines in one datagram to the socket that NOTIFY_SOCKET names. Without one nobody listens
and nothing is sent.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Speaks to the service manager of this process. `watchdog_ms` is how often it wants to hear of us; 0: never."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        values = os.environ if environ is None else environ
        address = values.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = values.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_us = values.get("WATCHDOG_USEC", "")
        self.watchdog_ms = int(watchdog_us) // 1000 if ours and watchdog_us.isdigit() else 0
        self._said = ""

    def ready(self) -> None:
        """Say that the start, or a reload, is done."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that settings are being read anew; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def progress(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, words: str) -> None:
        """Given one line for `systemctl status`, show it, unless it is shown already."""
        if words != self._said:
            self._said = words
            self._send(f"STATUS={words}")

    def _send(self, *lines: str) -> None:
        """A service manager that does not listen is no reason to stop trading."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(0)
            channel.sendto("\n".join(lines).encode(), self._address)
