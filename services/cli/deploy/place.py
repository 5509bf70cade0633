"""Where things go: the paths of an installation, on this machine or below the root of an image."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

CONFIG = "/etc/quantum"
UNITS = "/etc/systemd/system"
SYSUSERS = "/etc/sysusers.d/quantum.conf"
COMMAND = "/usr/local/bin/quantum"
DATA = ("/var/lib/quantum-redis", "/var/lib/quantum-paper-exchange", "/var/lib/quantum-alerts")
PREFIX = "/opt/quantum"
REDIS_SOCKET = "/run/quantum-redis/redis.sock"
CODE = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Place:
    """The root that is installed into, and the folder of the code below it."""

    root: Path = Path("/")
    prefix: str = PREFIX

    @property
    def live(self) -> bool:
        """Return whether this is the running machine and not an image."""
        return self.root == Path("/")

    def at(self, path: str) -> Path:
        """Given an absolute path of the installation, return where it is now."""
        return self.root / path.lstrip("/")

    @property
    def venv(self) -> str:
        """Return the folder of the interpreter and the packages."""
        return f"{self.prefix}/venv"


def may_write(place: Place) -> bool:
    """Return whether this user may install there."""
    return os.geteuid() == 0 or not place.live


def shipped(name: str) -> Path:
    """Given `etc/quantum` or `deploy`, return where it is: beside the code in a checkout, else installed."""
    beside = CODE / name
    return beside if beside.is_dir() else Path(sys.prefix) / "share" / "quantum" / name
