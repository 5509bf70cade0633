"""Structured logs on standard error: plain on a terminal, one JSON object a line elsewhere."""

import logging
import sys
from typing import cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

Log = FilteringBoundLogger


def set_level(log: Log, level: str) -> None:
    """Given a service's logger and a level, show what is at least that, wherever the logger was handed to."""
    made = log.bind()  # the one logger behind the name; structlog keeps the level in its class
    made.__class__ = structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()])


def setup(level: str, service: str) -> Log:
    """Given the lowest level to show and the service's name, configure logging and return the service's logger."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(
        level=max(number, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    terminal = sys.stderr.isatty()
    renderer = (
        structlog.dev.ConsoleRenderer()
        if terminal
        else structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str).decode())
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(number),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    return cast("Log", structlog.get_logger(service=service))
