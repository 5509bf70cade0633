"""Tells running services to read their settings anew: the children of a `quantum up`, else this machine's units."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from quantum_common.settings import DEFAULT_CONFIG_DIR
from services.cli.complaint import Complaint
from services.cli.run_folder import live_note

RELOADED_WITHIN_S = 30.0


def tell_to_reload(verb: str, folder: Path, services: Sequence[str]) -> list[str]:
    """Given a folder of env files and the services that read a changed one, have them read it; return what was done,
    as lines. Raise Complaint where nobody can be told: the files are changed all the same."""
    note = live_note(folder.parent)
    if note is not None:
        told = [service for service in services if _hang_up(note.children.get(service))]
        return [f"reloaded: {', '.join(told)}" if told else "no service of this run is there to be told"]
    if folder.resolve() != DEFAULT_CONFIG_DIR.resolve():
        raise Complaint(
            f"{verb}: changed, but no running service is known to read {folder}; reload it by hand", status=1
        )
    return [_reload_unit(verb, f"quantum-{service}.service") for service in services]


def _hang_up(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return False
    return True


def _reload_unit(verb: str, unit: str) -> str:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        raise Complaint(f"{verb}: changed, but there is no systemctl here to reload {unit} by", status=1)
    active = subprocess.run([systemctl, "is-active", "--quiet", unit], check=False)  # noqa: S603 - our own words
    if active.returncode:
        return f"{unit} does not run; it reads the change at its start"
    done = subprocess.run(  # noqa: S603 - our own words
        [systemctl, "reload", unit], capture_output=True, text=True, timeout=RELOADED_WITHIN_S, check=False
    )
    if done.returncode:
        raise Complaint(f"{verb}: changed, but {unit} did not reload: {done.stderr.strip()}", status=1)
    return f"reloaded: {unit}"
