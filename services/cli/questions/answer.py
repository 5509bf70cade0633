"""One way to ask and to answer: connect, read, show; again and again with --watch; as JSON with --json."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from redis import Redis
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from quantum_common.keys import Keys
from quantum_common.redis_client import why_gone
from services.cli.complaint import Complaint
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of, settings_of

PIPE_COLUMNS = 160  # of lines that go into a file or a pipe, where no terminal says how wide it is


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found: as a picture for people, as data for JSON, and whether it is a good answer (exit status 0)."""

    picture: RenderableType
    data: Any
    good: bool = True

    @property
    def status(self) -> int:
        """Return the exit status."""
        return 0 if self.good else 1


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is to be answered: of which run, as JSON, again every so many seconds (None: once)."""

    folder: Path | None = None
    as_json: bool = False
    every_s: float | None = None


Read = Callable[[Redis, Keys], Answer]


def answer(verb: str, manner: Manner, read: Read) -> int:
    """Given a question's name, how to answer and what reads the answer, show it and return the exit status.

    With `every_s` it goes on until Ctrl-C, and waits for a Redis that went away. Raise Complaint where Redis cannot be
    read at first.
    """
    with opened(verb, manner.folder) as (redis, keys), quiet_pipe():
        found = read(redis, keys)
        if manner.every_s is None:
            show(found, as_json=manner.as_json)
            return found.status
        return _watch(found, lambda: read(redis, keys), manner)


@contextmanager
def opened(verb: str, folder: Path | None) -> Iterator[tuple[Redis, Keys]]:
    """Given a command and a run's folder or None, yield its Redis and its names. Raise Complaint where it is away."""
    settings = settings_of(verb, folder)
    address = address_of(settings)
    redis = connect(address)
    try:
        yield redis, Keys(settings.quantum_key_prefix)
    except BrokenPipeError:
        raise
    except GONE as error:
        raise Complaint(
            f"{verb}: redis at {address.url} does not answer: {why_gone(error)}; nothing trades without it", status=1
        ) from None
    finally:
        redis.close()


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """Where nobody reads any more (a pipe into `head`), end without a word."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def console() -> Console:
    """Return where answers are shown: colours only on a terminal and without NO_COLOR, wide lines in a pipe."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return Console(highlight=False)
    return Console(highlight=False, width=PIPE_COLUMNS)


def show(found: Answer, *, as_json: bool) -> None:
    """Write an answer."""
    if as_json:
        sys.stdout.write(orjson.dumps(found.data, default=str).decode() + "\n")
        sys.stdout.flush()
    else:
        console().print(found.picture)


def _watch(first: Answer, again: Callable[[], Answer], manner: Manner) -> int:
    """Show answer after answer until Ctrl-C; return the status of the last."""
    found, out = first, console()
    live = Live(console=out, screen=True, auto_refresh=False) if out.is_terminal and not manner.as_json else None
    try:
        if live is not None:
            live.start()
        while True:
            if live is None:
                show(found, as_json=manner.as_json)
            else:
                live.update(Group(found.picture, Text(f"every {manner.every_s:g} s; Ctrl-C ends", "dim")), refresh=True)
            time.sleep(manner.every_s or 0)
            found = _patiently(again, manner)
    except KeyboardInterrupt:
        return found.status
    finally:
        if live is not None:
            live.stop()
            out.print(found.picture)


def _patiently(again: Callable[[], Answer], manner: Manner) -> Answer:
    try:
        return again()
    except BrokenPipeError:
        raise
    except GONE as error:
        words = f"redis does not answer: {why_gone(error)}"
        return Answer(Text(words, "red"), {"error": words, "watching_every_s": manner.every_s}, good=False)
