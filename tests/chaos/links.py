"""The harness's hand on the fault proxy."""

import socket
from pathlib import Path

import orjson

from tests.chaos.proxy import CONTROL_FILE, PORTS_FILE
from tests.chaos.toxics import CALM, Order, Toxics

TIMEOUT_S = 5.0


class Links:
    """Tells the proxy how each link behaves. Raise OSError where the proxy is gone: the harness is broken then."""

    def __init__(self, folder: Path) -> None:
        self.ports: dict[str, int] = orjson.loads((folder / PORTS_FILE).read_bytes())
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT_S)
        self._socket.connect(str(folder / CONTROL_FILE))

    def set(self, link: str, toxics: Toxics, *, reset: bool = False) -> None:
        """Given a link, have it behave so; with `reset` its connections end first."""
        self._socket.sendall(Order(link=link, toxics=toxics, reset=reset).model_dump_json().encode() + b"\n")
        if self._socket.recv(16) != b"done\n":
            raise OSError(f"the fault proxy did not obey for {link}")

    def calm(self) -> None:
        """Let everything through on every link."""
        for link in self.ports:
            self.set(link, CALM)

    def close(self) -> None:
        """Let go of the proxy."""
        self._socket.close()
