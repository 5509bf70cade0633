"""What was installed: kept in /etc/quantum, so that an upgrade knows whose a file is, and `uninstall` what to take."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.complaint import Complaint
from services.cli.deploy.place import CONFIG, Place
from services.cli.deploy.steps import Kind, digest, write

NAME = f"{CONFIG}/.installed.json"


@dataclass
class Manifest:
    """Every path that was installed, with its kind; of files of settings also the digest of what was written."""

    prefix: str = ""
    kinds: dict[str, Kind] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, kind: Kind, content: bytes | None = None) -> None:
        """Given a path that is ours now, remember it."""
        self.kinds[path] = kind
        if content is not None:
            self.digests[path] = digest(content)

    def drop(self, path: str) -> None:
        """Given a path that is gone, forget it."""
        self.kinds.pop(path, None)
        self.digests.pop(path, None)

    def of(self, *kinds: Kind) -> list[str]:
        """Return the paths of these kinds, the innermost first."""
        return sorted((path for path, kind in self.kinds.items() if kind in kinds), reverse=True)

    def untouched(self, path: str, content: bytes) -> bool:
        """Return whether a file is still what was written."""
        return self.digests.get(path) == digest(content)

    def text(self) -> bytes:
        """Return it as its file holds it."""
        shape = {"prefix": self.prefix, "kinds": self.kinds, "digests": self.digests}
        return (json.dumps(shape, indent=1, sort_keys=True) + "\n").encode()

    def save(self, place: Place) -> None:
        """Write it, where it says something new."""
        path = place.at(NAME)
        if not path.is_file() or path.read_bytes() != self.text():
            write(path, self.text(), 0o644)


def read(place: Place) -> Manifest:
    """Return what was installed there; an empty one where nothing was. Raise Complaint for a file that is broken."""
    path: Path = place.at(NAME)
    if not path.is_file():
        return Manifest()
    try:
        shape = json.loads(path.read_text(encoding="utf-8"))
        kinds = {str(name): Kind(kind) for name, kind in shape["kinds"].items()}
        return Manifest(str(shape["prefix"]), kinds, {str(name): str(one) for name, one in shape["digests"].items()})
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise Complaint(f"{path}: cannot be read as what was installed: {error}") from None
