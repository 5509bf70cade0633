"""Processes whose output a test reads through pipes, and which cannot outlive the tests."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.cli.process import bound_to


def piped(
    command: Sequence[str], environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[str]:
    """Given a command, start it in a session of its own with its output in pipes. Where pytest is killed, the kernel
    kills it."""
    return subprocess.Popen(
        list(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, cwd=cwd,
        start_new_session=True, preexec_fn=bound_to(os.getpid()),  # noqa: PLW1509 - the tests start from their one thread
    )  # fmt: skip
