"""`quantum top`: the pipeline on the whole terminal, until q."""

import sys
from pathlib import Path

from services.cli.complaint import Complaint
from services.cli.health.limits import limits_of
from services.cli.options import EXIT_USAGE
from services.cli.questions.answer import opened
from services.cli.top.app import Top
from services.cli.top.sample import Sampler

VERB = "top"


def run_top(folder: Path | None, every_s: float) -> int:
    """Show the pipeline until the operator quits; return 0. Raise Complaint where there is no terminal or no Redis."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Complaint(f"{VERB}: needs a terminal; quantum health and quantum why answer in lines", EXIT_USAGE)
    limits = limits_of(VERB, folder)
    with opened(VERB, folder) as (redis, keys):
        redis.ping()
        Top(Sampler(redis, keys, limits).read, every_s).run()
    return 0
