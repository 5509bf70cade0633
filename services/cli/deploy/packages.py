"""What of the present environment is installed: the pinned packages, and whether they are the pinned ones."""

import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from quantum_common.version import build_id
from services.cli.complaint import Complaint
from services.cli.deploy.place import CODE, shipped

TOPS = ("quantum_common", "services")
SHARED = ("etc", "deploy")
BUILD = "BUILD"  # says which build was installed, and is written anew
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages that are copied, and the entry points of our own commands."""

    found: tuple[Distribution, ...]
    scripts: tuple[tuple[str, str], ...]  # name → module:function

    @property
    def words(self) -> str:
        """Return what they are, in a line."""
        return f"quantum {build_id()}, {len(self.found)} packages"

    def fingerprint(self) -> str:
        """Return a digest over all that would be installed."""
        seen = hashlib.sha256(f"python{minor()}\n".encode())
        for one in sorted(f"{one.name}=={one.version}" for one in self.found):
            seen.update(f"{one}\n".encode())
        for name, path in ours():
            seen.update(f"{name}\n".encode() + path.read_bytes())
        seen.update(repr(self.scripts).encode())
        return seen.hexdigest()


def minor() -> str:
    """Return which Python the packages were built for."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def read_packages(*, pinned: bool) -> Packages:
    """Return what is installed here of requirements.txt. Raise Complaint where it must be as pinned and is not."""
    pins: dict[str, set[str]] = {}
    for name, version in _PIN.findall(_requirements()):
        pins.setdefault(name, set()).add(version)
    found = []
    for name, versions in pins.items():
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue  # pinned for another Python or another system; an import that fails shows when the venv is tried
        if pinned and one.version not in versions:
            wanted = " or ".join(sorted(versions))
            raise Complaint(
                f"deploy: {name} is {one.version} here, and requirements.txt pins {wanted}; install the pinned "
                f"packages first (make setup), so that what was tested is what runs"
            )
        found.append(one)
    return Packages(tuple(found), tuple(_scripts()))


def requirements_file() -> Path:
    """Return where the pins are: beside the code in a checkout, else installed."""
    return shipped("deploy").parent / "requirements.txt"


def _requirements() -> str:
    path = requirements_file()
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Complaint(f"deploy: {path}: cannot be read: {error.strerror}") from None


def _scripts() -> Iterator[tuple[str, str]]:
    project = CODE / "pyproject.toml"
    if project.is_file():
        yield from sorted(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["scripts"].items())
        return
    for one in distribution("quantum").entry_points:
        if one.group == "console_scripts":
            yield one.name, one.value


def ours() -> Iterator[tuple[str, Path]]:
    """Return every file of the project that is installed, by its name below the packages or below share/quantum."""
    for top in TOPS:
        for path in sorted((CODE / top).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.name != BUILD:
                yield path.relative_to(CODE).as_posix(), path
    for top in SHARED:
        folder = shipped("etc/quantum").parent if top == "etc" else shipped("deploy")
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield f"share/{top}/{path.relative_to(folder).as_posix()}", path
