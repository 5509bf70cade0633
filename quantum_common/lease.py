"""A fenced lease: one executor and one P3.3 an account and shard. A second instance waits; one that was paused past its
lease and wakes can neither write nor send.

Every writing script of the holder compares the lease first, in the same step as its writes (`Fence`). A request to the
exchange is fenced by its own stamp: the lease lasts at least as long as a signed request stays valid, so whoever takes
over knows that nothing of the earlier holder can still be accepted after the fence.
"""

import contextlib
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from quantum_common.log import Log
from quantum_common.redis_client import UNREACHABLE, Redis
from quantum_common.scripts import Fence, Script

RENEW_EVERY_MS = 2_000
WAIT_MS = 250


class LeaseLost(Exception):
    """Another instance holds the lease: this one must end."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, so that its successor on the same machine can tell that it is gone."""

    machine: str
    boot: str
    space: str  # its pid namespace: in another one the same pid means another process
    pid: int
    born: str
    nonce: str

    def __str__(self) -> str:
        """Return the lease's value."""
        return "|".join((self.machine, self.boot, self.space, str(self.pid), self.born, self.nonce))

    @classmethod
    def me(cls) -> "Holder":
        """Return this process, unlike any other that ever held a lease."""
        return cls(_machine(), _boot(), _space(), os.getpid(), _born(os.getpid()), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str) -> "Holder | None":
        """Given a lease's value, return its holder, or None where somebody else wrote it."""
        parts = text.split("|")
        if len(parts) != 6 or not parts[3].isdigit():
            return None
        return cls(parts[0], parts[1], parts[2], int(parts[3]), parts[4], parts[5])

    def surely_gone(self, here: "Holder") -> bool:
        """Return whether this holder ran on the machine of `here`, in this boot or an earlier one, and is no more."""
        if self.machine != here.machine or not self.machine:
            return False
        if self.boot != here.boot:
            return True
        born = _born(self.pid)
        return self.space == here.space and born != self.born and (bool(born) or not _exists(self.pid))


def _machine() -> str:
    """Return the machine's own id with its name; an empty string, which equals nothing, where it has none."""
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}/{Path('/etc/machine-id').read_text(encoding='ascii').strip()}"
    return ""


def _space() -> str:
    with contextlib.suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return "unknown"


def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "unknown"


def _born(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks; an empty string where there is none."""
    with contextlib.suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[19]
    return ""


def _exists(pid: int) -> bool:
    """Return whether there is such a process, also where /proc hides those of other users (ProtectProc)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Lease:
    """One lease. `fence` goes to the stores whose scripts it guards."""

    def __init__(self, redis: Redis, key: str, ttl_ms: int, log: Log) -> None:
        self._me = Holder.me()
        self._key = key
        self._ttl_ms = ttl_ms
        self._log = log
        self._take = Script(redis, "take_lease")
        self._release = Script(redis, "release_lease")
        self.fence = Fence(key, str(self._me))

    async def acquire(self, pause: Callable[[int], Awaitable[None]], stopped: Callable[[], bool]) -> bool:
        """Wait for the lease and take it. Return False where the daemon is to stop before that."""
        said = ""
        while not stopped():
            try:
                holder = await self._try("")
                known = Holder.parse(holder)
                if known is not None and known.surely_gone(self._me):
                    holder = await self._try(holder)
            except UNREACHABLE as error:
                holder = f"nobody knows: {error}"
            if not holder:
                return True
            if holder != said:
                self._log.warning("another instance holds the lease; waiting for it", lease=self._key, holder=holder)
                said = holder
            await pause(WAIT_MS)
        return False

    async def renew(self) -> None:
        """Keep the lease; take it again where it ran out and nobody else took it. Raise LeaseLost where one did."""
        holder = await self._try("")
        if holder:
            raise LeaseLost(f"{self._key} is held by {holder}")

    async def release(self) -> None:
        """Give the lease back; one that cannot be given back runs out."""
        with contextlib.suppress(*UNREACHABLE):
            await self._release({"lease": self._key}, {"token": self.fence.token})

    async def _try(self, expected: str) -> str:
        answer = await self._take(
            {"lease": self._key}, {"token": self.fence.token, "expected": expected, "ttl_ms": self._ttl_ms}
        )
        return str(answer)
