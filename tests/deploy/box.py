"""A machine to install on: a real systemd, booted in namespaces over a copy-on-write view of this machine's root.

It needs root and Linux namespaces, and takes a second. All it writes is in memory and goes with it; it ends with the
process that booted it, also where that is killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import redis

from services.cli.process import spawn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CODE, PACKAGES = "/srv/quantum/code", "/srv/quantum/packages"
PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
UNSHARE, NSENTER = "/usr/bin/unshare", "/usr/bin/nsenter"
NAMESPACES = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--net", "--propagation", "private")
BOOT_WITHIN_S, END_WITHIN_S = 30.0, 15.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> str:
    """Return what this machine lacks for a box, or an empty string."""
    if os.geteuid() != 0:
        return "a booted systemd needs root"
    for tool in ("/lib/systemd/systemd", UNSHARE, NSENTER, PYTHON):
        if not Path(tool).exists():
            return f"a booted systemd needs {tool}"
    layers = "lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w"
    trial = f"mount -t tmpfs tmpfs /mnt; mkdir /mnt/u /mnt/w /mnt/r; mount -t overlay overlay -o {layers} /mnt/r"
    done = subprocess.run([UNSHARE, *NAMESPACES, "sh", "-ec", trial], capture_output=True, text=True, check=False)
    return f"no namespaces with an overlay here: {done.stderr.strip()}" if done.returncode else ""


@dataclass
class Box:
    """A booted machine. `pid` is its systemd, as this machine sees it."""

    pid: int
    folder: Path

    def run(self, *command: str, check: bool = True, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command in the box. Raise AssertionError with its words where it must not fail and does."""
        done = subprocess.run(
            [NSENTER, "-t", str(self.pid), "-m", "-p", "-u", "-i", "-n", "-C", "--", *command],
            capture_output=True, text=True, check=False, timeout=timeout_s, cwd="/",
            env={"PATH": PATH, "LANG": "C.UTF-8", "NO_COLOR": "1", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""},
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done

    def says(self, *command: str) -> str:
        """Return what a command in the box writes, without the last line's end."""
        return self.run(*command).stdout.rstrip("\n")

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Return properties of a unit."""
        lines = self.says("systemctl", "show", unit, f"--property={','.join(names)}").splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    def journal(self, unit: str) -> list[str]:
        """Return the messages that a unit has logged."""
        return self.says("journalctl", "-u", unit, "-o", "cat", "--no-pager").splitlines()

    def write(self, path: str, text: str) -> None:
        """Write a file in the box."""
        with self._inside(path).open("w", encoding="utf-8") as stream:
            stream.write(text)

    def read(self, path: str) -> str:
        """Return a file of the box."""
        return self._inside(path).read_text(encoding="utf-8")

    def there(self, path: str) -> bool:
        """Return whether something stands at a path in the box."""
        return os.path.lexists(self._inside(path))

    def _inside(self, path: str) -> Path:
        return Path(f"/proc/{self.pid}/root{path}")


@contextlib.contextmanager
def booted(binds: Mapping[Path, str] | None = None) -> Iterator[Box]:
    """Boot a box with this checkout and its packages in it, and end it with the context."""
    folder = Path(mkdtemp(prefix="quantum-box-", dir="/run"))
    group = _control_group(folder.name)
    every = {ROOT: CODE, Path(redis.__file__).parents[1]: PACKAGES, **(binds or {})}
    pairs = [f"{source}:{target}" for source, target in every.items()]
    # A shell moves itself into the control group first: the namespace is rooted where it stands at `unshare`.
    command = f'echo $$ >{group}/cgroup.procs; exec {UNSHARE} --kill-child "$@"'
    inner = ["sh", "-c", command, "sh", *NAMESPACES, "bash", str(HERE / "box.sh"), str(folder), *pairs]
    outer = spawn(inner, folder.with_suffix(".log"), {"PATH": PATH})
    try:
        box = Box(_only_child(outer.pid), folder)
        _wait_until_up(box, folder.with_suffix(".log"))
        yield box
    finally:
        _end(outer)
        _remove_group(group)
        folder.rmdir()
        folder.with_suffix(".log").unlink(missing_ok=True)


def _control_group(name: str) -> Path:
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            group = Path(where) / name
            group.mkdir()
            return group
    raise AssertionError("no cgroup2 is mounted here")


def _only_child(pid: int) -> int:
    deadline = time.monotonic() + BOOT_WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, IndexError, ValueError):
            if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == "unshare":
                return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()[0])
        time.sleep(0.01)
    raise AssertionError("the box has no first process")


def _wait_until_up(box: Box, log: Path) -> None:
    deadline, state = time.monotonic() + BOOT_WITHIN_S, ""
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{box.pid}/comm").read_text(encoding="utf-8").strip() == "systemd":
                state = box.run("systemctl", "is-system-running", check=False).stdout.strip()
        if state in ("running", "degraded"):
            return
        time.sleep(0.05)
    raise AssertionError(f"the box did not boot ({state}): {log.read_text(encoding='utf-8')}")


def _end(outer: subprocess.Popen[bytes]) -> None:
    """End the first process by its pid; the kernel ends everything else in the namespace with it."""
    with contextlib.suppress(ProcessLookupError):
        child = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        first = child.read_text(encoding="utf-8").split() if child.exists() else []
        for pid in first:
            os.kill(int(pid), signal.SIGKILL)
    try:
        outer.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        outer.kill()
        outer.wait()


def _remove_group(group: Path) -> None:
    deadline = time.monotonic() + END_WITHIN_S
    while group.exists() and time.monotonic() < deadline:
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()
        time.sleep(0.02)
