"""The engine at work: closed bars in, one recorded verdict for each symbol out.

A bar is taken into the features once and then stays due until its verdict is recorded, so Redis may go and come back
in between. Of several bars that come at once only a symbol's newest is decided on: the older ones are the past.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from quantum_common.clock import Clock
from quantum_common.exchange.port import Bar, ExchangeUnavailable, MarketPort, SymbolRules
from quantum_common.log import Log
from quantum_common.progress import Progress
from quantum_common.state import EngineVerdict, Portfolio
from services.ai_engine.bars import BarFault, DeadBar
from services.ai_engine.decide import decide
from services.ai_engine.features import Features, Ignored, SymbolFeatures, Updated
from services.ai_engine.market_state import market_state
from services.ai_engine.model import Model
from services.ai_engine.policy import Policy
from services.ai_engine.ports import Known, Store
from services.ai_engine.standing import Seen
from services.ai_engine.verdict import Verdict, engine_verdict

BATCH = 64  # symbols whose positions are read together: none is decided on what is long past
DEAD_MAX = 1000  # dead letters that wait for a Redis that is gone
LATE_MS = 10_000  # a bar that waited longer for its decision is only recorded


class Due(NamedTuple):
    """A bar that was taken in and is to be recorded, and where `act` to be decided on."""

    bar: Bar
    features: Features
    taken_ms: int
    act: bool = True


@dataclass(frozen=True, slots=True)
class Universe:
    """What to look at: the symbols, the interval of their bars, and how many of the past to read."""

    symbols: tuple[str, ...]
    interval: str
    history_bars: int
    stale_bars: int


@dataclass
class Engine:
    """Decides on closed bars."""

    market: MarketPort
    store: Store
    clock: Clock
    log: Log
    universe: Universe
    model: Model
    policy: Policy
    progress: Progress = field(default_factory=Progress)
    rules: Mapping[str, SymbolRules] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._features = {symbol: SymbolFeatures(self.policy.interval_ms) for symbol in self.universe.symbols}
        self._due: dict[str, Due] = {}
        self._taken_ms = dict.fromkeys(self.universe.symbols, self.clock.now_ms())
        self._stale: frozenset[str] = frozenset()
        self._verdicts: dict[str, EngineVerdict] = {}
        self._dead: list[DeadBar] = []

    # --- start -------------------------------------------------------------------------------------------------------

    async def warm_up(self) -> None:
        """Read the filters, then every listed symbol's past, one after the other at the exchange's own pace.

        Where each market stands is then due to be recorded; the past is not decided on.
        """
        while not self.rules:
            await self.refresh_rules()
        symbols = self.universe.symbols
        unlisted = [symbol for symbol in symbols if symbol not in self.rules]
        for symbol in symbols:
            if symbol in self.rules:
                past = self._take(await self._history(symbol))
                self._due |= {name: due._replace(act=False) for name, due in past.items()}
        cold = [symbol for symbol in symbols if symbol in self.rules and not self._features[symbol].warm]
        self.log.info("warm-up done", symbols=len(symbols), cold=",".join(cold), unlisted=",".join(unlisted))

    async def _history(self, symbol: str) -> Sequence[Bar]:
        while True:
            try:
                return await self.market.history(symbol, self.universe.interval, self.universe.history_bars)
            except ExchangeUnavailable as away:
                self.log.warning("waiting for the exchange's history", symbol=symbol, error=away.cause)
                await self.clock.sleep_ms(away.retry_after_ms)

    async def refresh_rules(self) -> None:
        """Read the exchange's filters. Where they cannot be had the last ones hold, and a pause is taken."""
        try:
            self.rules = await self.market.rules()
        except ExchangeUnavailable as away:
            self.log.warning("no filters from the exchange; the last ones hold", error=away.cause)
            await self.clock.sleep_ms(away.retry_after_ms)

    # --- bars --------------------------------------------------------------------------------------------------------

    async def step(self) -> None:
        """Wait for closed bars unless some are due, then decide on what is due. May be called again after a failure:
        nothing is lost and nothing is done twice."""
        if not self._due:
            self._due = self._take(await self.market.next_bars())
        if self._dead:
            await self.store.bury(self._dead)
            self._dead = []
        before: list[str] = []
        while self._due:
            batch = dict(islice(self._due.items(), BATCH))
            portfolio = await self.store.portfolio()
            known = await self.store.positions(list(batch))
            for symbol, due in batch.items():
                if not await self._record(symbol, due, known[symbol], portfolio):
                    before.append(symbol)
                del self._due[symbol]
        if before:
            self.log.warning("bars were recorded before and are not done again", symbols=",".join(before))

    def _take(self, bars: Iterable[Bar]) -> dict[str, Due]:
        """Given bars in order, take each into its symbol's features; return the newest of each symbol."""
        now_ms, due = self.clock.now_ms(), dict[str, Due]()
        gaps, restarted, refused = dict[str, int](), list[str](), dict[str, BarFault]()
        for bar in bars:
            features = self._features.get(bar.symbol)
            if features is None:
                continue
            match features.update(bar):
                case Updated(found, missing, anew):
                    due[bar.symbol] = Due(bar, found, now_ms)
                    self._taken_ms[bar.symbol] = now_ms
                    self.progress.handled += 1
                    if missing:
                        gaps[bar.symbol] = gaps.get(bar.symbol, 0) + missing
                    if anew:
                        restarted.append(bar.symbol)
                case BarFault() as fault:
                    refused[bar.symbol] = fault
                    self.progress.dead += 1
                    self._dead = [*self._dead, DeadBar.of(bar, fault, now_ms)][-DEAD_MAX:]
                case Ignored():
                    continue
        if due:
            self.progress.last_message_ms = now_ms
        if gaps:
            self.log.warning("bars are missing", missing=gaps, cold_again=",".join(restarted))
        if refused:
            self.log.warning("bars contradict themselves and are not used", faults=refused)
        return due

    async def _record(self, symbol: str, due: Due, known: Known, portfolio: Portfolio | None) -> bool:
        """Given a due bar and what stands of its symbol, decide and record. Return False where it was recorded before;
        where a bar of the past is, that is as it should be."""
        now_ms = self.clock.now_ms()
        late_ms = now_ms - due.taken_ms
        if not due.act or late_ms > LATE_MS:
            if due.act:
                self.log.warning("too late to decide on a bar", symbol=symbol, late_ms=late_ms)
            await self.store.record_bar(symbol, market_state(due.features, now_ms), (), None)
            return True
        seen = Seen(symbol, due.bar, due.features, known.ledger, portfolio, known.memory, self.rules.get(symbol))
        verdict = decide(seen, self.model, self.policy, now_ms)
        memory = None if verdict.memory == known.memory else verdict.memory
        state, said = market_state(due.features, now_ms), self._said(symbol, due, verdict, now_ms)
        if not await self.store.record_bar(symbol, state, verdict.intents, memory, said):
            return False
        self._verdicts[symbol] = said
        self.log.debug("bar", symbol=symbol, bar_close_ms=due.bar.close_ms, why=verdict.why or "entry")
        for intent in verdict.intents:
            self.log.info(
                "intent", intent_id=intent.intent_id, symbol=symbol, action=intent.action, side=intent.side,
                reason=intent.reason,
            )  # fmt: skip
        return True

    def _said(self, symbol: str, due: Due, verdict: Verdict, now_ms: int) -> EngineVerdict:
        return engine_verdict(
            verdict, self._verdicts.get(symbol), due.bar.close_ms, self.model.version, now_ms
        )  # fmt: skip

    # --- watch -------------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Say which symbols have had no bar for too long, and when they are back; once each time."""
        oldest_ms = self.clock.now_ms() - self.universe.stale_bars * self.policy.interval_ms
        stale = frozenset(symbol for symbol, taken_ms in self._taken_ms.items() if taken_ms < oldest_ms)
        if stale - self._stale:
            self.log.warning("no bars; the market state is stale", symbols=",".join(sorted(stale - self._stale)))
        if self._stale - stale:
            self.log.info("bars again", symbols=",".join(sorted(self._stale - stale)))
        self._stale = stale
