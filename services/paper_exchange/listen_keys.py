"""The listen key of the account: one at a time, alive for an hour after each keep-alive."""

import secrets
import string
from dataclasses import dataclass
from typing import NamedTuple

_ALPHABET = string.ascii_letters + string.digits
KEY_LENGTH = 64


class ListenKey(NamedTuple):
    """A key and when it dies."""

    key: str
    expires_ms: int


@dataclass(slots=True)
class ListenKeys:
    """The account's listen key, if one is alive."""

    life_ms: int
    current: ListenKey | None = None

    def open(self, now_ms: int) -> str:
        """Given the time, return the living key, its life renewed, or a new one."""
        key = self.current.key if self.current is not None and self.is_alive(self.current.key, now_ms) else _new_key()
        self.current = ListenKey(key, now_ms + self.life_ms)
        return key

    def keep_alive(self, now_ms: int) -> str | None:
        """Given the time, renew the living key and return it, or None where none is alive."""
        if self.current is None or not self.is_alive(self.current.key, now_ms):
            return None
        self.current = ListenKey(self.current.key, now_ms + self.life_ms)
        return self.current.key

    def close(self) -> str | None:
        """End the key and return which it was."""
        ended, self.current = self.current, None
        return ended.key if ended is not None else None

    def expired(self, now_ms: int) -> str | None:
        """Given the time, end and return the key whose life is over, or None."""
        if self.current is not None and now_ms >= self.current.expires_ms:
            return self.close()
        return None

    def is_alive(self, key: str, now_ms: int) -> bool:
        """Given a key and the time, return whether it is the living one."""
        return self.current is not None and self.current.key == key and now_ms < self.current.expires_ms


def _new_key() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH))
