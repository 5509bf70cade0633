"""Where a pipeline's processes log and how they are started: units of systemd, or the children of a `quantum up`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quantum_common.settings import config_dir
from services.cli.run_folder import NOTE_FILE


@dataclass(frozen=True, slots=True)
class Place:
    """`run` is the folder of the `quantum up`; None where the services are units of this machine."""

    run: Path | None = None

    def log(self, service: str) -> str:
        """Given a service, return what shows its log."""
        return f"journalctl -u quantum-{service}" if self.run is None else f"see {self.run / 'logs' / service}.log"

    def start(self, service: str) -> str:
        """Given a service that is down, return what starts it."""
        if self.run is None:
            return f"systemctl start quantum-{service}"
        return f"quantum up starts it again, {self.log(service)}"

    def look(self, service: str) -> str:
        """Given a service that does not speak, return what shows how it stands."""
        return self.log(service) if self.run else f"systemctl status quantum-{service}, {self.log(service)}"

    @property
    def restart(self) -> str:
        """Return what starts all services anew."""
        return (
            "systemctl restart quantum.target" if self.run is None else f"end the quantum up in {self.run}, start anew"
        )

    @property
    def redis(self) -> str:
        """Return what shows how Redis stands."""
        if self.run is None:
            return "systemctl status quantum-redis, or that of a Redis of yours"
        return f"see {self.run / 'redis' / 'redis.log'}, or the log of a Redis of yours"


def place_of(environ: Mapping[str, str]) -> Place:
    """Given the environment that the settings are read with, return where their pipeline runs."""
    folder = config_dir(environ)
    return Place(folder.parent if (folder.parent / NOTE_FILE).is_file() else None)
