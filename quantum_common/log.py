"""Structured logs: fields of the journal under systemd, plain on a terminal, one JSON object a line elsewhere.

Whatever is logged, by us or by a library, passes `hidden`, so that an exception's text or an address cannot carry a key
into a log.
"""

import logging
import os
import re
import sys
from functools import lru_cache
from typing import Any, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from quantum_common.journal import Journal, entry, in_journal
from quantum_common.settings import without_password

Log = FilteringBoundLogger

_SECRET_NAME = re.compile(r"(secret|password|signature|token|api_?key|listen_?key)$", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"((?:signature|listen_?key|x-mbx-apikey|secret|password)['\"]?\s*[=:]\s*['\"]?)[^\s&'\",]+", re.IGNORECASE
)
_LISTEN_PATH = re.compile(r"(/ws/)[A-Za-z0-9]{32,}")  # the address of a user data stream ends in its key
HIDDEN = "***"
STANDARD_ERROR = 2


def set_level(log: Log, level: str) -> None:
    """Given a service's logger and a level, show what is at least that, wherever the logger was handed to."""
    made = log.bind()  # the one logger behind the name; structlog keeps the level in its class
    made.__class__ = structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()])


def setup(level: str, service: str) -> Log:
    """Given the lowest level to show and the service's name, configure logging and return the service's logger."""
    number = logging.getLevelNamesMapping()[level.upper()]
    ours = logging.StreamHandler(sys.stderr)
    ours.setFormatter(LibraryFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[ours])
    processors, factory = _way_out()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(number),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *processors,
        ],
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    return cast("Log", structlog.get_logger(service=service))


def _way_out() -> tuple[list[Processor], Any]:
    """Return what makes a line of an event, and what writes it: by where standard error leads."""
    if in_journal(os.environ, STANDARD_ERROR):
        journal = Journal()
        return [structlog.processors.format_exc_info, without_secrets, _as_entry], lambda *_: journal
    factory = structlog.WriteLoggerFactory(file=sys.stderr)
    if sys.stderr.isatty():
        return [without_secrets, structlog.dev.ConsoleRenderer()], factory
    as_json = structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str).decode())
    return [structlog.processors.format_exc_info, without_secrets, as_json], factory


class LibraryFormatter(logging.Formatter):
    """Writes what libraries log, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Given a record, return its text without secrets."""
        return hidden(super().format(record))


def _as_entry(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return entry(event)


def without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Given an event, hide what is called a secret, and what looks like one inside a text."""
    return {key: _shown(key, value) for key, value in event.items()}


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return _SECRET_NAME.search(key) is not None


def _shown(key: str, value: Any) -> Any:
    if _is_secret(key):
        return HIDDEN
    match value:
        case str():
            return hidden(value)
        case dict():
            return {name: _shown(str(name), one) for name, one in value.items()}
        case list() | tuple():
            return [_shown(key, one) for one in value]
        case _:
            return value


def hidden(text: str) -> str:
    """Given a text, return it with what looks like a secret inside it hidden."""
    if "=" not in text and ":" not in text and "/ws/" not in text:
        return text
    return _LISTEN_PATH.sub(rf"\1{HIDDEN}", _SECRET_TEXT.sub(rf"\1{HIDDEN}", without_password(text)))
