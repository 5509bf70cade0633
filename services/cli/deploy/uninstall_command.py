"""`quantum uninstall`: take off what was installed, and nothing else."""

import subprocess
from pathlib import Path

from services.cli.complaint import Complaint
from services.cli.deploy import manifest as record
from services.cli.deploy.deploy_command import BOOT
from services.cli.deploy.host import systemctl, tell
from services.cli.deploy.place import CONFIG, DATA, SYSUSERS, UNITS, Place, may_write
from services.cli.deploy.shell_files import FOLDERS
from services.cli.deploy.steps import Kind, remove_step, take
from services.cli.deploy.unit_files import TARGET
from services.cli.options import EXIT_USAGE

GROUP = "quantum"
NO_SUCH_USER = 6  # of userdel and groupdel


def run_uninstall(place: Place, *, purge: bool, dry_run: bool) -> int:
    """Given where, remove code, units and links; with `purge` settings, keys, data and users too. Return 0.

    Raise Complaint where nothing is installed, or where this user may not.
    """
    if not may_write(place):
        raise Complaint("uninstall: needs root: sudo quantum uninstall; or --root DIR for an image", EXIT_USAGE)
    installed = record.read(place)
    if not installed.kinds:
        raise Complaint(f"uninstall: nothing is installed there ({place.at(record.NAME)} is not there)", status=1)
    kinds = tuple(Kind) if purge else (Kind.OURS,)
    users = _users(place) if purge else []
    steps = [step for path in [BOOT, *installed.of(*kinds)] for step in remove_step(place, path)]
    if purge:
        steps += [step for path in (*DATA, record.NAME) for step in remove_step(place, path)]
    if place.live and not dry_run:
        systemctl("stop", TARGET, "quantum-*")  # a target's stop alone returns before its services are down
    take(steps, dry_run=dry_run)
    if dry_run:
        tell("nothing was done: --dry-run")
        return 0
    _drop_empty(place, installed.prefix)
    if purge:
        _remove_users(place, users)
    else:
        for path in installed.of(Kind.OURS):
            installed.drop(path)
        installed.save(place)
        kept = len(installed.kinds)
        tell(
            f"= {CONFIG}  {kept} files of settings and keys stay, and the data in {', '.join(DATA)}: --purge takes them"
        )
    if place.live:
        systemctl("daemon-reload")
        systemctl("reset-failed", "quantum-*")
    return 0


def _drop_empty(place: Place, prefix: str) -> None:
    """Remove the folders that were made for what is gone, where nothing else is in them."""
    made = (
        f"{prefix}/bin",
        prefix,
        f"{UNITS}/{TARGET}.wants",
        f"{UNITS}/quantum-.service.d",
        f"{UNITS}/quantum-alerts.service.d",
        f"{CONFIG}/redis",
        CONFIG,
        *FOLDERS,
    )
    borrowed = (str(Path(path).parent) for path in (BOOT, SYSUSERS))
    for folder in map(place.at, (*made, *borrowed)):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _users(place: Place) -> list[str]:
    """Return the users that were made, from the file that says so."""
    path = place.at(SYSUSERS)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [line.split()[1] for line in lines if line.startswith("u ")]


def _remove_users(place: Place, users: list[str]) -> None:
    where = [] if place.live else ["--root", str(place.root)]
    for command in [*(["userdel", *where, user] for user in users), ["groupdel", *where, GROUP]]:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own users
        except FileNotFoundError:
            tell(f"! {command[-1]}  stays: there is no {command[0]} here")
            continue
        what = f"user {command[-1]}" if command[0] == "userdel" else f"group {command[-1]}"
        if done.returncode == 0:
            tell(f"- {what}")
        elif done.returncode != NO_SUCH_USER:
            tell(f"! {what}  stays: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no word'}")
