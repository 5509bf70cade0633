"""The virtual environment of the services: made from /usr/bin/python3 and the packages of the present environment.

It is built beside the one in use and put in its place by a rename. Nothing is fetched: what was tested here is copied.
With `--link` nothing is copied either: the services then run what stands in this checkout.
"""

import compileall
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quantum_common.version import build_id
from services.cli.complaint import Complaint
from services.cli.deploy.packages import BUILD, Packages, minor, ours, requirements_file
from services.cli.deploy.place import CODE, Place
from services.cli.deploy.steps import Mark, Step, remove

STAMP = ".installed"
HIDDEN = ("/home", "/root", "/tmp", "/run/user")  # noqa: S108 - what the units' ProtectHome and PrivateTmp hide
SCRIPT = """#!{python}
import sys

from {module} import {function}

sys.exit({function}())
"""


@dataclass(frozen=True, slots=True)
class Venv:
    """The environment that is to be, at a place."""

    place: Place
    packages: Packages
    link: bool

    @property
    def stamp(self) -> str:
        """Return what tells this environment from another."""
        return f"linked {self._linked()}\n" if self.link else f"{self.packages.fingerprint()}\n"

    def steps(self) -> Iterator[Step]:
        """Return the step that makes it, if what is there is another one. Raise Complaint where it cannot be made."""
        there = self.place.at(self.place.venv)
        stamp = there / STAMP
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == self.stamp:
            return
        self._require_python()
        if self.link:
            require_readable(*self._linked())
        words = f"linked to {CODE}" if self.link else self.packages.words
        yield Step(Mark.CHANGE if there.exists() else Mark.ADD, self.place.venv, words, partial(self._make, there))

    def _require_python(self) -> None:
        if not self.place.at(f"/usr/bin/python{minor()}").exists():
            raise Complaint(
                f"deploy: {self.place.root}: there is no /usr/bin/python{minor()}, for which these packages are built; "
                f"install it, or set the packages up with the system's own python3"
            )

    def _linked(self) -> tuple[Path, ...]:
        folders = {Path(str(one.locate_file(""))).resolve() for one in self.packages.found}
        return (CODE, *sorted(folders))

    def _make(self, there: Path) -> None:
        fresh, old = there.with_name("venv.new"), there.with_name("venv.old")
        for leftover in (fresh, old):
            if leftover.exists():
                remove(leftover)
        site = fresh / "lib" / f"python{minor()}" / "site-packages"
        site.mkdir(parents=True)
        (fresh / "bin").mkdir()
        for name in ("python", "python3"):
            (fresh / "bin" / name).symlink_to(f"/usr/bin/python{minor()}")
        home = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {minor()}\n"
        (fresh / "pyvenv.cfg").write_text(home, encoding="utf-8")
        if self.link:
            (site / "quantum.pth").write_text("".join(f"{one}\n" for one in self._linked()), encoding="utf-8")
        else:
            self._copy(fresh, site)
        for name, entry in self.packages.scripts:
            module, _, function = entry.partition(":")
            script = fresh / "bin" / name
            python = f"{self.place.venv}/bin/python"
            script.write_text(SCRIPT.format(python=python, module=module, function=function), encoding="utf-8")
            script.chmod(0o755)
        (fresh / STAMP).write_text(self.stamp, encoding="utf-8")
        if self.place.live:
            self._try(fresh)
        if there.exists():
            there.rename(old)
        fresh.rename(there)
        if old.exists():
            remove(old)

    def _try(self, fresh: Path) -> None:
        """Import every command with the system's own Python. Raise Complaint where one cannot be."""
        modules = ", ".join(sorted({entry.partition(":")[0] for _, entry in self.packages.scripts}))
        done = subprocess.run(  # noqa: S603 - the interpreter that was just made
            [str(fresh / "bin" / "python"), "-B", "-c", f"import {modules}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            remove(fresh)
            words = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no word"
            raise Complaint(f"deploy: /usr/bin/python{minor()} cannot run the services with these packages: {words}")

    def _copy(self, fresh: Path, site: Path) -> None:
        for one in self.packages.found:
            for file in one.files or ():
                if ".." not in file.parts:
                    _copy_file(Path(str(one.locate_file(file))), site / file)
        for name, path in ours():
            shared = fresh / "share" / "quantum" / name.removeprefix("share/")
            _copy_file(path, shared if name.startswith("share/") else site / name)
        _copy_file(requirements_file(), fresh / "share" / "quantum" / "requirements.txt")
        (site / "quantum_common" / BUILD).write_text(f"{build_id()}\n", encoding="utf-8")
        _describe(site, self.packages)
        compileall.compile_dir(site, quiet=2, workers=os.cpu_count() or 1)


def _copy_file(source: Path, target: Path) -> None:
    """Copy with its time, by which Python knows that bytecode fits; bytecode that was never made is made later."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _describe(site: Path, packages: Packages) -> None:
    """Write what makes `quantum` a package among the others: its name, its version, its commands."""
    number = build_id().partition("+")[0]
    info = site / f"quantum-{number}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: quantum\nVersion: {number}\n", encoding="utf-8")
    commands = "".join(f"{name} = {entry}\n" for name, entry in packages.scripts)
    (info / "entry_points.txt").write_text(f"[console_scripts]\n{commands}", encoding="utf-8")


def require_readable(*folders: Path) -> None:
    """Given folders that services are to read, raise Complaint where other users cannot."""
    for folder in folders:
        if any(folder.is_relative_to(hidden) for hidden in HIDDEN):
            raise Complaint(f"deploy: --link: {folder}: services cannot see this folder; move it, or leave --link out")
        for one in (folder, *folder.parents):
            if not one.stat().st_mode & 0o001:
                raise Complaint(f"deploy: --link: {one}: other users cannot enter it; chmod o+x {one}")
