"""What `quantum deploy` is asked for, and what it leaves as it is."""

from dataclasses import dataclass
from pathlib import Path

from quantum_common.settings import Environment
from services.cli.deploy.place import Place
from services.cli.options import Profile


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options. None leaves a setting of an installation as it stands; a first one takes the default."""

    place: Place
    environment: Environment | None = None
    redis_url: str = ""  # of a Redis that somebody else runs; empty: our own, or what the installation has
    redis_server: Path | None = None  # the program of our own; None: the one that came with the packages
    symbols: tuple[str, ...] = ()
    profile: Profile | None = None
    link: bool = False
