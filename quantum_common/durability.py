"""A Redis that forgets acknowledged writes costs money; a daemon says so before it trades on one."""

from redis.exceptions import ResponseError

from quantum_common.log import Log
from quantum_common.redis_client import Redis
from quantum_common.settings import CommonSettings, Durability

WANTED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}


class DurabilityRefused(Exception):
    """Redis is set so that it may lose what it acknowledged."""


async def require_durable(redis: Redis, settings: CommonSettings, log: Log) -> None:
    """Given a Redis, return where it is set to keep what it acknowledges, or where QUANTUM_DURABILITY is relaxed.

    Raise DurabilityRefused naming the setting otherwise.
    """
    try:
        actual = await redis.config_get(*WANTED)
    except ResponseError as error:
        raise DurabilityRefused(f"cannot read redis' settings: {error}; allow this user +config|get") from None
    wrong = {name: actual.get(name, "") for name, wanted in WANTED.items() if actual.get(name) != wanted}
    if not wrong:
        return
    said = ", ".join(f"{name} is {value or 'unknown'}, wanted {WANTED[name]}" for name, value in wrong.items())
    if settings.quantum_durability is Durability.STRICT:
        raise DurabilityRefused(f"redis may lose acknowledged writes: {said}; or set QUANTUM_DURABILITY=relaxed")
    log.warning(
        "redis may lose acknowledged writes; the fence and the exchange's truth have to cover it", settings=said
    )
