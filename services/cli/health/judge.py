"""The checklist: every verdict on one look, in the order in which an operator wants to read it. Pure."""

from services.cli.health.books import books
from services.cli.health.check import Check
from services.cli.health.daemons import daemons
from services.cli.health.flow import flow
from services.cli.health.limits import Limits
from services.cli.health.machine import machine
from services.cli.health.picture import Picture


def judge(picture: Picture, limits: Limits, now_ms: int) -> tuple[Check, ...]:
    """Given one look at a pipeline and what it is held against, return every check. `now_ms` is in epoch milliseconds
    by this machine's clock; ages are told by Redis' clock, which wrote the ids."""
    seen_ms = now_ms + picture.redis_offset_ms
    return (
        *daemons(picture, limits, now_ms),
        *flow(picture, limits, seen_ms),
        *books(picture, limits, now_ms),
        *machine(picture, limits, now_ms),
    )
