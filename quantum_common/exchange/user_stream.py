"""The user data stream: the account's changes, and `Connected` whenever some may have been missed.

The listen key comes from REST and is kept alive by a request a minute, which also finds out within a minute that it
died unannounced. It is never deleted: the exchange gives one key to all daemons of an account, and deleting it would
end the others' streams.
"""

import orjson
from structlog.typing import FilteringBoundLogger

from quantum_common.clock import Clock
from quantum_common.exchange.answers import MalformedAnswer
from quantum_common.exchange.budget import Lane
from quantum_common.exchange.outcome import Refused
from quantum_common.exchange.port import Connected, UserEvent
from quantum_common.exchange.rows import field
from quantum_common.exchange.session import ONE, Session
from quantum_common.exchange.supervision import Feed, StreamBroken, supervise
from quantum_common.exchange.user_events import Ending, events_of

KEEP_ALIVE_EVERY_MS = 60_000
KEEP_ALIVE_RETRY_MS = 5_000
EVENTS_WAITING_MAX = 100_000


class UserStream:
    """The supervised user data stream of one account."""

    name = "user"

    def __init__(self, session: Session, stream_url: str, clock: Clock, log: FilteringBoundLogger) -> None:
        self._session = session
        self._stream_url = stream_url
        self._clock = clock
        self._log = log
        self._listen_key = ""
        self._feed: Feed[UserEvent] = Feed()

    async def next_event(self) -> UserEvent:
        """Wait for the next event; the first call opens the stream. Raise ConfigurationRefused for a refused key."""
        if not self._feed.started:
            self._feed.start(supervise(self, self._clock, self._log))
        return await self._feed.get()

    async def close(self) -> None:
        """Close the stream."""
        await self._feed.close()

    async def address(self) -> str:
        """Return the stream's URL with a listen key that is alive now. Raise ExchangeUnavailable where none is had."""

        async def asked() -> str:
            try:
                return str(await self._session.client.futures_stream_get_listen_key())
            except (LookupError, TypeError):
                raise MalformedAnswer("no listenKey") from None

        self._listen_key = await self._session.read(Lane.RESOLVE, ONE, asked)
        return f"{self._stream_url}/private/ws/{self._listen_key}"

    def opened(self) -> None:
        """Say that the stream stands, before anything that comes over it."""
        self._feed.put(Connected())

    def received(self, frame: bytes) -> None:
        """Take a frame in. Raise StreamBroken where it ends the stream, cannot be read, or nobody takes the events."""
        try:
            events = events_of(orjson.loads(frame))
        except (orjson.JSONDecodeError, MalformedAnswer) as malformed:
            raise StreamBroken(f"malformed event: {malformed}") from malformed
        if isinstance(events, Ending):
            raise StreamBroken(events.value)
        if self._feed.waiting + len(events) > EVENTS_WAITING_MAX:
            # What is thrown away is read anew over REST: the next connection begins with Connected.
            self._feed.clear()
            raise StreamBroken("nobody takes the events")
        for event in events:
            self._feed.put(event)

    async def guard(self) -> None:
        """Keep the listen key alive. Raise StreamBroken where the exchange does not know it any more."""
        wait_ms = KEEP_ALIVE_EVERY_MS
        while True:
            await self._clock.sleep_ms(wait_ms)
            outcome = await self._session.attempt(Lane.RESOLVE, ONE, self._keep_alive)
            if isinstance(outcome, Refused):
                raise StreamBroken(f"code {outcome.code}: {outcome.text}")
            wait_ms = KEEP_ALIVE_EVERY_MS if outcome is True else KEEP_ALIVE_RETRY_MS

    async def _keep_alive(self) -> bool:
        answer = await self._session.client.futures_stream_keepalive(self._listen_key)
        if field(answer, "listenKey") not in {None, self._listen_key}:
            raise StreamBroken("the listen key has changed")
        return True
