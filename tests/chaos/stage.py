"""The processes of a run: Redis, the paper exchange, the fault proxy and the five daemons; whoever dies comes back.

As systemd would, the stage starts a process again a moment after its death, whatever it died of; only status 78 (a
setting that an operator must mend) stays down. Every process is a child of ours and ended by its own pid.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from redis import Redis

from quantum_common.keys import SERVICES, Keys
from quantum_common.settings import EXIT_CONFIG
from services.cli import embedded_redis, redis_link
from services.cli.env_files import child_environment, write_env_files, write_secret
from services.cli.exchange_link import ExchangeAway, ExchangeLink
from services.cli.process import last_words, spawn
from services.paper_exchange.options import DEMO_KEY, DEMO_SECRET
from tests.chaos.history import History
from tests.chaos.links import Links
from tests.chaos.paper import Paper
from tests.chaos.proxy import PORTS_FILE
from tests.chaos.settings import Tempo, merged, wide

REDIS, EXCHANGE, PROXY = "redis", "paper-exchange", "proxy"
DAEMONS = SERVICES
PEERS = (REDIS, EXCHANGE)
LEASED = ("intent-executor", "position-state-brain")
RIVAL = "-rival"
RESTART_S = 0.2  # RestartSec of the units
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
POLL_S = 0.02
FUNDS = "10000000"


class NotReady(Exception):
    """The processes did not come up; the text says which."""


@dataclass
class Actor:
    """One process that is kept running. `due_s` is when it starts again."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    log: Path
    process: subprocess.Popen[bytes]
    due_s: float | None = None
    wanted: bool = True

    @property
    def running(self) -> bool:
        """Return whether there is a process."""
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Given a signal, send it to this process, if there is one."""
        if self.running:
            self.process.send_signal(number)

    def end(self) -> None:
        """End it: politely, then by force."""
        self.wanted = False
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Stage:
    """All of a run's processes, in a folder. A context manager: at its end none is left."""

    folder: Path
    seed: int
    tempo: Tempo
    history: History
    symbols: int = 6
    speed: int = 60
    actors: dict[str, Actor] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)
    _doors: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self._raise_curtain()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for actor in reversed(list(self.actors.values())):
            actor.end()
        self._doors.close()

    def _raise_curtain(self) -> None:
        self.etc.mkdir(parents=True, exist_ok=True)
        self.redis_port, self.paper_port = embedded_redis.free_port(), 0
        self._add(REDIS, self._spawn_redis)
        address = redis_link.RedisAddress(f"unix://{self.folder / 'redis' / embedded_redis.SOCKET_FILE}")
        self.redis: Redis = self._doors.enter_context(redis_link.connect(address, timeout_s=0.5))
        self.patient_redis: Redis = self._doors.enter_context(redis_link.connect(address))
        self._add(EXCHANGE, self._spawn_exchange)
        self.wait_for(lambda: self._paper_port() > 0, "the exchange's port")
        self.paper_port = self._paper_port()
        self.paper = Paper(self.paper_url)
        self.link = self._doors.enter_context(closing(ExchangeLink(self.paper_url, DEMO_KEY, DEMO_SECRET)))
        self.listed = self.link.symbols()
        self._add(PROXY, self._spawn_proxy)
        self.wait_for((self.folder / PORTS_FILE).exists, "the fault proxy's ports")
        self.links = self._doors.enter_context(closing(Links(self.folder)))
        self._write_settings()
        for name in DAEMONS:
            self._add(name, lambda name=name: self._spawn_daemon(name))  # type: ignore[misc]
        self.wait_for(self.all_run, "the daemons")

    # --- what others ask --------------------------------------------------------------------------------------------

    @property
    def etc(self) -> Path:
        """Return the folder of the env files."""
        return self.folder / "etc"

    @property
    def paper_url(self) -> str:
        """Return the exchange's own address, past the proxy."""
        return f"http://127.0.0.1:{self.paper_port}"

    def all_run(self) -> bool:
        """Return whether every daemon says that it runs, and the first snapshots stand."""
        beats = [self.redis.hget(self.keys.heartbeat(name), "status") for name in DAEMONS if self.actors[name].wanted]
        return all(beat == "running" for beat in beats) and bool(self.redis.exists(self.keys.portfolio))

    def wait_for(self, ready: Callable[[], Any], what: str, within_s: float = READY_WITHIN_S) -> None:
        """Wait, tending the processes, until something is ready. Raise NotReady where it is not in time."""
        until_s = time.monotonic() + within_s
        while True:
            self.tend()
            try:
                if ready():
                    return
            except (*redis_link.GONE, ExchangeAway):
                pass
            if time.monotonic() >= until_s:
                raise NotReady(f"{what}: not ready within {within_s:g} s; see the logs in {self.folder}")
            time.sleep(POLL_S)

    # --- what strikes do --------------------------------------------------------------------------------------------

    def kill(self, name: str, *, back_in_s: float = RESTART_S) -> None:
        """Given a process, end it as kill -9 does; it is started again after `back_in_s`."""
        actor = self.actors[name]
        actor.process.kill()
        actor.process.wait()
        actor.due_s = time.monotonic() + back_in_s

    def freeze(self, name: str) -> None:
        """Given a process, stop it in its tracks (SIGSTOP)."""
        self.actors[name].send(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Given a process, let it go on (SIGCONT)."""
        self.actors[name].send(signal.SIGCONT)

    def invite(self, name: str) -> None:
        """Given a daemon, start a second instance of it, which nobody keeps running."""
        rival = f"{name}{RIVAL}"
        self.dismiss(name)
        self.actors[rival] = Actor(
            rival, lambda: self._spawn_daemon(name), self._log(name), self._spawn_daemon(name), wanted=False
        )

    def dismiss(self, name: str) -> None:
        """Given a daemon, kill its second instance, if there is one."""
        rival = self.actors.pop(f"{name}{RIVAL}", None)
        if rival is not None:
            rival.process.kill()
            rival.process.wait()

    def retire(self, name: str) -> None:
        """Given a process, end it in good order and for good."""
        self.actors[name].end()

    def tend(self) -> None:
        """Start again whatever died, when its time has come."""
        now_s = time.monotonic()
        for actor in self.actors.values():
            if not actor.wanted or actor.running:
                continue
            if actor.due_s is None:
                status, words = actor.process.returncode, last_words(actor.log)
                self.history.note("info", "died", name=actor.name, status=status, words=words)
                actor.wanted = status != EXIT_CONFIG
                actor.due_s = now_s + RESTART_S
            elif now_s >= actor.due_s:
                actor.due_s = None
                actor.process = actor.start()
                self.history.note("info", "started", name=actor.name, pid=actor.process.pid)

    # --- starting ---------------------------------------------------------------------------------------------------

    def _add(self, name: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.actors[name] = Actor(name, start, self._log(name), start())

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _spawn_redis(self) -> subprocess.Popen[bytes]:
        return embedded_redis.start(self.folder / "redis", port=self.redis_port, fsync="always").process

    def _spawn_exchange(self) -> subprocess.Popen[bytes]:
        return self._spawn(
            EXCHANGE, "services.paper_exchange", "--market", f"synthetic:{self.seed}", "--speed", str(self.speed),
            "--symbols", str(self.symbols), "--port", str(self.paper_port), "--port-file", str(self.folder / "port"),
            "--state", str(self.folder / "exchange"), "--fault-seed", str(self.seed), "--warmup", "1100",
            "--balance", FUNDS,
        )  # fmt: skip

    def _spawn_proxy(self) -> subprocess.Popen[bytes]:
        ports = {REDIS: self.redis_port, EXCHANGE: self.paper_port}
        targets = [f"{name}.{peer}=127.0.0.1:{port}" for name in DAEMONS for peer, port in ports.items()]
        return self._spawn(PROXY, "tests.chaos.proxy", str(self.folder), str(self.seed), *targets)

    def _spawn_daemon(self, name: str) -> subprocess.Popen[bytes]:
        return self._spawn(name, f"services.{name.replace('-', '_')}")

    def _spawn(self, name: str, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment, _ = child_environment(self.etc)
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path) + os.pathsep + str(Path.cwd())
        return spawn([sys.executable, "-m", module, *arguments], self._log(name), environment)

    def _paper_port(self) -> int:
        path = self.folder / "port"
        text = path.read_text(encoding="ascii") if path.exists() else ""
        return int(text) if text.endswith("\n") else 0

    def _write_settings(self) -> None:
        shared = {
            "QUANTUM_API_KEY_FILE": str(write_secret(self.etc / "api-key", DEMO_KEY)),
            "QUANTUM_API_SECRET_FILE": str(write_secret(self.etc / "api-secret", DEMO_SECRET)),
        }
        write_env_files(self.etc, merged({"common": shared}, wide(self.listed), self.tempo.values, self._ways()))

    def _ways(self) -> Mapping[str, Mapping[str, str]]:
        """Return, by daemon, the addresses of its own links."""
        return {
            name: {
                "QUANTUM_REDIS_URL": f"redis://127.0.0.1:{self.links.ports[f'{name}.{REDIS}']}",
                "QUANTUM_PAPER_URL": f"http://127.0.0.1:{self.links.ports[f'{name}.{EXCHANGE}']}",
                "QUANTUM_METRICS_PORT": "0",
            }
            for name in DAEMONS
        }


def all_links() -> Sequence[str]:
    """Return the name of every link: each daemon's to each peer. The governor has nothing to ask the exchange."""
    links = [f"{name}.{peer}" for name in DAEMONS for peer in PEERS]
    return [link for link in links if link != f"governor.{EXCHANGE}"]
