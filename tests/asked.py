"""Asks the `quantum` command in this process, as an operator types it."""

from typing import Any

import orjson
from typer.testing import CliRunner

from services.cli.__main__ import app


def ask(*words: str) -> tuple[int, str]:
    """Return the exit status and what was shown. Raise what the command raised, a Complaint among it."""
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "200", "NO_COLOR": "1"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def ask_json(*words: str) -> tuple[int, Any]:
    """Return the exit status and the JSON object."""
    status, text = ask(*words, "--json")
    return status, orjson.loads(text)
