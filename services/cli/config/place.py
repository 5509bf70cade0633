"""Which folder of env files a command is about."""

import os
from pathlib import Path

from quantum_common.settings import COMMON_FILE, DEFAULT_CONFIG_DIR, config_dir
from services.cli.complaint import Complaint
from services.cli.target import environ_of


def config_folder(verb: str, place: Path | None) -> Path:
    """Given a folder of env files or of a run, or None, return the folder of env files: of what was named, else of
    QUANTUM_CONFIG_DIR, else of the running `quantum up`, else /etc/quantum. Raise Complaint where there is none."""
    if place is not None:
        named = place.expanduser().resolve()
        return next((one for one in (named, named / "etc") if (one / COMMON_FILE).is_file()), named)
    if os.environ.get("QUANTUM_CONFIG_DIR"):
        return config_dir()
    try:
        environ = environ_of(verb, None)
    except Complaint:
        raise Complaint(
            f"{verb}: no quantum up is running, and {DEFAULT_CONFIG_DIR} has no {COMMON_FILE}; name a folder by --dir"
        ) from None
    return config_dir(environ) if environ else DEFAULT_CONFIG_DIR
