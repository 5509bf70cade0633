"""A real HTTP receiver for notices: it answers as it is told to, and remembers what it got."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Receiver:
    """`answers` are the next statuses, 200 once they are used up; 0 is an answer that does not come."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0
    keys: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.tries += 1
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            await asyncio.Event().wait()
        if status == 200:
            self.got.append(await request.json())
            self.keys.append(request.headers["Idempotency-Key"])
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else None)

    @property
    def told(self) -> list[tuple[str, str]]:
        """What got through, in order."""
        return [(one["kind"], f"{one['name']} {one['subject']}".strip()) for one in self.got]


@asynccontextmanager
async def receiving(port: int = 0, receiver: Receiver | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens, on a free port or on the one that it had before."""
    found = Receiver() if receiver is None else receiver
    app = web.Application()
    app.router.add_post("/hook", found.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield found
    finally:
        await runner.cleanup()
