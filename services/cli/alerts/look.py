"""One look for the alerts: the checks of `quantum health`, and what stands in their way as checks of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.redis_client import why_gone
from quantum_common.settings import SettingsError
from services.cli.health.check import Check, Level
from services.cli.health.collect import collect
from services.cli.health.judge import judge
from services.cli.health.limits import load_limits
from services.cli.redis_link import GONE


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found. `whole` says that everything was looked at."""

    checks: tuple[Check, ...]
    whole: bool


def look(redis: Redis, keys: Keys, environ: Mapping[str, str]) -> Seen:
    """Given the way to Redis and the environment that the services' settings are read with, return what was found.

    The settings are read anew each time: limits and allowlists change while this runs.
    """
    try:
        limits = load_limits(environ)
    except SettingsError as error:
        return Seen((Check("settings", "", Level.BAD, "unreadable", "valid", str(error)),), whole=False)
    now_ms = epoch_ms()
    try:
        found = collect(redis, keys, limits.symbols, now_ms - limits.window_ms)
    except GONE as error:
        words = f"nothing can be traded or known without it: {limits.place.redis} ({why_gone(error)})"
        return Seen((Check("redis", "", Level.BAD, "no answer", "answers", words),), whole=False)
    return Seen(judge(found, limits, epoch_ms()), whole=True)
