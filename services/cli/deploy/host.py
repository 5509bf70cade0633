"""The running machine: users, systemd's own view of the units, and starting them."""

import subprocess
import sys

from services.cli.complaint import Complaint
from services.cli.deploy.place import SYSUSERS, Place

START_WITHIN_S = 300


def make_users(place: Place) -> str:
    """Make the users of the services. Return what is left to do where they cannot be made here."""
    wanted = place.at(SYSUSERS).read_text(encoding="utf-8")
    command = ["systemd-sysusers", *([] if place.live else [f"--root={place.root}"]), "-"]
    try:
        done = subprocess.run(command, input=wanted, capture_output=True, text=True, check=False)  # noqa: S603 - fixed
    except FileNotFoundError:
        return f"users are still to be made: systemd-sysusers {SYSUSERS}"
    if done.returncode != 0:
        return f"users could not be made: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no word'}"
    return ""


def systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd for something. Raise Complaint where there is no systemd."""
    try:
        return subprocess.run(  # noqa: S603 - fixed words and names of our own units
            ["systemctl", *words], capture_output=True, text=True, check=False, timeout=START_WITHIN_S  # noqa: S607
        )  # fmt: skip
    except FileNotFoundError:
        raise Complaint("deploy: there is no systemctl on this machine", status=1) from None
    except subprocess.TimeoutExpired:
        raise Complaint(f"deploy: systemctl {' '.join(words)}: no answer within {START_WITHIN_S} s", status=1) from None


def active(unit: str) -> bool:
    """Return whether a unit runs."""
    return systemctl("is-active", "--quiet", unit).returncode == 0


def tell(text: str) -> None:
    """Say a line."""
    sys.stdout.write(f"{text}\n")
