"""Cuts one script's transaction in every way and looks what becomes of it."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from quantum_common.redis_client import connect_url
from tests.chaos.aof.judging import after_start, when_settled
from tests.chaos.aof.remains import Remains
from tests.chaos.aof.scenario import Written
from tests.chaos.aof.server import FILES, INCREMENT, running

OTHER_TRAFFIC = "redis.call('HSET', KEYS[1], 'a', 1); redis.call('HSET', KEYS[1], 'b', 2); return 1"


@dataclass
class Bench:
    """A folder to start servers in, from a copy of the files that a life left."""

    binary: Path
    base: Path
    folder: Path
    judged: dict[bytes, list[str]] = field(default_factory=dict)

    async def cut_at(self, written: Written, at: int) -> list[str]:
        """Given a byte, cut there, start twice with other traffic between, and return what is wrong in the end.

        A cut that the first start brings to the same file as an earlier cut's ends as that one did.
        """
        self._lay(written.transaction.cut(at))
        with running(self.binary, self.folder) as url:
            kept = self._file.read_bytes()
            if kept in self.judged:
                return self.judged[kept]
            redis = connect_url(url)
            await redis.eval(OTHER_TRAFFIC, 1, "chaos:other")
            await redis.aclose()
        self.judged[kept] = await self._take_up(written)
        return self.judged[kept]

    async def torn_at(self, written: Written, kept: int) -> list[str]:
        """Given a number of commands, let so many of them take effect, and return what is wrong in the end."""
        self._lay(written.transaction.torn(kept))
        return await self._take_up(written)

    async def _take_up(self, written: Written) -> list[str]:
        with running(self.binary, self.folder) as url:
            redis = connect_url(url)
            try:
                chain = Remains.within(redis, written.world)
                await chain.start()
                findings = [f"after the start: {finding}" async for finding in after_start(chain)]
                await chain.go_on()
                return findings + [finding async for finding in when_settled(chain)]
            finally:
                await redis.aclose()

    def _lay(self, content: bytes) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.copytree(self.base / FILES, self.folder / FILES)
        self._file.write_bytes(content)

    @property
    def _file(self) -> Path:
        return self.folder / FILES / INCREMENT


def bytes_of(written: Written, every: int) -> Iterable[int]:
    """Given a script's run and a stride, return the bytes to cut at: the first, the last, and each so many between."""
    length = len(written.transaction.written)
    return sorted({0, length, *range(1, length, every)})
