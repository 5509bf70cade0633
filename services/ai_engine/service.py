"""The engine at work: closed bars in, one recorded verdict for each symbol out.

A bar is taken into the features once and then stays due until its verdict is recorded, so Redis may go and come back
in between. Of several bars that come at once only a symbol's newest is decided on: the older ones are the past.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from quantum_common.clock import Clock
from quantum_common.exchange.port import Bar, ExchangeUnavailable, FundingTerms, MarketPort, SymbolRules
from quantum_common.log import Log
from quantum_common.progress import Progress
from quantum_common.state import EngineVerdict, ModelStatus, Portfolio
from services.ai_engine.bars import BAR, DeadBar
from services.ai_engine.care import Care, untrained
from services.ai_engine.decide import decide
from services.ai_engine.features import Features
from services.ai_engine.fitness import FIT, Fitness
from services.ai_engine.intake import Due, Intake, Taken, Universe
from services.ai_engine.market_state import market_state
from services.ai_engine.model import Model
from services.ai_engine.policy import Policy
from services.ai_engine.ports import Known, Store
from services.ai_engine.standing import Seen
from services.ai_engine.verdict import ENTRY, engine_verdict

WORK = "the work on closed bars"  # as the watchdog calls it
BATCH = 64  # symbols whose positions are read together: none is decided on what is long past
DEAD_MAX = 1000  # dead letters that wait for a Redis that is gone
LATE_MS = 10_000  # a bar that waited longer for its decision is only recorded
BARS_A_TURN, LOOKED_A_TURN = 500, 64  # what is done of a long past before others get their turn: some 30 ms


@dataclass
class Engine:
    """Decides on closed bars. `care` is there with a trained model; without one, `fitness` is what it begins with."""

    market: MarketPort
    store: Store
    clock: Clock
    log: Log
    universe: Universe
    model: Model
    policy: Policy
    care: Care | None = None
    fitness: Fitness = FIT
    progress: Progress = field(default_factory=Progress)
    rules: Mapping[str, SymbolRules] = field(default_factory=dict)
    funding: Mapping[str, FundingTerms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._intake = Intake(self.universe, self.policy)
        self._due: dict[str, Due] = {}
        self._taken_ms = dict.fromkeys(self.universe.symbols, self.clock.now_ms())
        self._past_known = False
        self._stale: frozenset[str] = frozenset()
        self._verdicts: dict[str, EngineVerdict] = {}
        self._dead: list[DeadBar] = []
        self._decisions: list[tuple[str, Features]] = []

    # --- start -------------------------------------------------------------------------------------------------------

    async def warm_up(self) -> None:
        """Read the filters, then every listed symbol's past, one after the other at the exchange's own pace.

        Where each market stands is then due to be recorded; the past is not decided on. A trained model is shown all of
        it, so that its drift is what it was before the start; until then only its age is judged, because a part of the
        symbols is no measure of all.
        """
        self._judge_model()
        while not self.rules:
            await self.refresh()
        followed = self.universe.followed
        unlisted = [symbol for symbol in followed if symbol not in self.rules]
        for symbol in followed:
            if symbol in self.rules:
                past = await self._take(await self._history(symbol))
                self._due |= {name: due._replace(act=False) for name, due in past.items()}
                await self._look_back()
        self._past_known = True
        features = self._intake.features
        cold = [symbol for symbol in followed if symbol in self.rules and not features[symbol].warm]
        self.log.info(
            "warm-up done", symbols=len(self.universe.symbols), cold=",".join(cold), unlisted=",".join(unlisted)
        )
        self._judge_model()

    async def _history(self, symbol: str) -> Sequence[Bar]:
        while True:
            try:
                return await self.market.history(symbol, BAR, self.universe.history_bars)
            except ExchangeUnavailable as away:
                self.log.warning("waiting for the exchange's history", symbol=symbol, error=away.cause)
                await self.clock.sleep_ms(away.retry_after_ms)

    async def refresh(self) -> None:
        """Read the exchange's filters and rates. What cannot be had stays as it was, and a pause is taken."""
        try:
            self.rules = await self.market.rules()
            self.funding = await self.market.funding_terms()
        except ExchangeUnavailable as away:
            self.log.warning("no filters or rates from the exchange; the last ones hold", error=away.cause)
            await self.clock.sleep_ms(away.retry_after_ms)

    # --- bars --------------------------------------------------------------------------------------------------------

    async def step(self) -> None:
        """Wait for closed bars unless some are due, then decide on what is due. May be called again after a failure:
        nothing is lost and nothing is done twice."""
        if not self._due:
            self._due = await self._take(await self.market.next_bars())
        before: list[str] = []
        while self._due:
            self.progress.round(WORK, self.clock.now_ms())
            batch = dict(islice(self._due.items(), BATCH))
            portfolio, known = await self.store.known(list(batch))
            for symbol, due in batch.items():
                if not await self._record(symbol, due, known[symbol], portfolio):
                    before.append(symbol)
                del self._due[symbol]
        self.progress.over(WORK)
        if before:
            self.log.warning("bars were recorded before and are not done again", symbols=",".join(before))
        await self._look_back()
        if self._dead:
            await self.store.bury(self._dead)
            self._dead = []

    async def _take(self, bars: Sequence[Bar]) -> dict[str, Due]:
        """Given bars in order, take each in; return the newest of each symbol, and say what was wrong.

        Days of bars, from a start or a long absence, are taken in turns with whatever else waits on the loop.
        """
        now_ms, taken = self.clock.now_ms(), Taken()
        for start in range(0, len(bars), BARS_A_TURN):
            if start:
                await self.clock.sleep_ms(0)
            self._intake.take(bars[start : start + BARS_A_TURN], now_ms, taken)
        self._taken_ms |= dict.fromkeys(taken.due, now_ms)
        self._decisions += taken.decisions
        self._dead = [*self._dead, *taken.dead][-DEAD_MAX:]
        self.progress.handled += taken.count
        self.progress.dead += len(taken.dead)
        if taken.count:
            self.progress.last_message_ms = now_ms
        self._say(taken)
        return taken.due

    def _say(self, taken: Taken) -> None:
        if taken.gaps:
            self.log.warning("bars are missing", missing=taken.gaps, cold_again=",".join(taken.restarted))
        if taken.refused:
            self.log.warning("bars contradict themselves and are not used", faults=taken.refused)

    async def _look_back(self) -> None:
        """Show the decision bars of late to the model's care: after the decisions, which need not wait for it."""
        seen, self._decisions = self._decisions, []
        if self.care is None:
            return
        for number, (symbol, features) in enumerate(seen, start=1):
            self.care.observe(symbol, features, self.model.predict(features))
            if number % LOOKED_A_TURN == 0:
                await self.clock.sleep_ms(0)

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
        seen = Seen(
            symbol, due.bar, due.features, known.ledger, portfolio, known.memory, self.rules.get(symbol),
            self.funding.get(symbol), self.fitness,
        )  # fmt: skip
        verdict = decide(seen, self.model, self.policy, now_ms)
        memory = None if verdict.memory == known.memory else verdict.memory
        state, close_ms = market_state(due.features, now_ms), due.bar.close_ms
        said = engine_verdict(verdict, self._verdicts.get(symbol), close_ms, self.policy, self.model.version, now_ms)
        if not await self.store.record_bar(symbol, state, verdict.intents, memory, said):
            return False
        self._verdicts[symbol] = said
        self.log.debug("bar", symbol=symbol, bar_close_ms=due.bar.close_ms, why=verdict.why or ENTRY)
        for intent in verdict.intents:
            self.log.info(
                "intent", intent_id=intent.intent_id, symbol=symbol, action=intent.action, side=intent.side,
                reason=intent.reason,
            )  # fmt: skip
        return True

    # --- watch -------------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Publish how the model stands, and say which symbols have had no bar for too long, and when they are back."""
        now_ms = self.clock.now_ms()
        if self._past_known:
            self._judge_model()
        name, version, fitness = self.model.name, self.model.version, self.fitness
        care = self.care
        record = care.record(version, fitness, now_ms) if care else untrained(name, version, fitness, now_ms)
        await self.store.publish_model(record)
        oldest_ms = now_ms - self.universe.stale_bars * self.policy.interval_ms
        stale = frozenset(symbol for symbol, taken_ms in self._taken_ms.items() if taken_ms < oldest_ms)
        if stale - self._stale:
            self.log.warning("no bars; the market state is stale", symbols=",".join(sorted(stale - self._stale)))
        if self._stale - stale:
            self.log.info("bars again", symbols=",".join(sorted(self._stale - stale)))
        self._stale = stale

    def _judge_model(self) -> None:
        """Have the model's age and drift judged, and say what has changed, once."""
        if self.care is None:
            return
        before, self.fitness = self.fitness, self.care.fitness(self.clock.now_ms())
        if self.fitness.status is before.status:
            return
        version, reason = self.model.version, self.fitness.reason
        match self.fitness.status:
            case ModelStatus.EXPIRED:
                self.log.error("the model has expired: entries stop, exits go on", version=version, reason=reason)
            case ModelStatus.WARNING:
                self.log.warning("the model expires soon", version=version, reason=reason)
            case _:
                self.log.info("the model is fit again", version=version)
