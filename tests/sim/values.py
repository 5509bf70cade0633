"""Keys, strings, hashes and sorted sets of the simulated Redis: one method per command."""

from collections.abc import Callable
from typing import Any

from redis.exceptions import ResponseError

from tests.sim.lua import as_text


class Values:
    """The values and their expiry. Times come from the world's clock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.values: dict[str, Any] = {}
        self.expiry: dict[str, int] = {}
        self.run_id = 1

    def _get(self, key: str, kind: type) -> Any:
        until = self.expiry.get(key)
        if until is not None and until <= self._now_ms():
            self.values.pop(key, None)
            del self.expiry[key]
        value = self.values.get(key)
        if value is not None and kind is not object and type(value) is not kind:
            raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    # --- keys and strings ------------------------------------------------------------------------------------

    def do_get(self, key: str) -> str | None:
        return self._get(key, str)  # type: ignore[no-any-return]

    def do_mget(self, *keys: str) -> list[str | None]:
        found = [self._get(key, object) for key in keys]
        return [value if isinstance(value, str) else None for value in found]  # another type counts as absent

    def do_set(self, key: str, value: str, *options: str) -> str:
        self.expiry.pop(key, None)
        self.values[key] = value
        if options and options[0].upper() == "PX":
            self.expiry[key] = self._now_ms() + int(options[1])
        return "OK"

    def do_info(self, _section: str) -> str:
        return f"# Server\r\nrun_id:{self.run_id}\r\n"

    def do_exists(self, key: str) -> int:
        return int(self._get(key, object) is not None)

    def do_del(self, *keys: str) -> int:
        gone = 0
        for key in keys:
            gone += self._get(key, object) is not None
            self.values.pop(key, None)
            self.expiry.pop(key, None)
        return gone

    def do_pexpire(self, key: str, ttl_ms: str, *options: str) -> int:
        return self.do_pexpireat(key, str(self._now_ms() + int(ttl_ms)), *options)

    def do_pexpireat(self, key: str, until_ms: str, *options: str) -> int:
        if self._get(key, object) is None:
            return 0
        now, wanted = self.expiry.get(key), int(until_ms)
        option = options[0].upper() if options else ""
        if (option == "NX" and now is not None) or (option == "GT" and (now is None or wanted <= now)):
            return 0
        self.expiry[key] = wanted
        return 1

    def do_scan(self, prefix: str) -> list[str]:
        return [key for key in list(self.values) if key.startswith(prefix) and self._get(key, object) is not None]

    # --- hashes ----------------------------------------------------------------------------------------------

    def do_hget(self, key: str, field: str) -> str | None:
        value = self._get(key, dict)
        return value.get(field) if value else None

    def do_hmget(self, key: str, *fields: str) -> list[str | None]:
        value = self._get(key, dict) or {}
        return [value.get(field) for field in fields]

    def do_hgetall(self, key: str) -> list[str]:
        value = self._get(key, dict) or {}
        return [part for pair in value.items() for part in pair]

    def do_hset(self, key: str, *pairs: str) -> int:
        value = self._get(key, dict)
        if value is None:
            value = self.values[key] = {}
        before = len(value)
        value.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(value) - before

    def do_hsetnx(self, key: str, field: str, text: str) -> int:
        return 0 if self.do_hexists(key, field) else self.do_hset(key, field, text)

    def do_hexists(self, key: str, field: str) -> int:
        return int(field in (self._get(key, dict) or {}))

    def do_hdel(self, key: str, *fields: str) -> int:
        value = self._get(key, dict)
        if value is None:
            return 0
        gone = sum(value.pop(field, None) is not None for field in fields)
        if not value:
            self.do_del(key)
        return gone

    def do_hincrby(self, key: str, field: str, amount: str) -> int:
        total = int(self.do_hget(key, field) or 0) + int(amount)
        self.do_hset(key, field, str(total))
        return total

    def do_hlen(self, key: str) -> int:
        return len(self._get(key, dict) or {})

    def do_hvals(self, key: str) -> list[str]:
        return list((self._get(key, dict) or {}).values())

    # --- sorted sets -----------------------------------------------------------------------------------------

    def _zset(self, key: str) -> "ZSet":
        value = self._get(key, ZSet)
        if value is None:
            value = self.values[key] = ZSet()
        return value  # type: ignore[no-any-return]

    def do_zadd(self, key: str, score: str, member: str) -> int:
        value = self._zset(key)
        new = member not in value
        value[member] = float(score)
        return int(new)

    def do_zrem(self, key: str, *members: str) -> int:
        value = self._get(key, ZSet) or {}
        gone = sum(value.pop(member, None) is not None for member in members)
        if gone and not value:
            self.do_del(key)
        return gone

    def do_zcard(self, key: str) -> int:
        return len(self._get(key, ZSet) or {})

    def do_zscore(self, key: str, member: str) -> str | None:
        score = (self._get(key, ZSet) or {}).get(member)
        return None if score is None else as_text(score)

    def do_zcount(self, key: str, low: str, high: str) -> int:
        inside = _between(low, high)
        return sum(inside(score) for score in (self._get(key, ZSet) or {}).values())

    def do_zremrangebyscore(self, key: str, low: str, high: str) -> int:
        value, inside = self._get(key, ZSet) or {}, _between(low, high)
        return self.do_zrem(key, *[member for member, score in value.items() if inside(score)])

    def do_zrangebyscore(self, key: str, low: str, high: str) -> list[str]:
        inside = _between(low, high)
        value = self._get(key, ZSet) or {}
        return sorted((member for member, score in value.items() if inside(score)), key=lambda m: (value[m], m))


class ZSet(dict[str, float]):
    """Members and scores."""


def _between(low: str, high: str) -> Callable[[float], bool]:
    def bound(text: str) -> tuple[float, bool]:
        return float(text.lstrip("(")), text.startswith("(")

    (bottom, open_bottom), (top, open_top) = bound(str(low)), bound(str(high))
    return lambda score: (
        (score > bottom if open_bottom else score >= bottom) and (score < top if open_top else score <= top)
    )
