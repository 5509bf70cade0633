"""Closed one-minute bars of the subscribed symbols, each once and in order, over websocket and REST together."""

import asyncio
from collections.abc import Mapping, Sequence

import orjson
from structlog.typing import FilteringBoundLogger

from quantum_common.clock import Clock
from quantum_common.exchange.answers import MalformedAnswer
from quantum_common.exchange.bar_sequence import BarSequence
from quantum_common.exchange.history import History
from quantum_common.exchange.port import Bar, ExchangeUnavailable
from quantum_common.exchange.rows import streamed_bar_of
from quantum_common.exchange.supervision import Feed, StreamBroken, supervise

INTERVAL = "1m"
INTERVAL_MS = 60_000
STREAMS_A_CONNECTION = 200
SILENCE_MS_MAX = 90_000  # a wrong route or a dead subscription is silent for ever; a market is not
REFILL_WAIT_MS = 500


class MarketLine:
    """One connection, with the bars of up to 200 symbols."""

    def __init__(
        self,
        name: str,
        stream_url: str,
        sequences: Mapping[str, BarSequence],
        history: History,
        feed: Feed[Sequence[Bar]],
        clock: Clock,
    ) -> None:
        self.name = name
        self._stream_url = stream_url
        self._sequences = sequences
        self._history = history
        self._feed = feed
        self._clock = clock
        self._received_ms = 0
        self._broken = asyncio.Event()

    async def address(self) -> str:
        """Return the URL of the combined stream."""
        streams = "/".join(f"{symbol.lower()}@kline_{INTERVAL}" for symbol in self._sequences)
        return f"{self._stream_url}/market/stream?streams={streams}"

    def opened(self) -> None:
        """Have every symbol that delivered bars before read over REST: some may have closed in between."""
        self._received_ms = self._clock.now_ms()
        for sequence in self._sequences.values():
            sequence.interrupt()
        self._broken.set()

    def received(self, frame: bytes) -> None:
        """Take a frame in; one with a closed bar is delivered or held. Raise StreamBroken where it cannot be read."""
        self._received_ms = self._clock.now_ms()
        try:
            message = orjson.loads(frame)
            kline = message["data"]["k"]
            if kline["x"] is not True or kline["i"] != INTERVAL:
                return
            bar = streamed_bar_of(kline)
            sequence = self._sequences[bar.symbol]
        except (orjson.JSONDecodeError, MalformedAnswer, LookupError, TypeError) as malformed:
            raise StreamBroken(f"malformed kline: {malformed}") from malformed
        self._deliver(sequence.offer(bar))
        if sequence.broken:
            self._broken.set()

    async def guard(self) -> None:
        """Read over REST what the stream left out. Raise StreamBroken where the stream has fallen silent."""
        while True:
            try:
                async with asyncio.timeout(SILENCE_MS_MAX / 1000):
                    await self._broken.wait()
            except TimeoutError:
                self._require_sound()
                continue
            self._broken.clear()
            for symbol, sequence in self._sequences.items():
                await self._fill_gap(symbol, sequence)

    def _require_sound(self) -> None:
        silent_ms = self._clock.now_ms() - self._received_ms
        if silent_ms >= SILENCE_MS_MAX:
            raise StreamBroken(f"silent for {silent_ms} ms")

    async def _fill_gap(self, symbol: str, sequence: BarSequence) -> None:
        """Given a symbol, read its history while it has a gap, and deliver all of it at once.

        Whoever acts on the newest bar that it is given then acts on the present, and not on where one page ended.
        """
        found: list[Bar] = []
        while (after_ms := sequence.gap_after_ms) is not None:
            found += await self._page(symbol, sequence, after_ms)
        self._deliver(found)

    async def _page(self, symbol: str, sequence: BarSequence, after_ms: int) -> list[Bar]:
        """Given a symbol with a gap after a bar, read a page of its history and return what follows."""
        try:
            page = await self._history.page_after(symbol, INTERVAL, after_ms)
        except ExchangeUnavailable as unavailable:
            await self._clock.sleep_ms(unavailable.retry_after_ms)
            return []
        # The newest row may still be open. Where the page is full, there is more to come after it.
        closed, newest = page[:-1], page[-1] if page else None
        delivered = sequence.fill(closed, newest.open_ms if newest else after_ms)
        if len(page) >= History.PAGE_ROWS:
            sequence.interrupt()
        if sequence.broken and not delivered:
            await self._clock.sleep_ms(REFILL_WAIT_MS)
        return delivered

    def _deliver(self, bars: Sequence[Bar]) -> None:
        if bars:
            self._feed.put(bars)


class MarketStream:
    """The bars of all subscribed symbols, over as many connections as they need."""

    def __init__(
        self,
        symbols: Sequence[str],
        stream_url: str,
        history: History,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._sequences = {symbol: BarSequence(INTERVAL_MS) for symbol in symbols}
        self._feed: Feed[Sequence[Bar]] = Feed()
        self._clock = clock
        self._log = log
        names = list(self._sequences)
        self._lines = [
            MarketLine(
                f"market-{start // STREAMS_A_CONNECTION}",
                stream_url,
                {name: self._sequences[name] for name in names[start : start + STREAMS_A_CONNECTION]},
                history,
                self._feed,
                clock,
            )
            for start in range(0, len(names), STREAMS_A_CONNECTION)
        ]

    def read_up_to(self, symbol: str, interval: str, open_ms: int) -> None:
        """Given the newest bar that the reader got from the history, have the stream go on after it."""
        if interval == INTERVAL and symbol in self._sequences:
            self._sequences[symbol].begin_after(open_ms)

    async def next_bars(self) -> Sequence[Bar]:
        """Wait for closed bars and return all that are there; the first call opens the stream."""
        if not self._feed.started:
            self._feed.start(*(supervise(line, self._clock, self._log) for line in self._lines))
        first = await self._feed.get()
        return [bar for bars in (first, *self._feed.get_waiting()) for bar in bars]

    async def close(self) -> None:
        """Close every connection."""
        await self._feed.close()
