"""The AI engine over all symbols, a minute at a time: its own intake, its own decision, and what a Redis would keep.

What `services.ai_engine.service` does around them between Redis and the exchange is not needed here: no bar is late,
and none is delivered twice.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from quantum_common.exchange.port import Bar, FundingTerms, SymbolRules
from quantum_common.messages import Intent
from quantum_common.state import Ledger, MarketState, Portfolio
from services.ai_engine.decide import decide
from services.ai_engine.features import Features
from services.ai_engine.intake import Intake, Taken, Universe
from services.ai_engine.market_state import market_state
from services.ai_engine.memory import ExitMemory
from services.ai_engine.mind import Mind
from services.ai_engine.standing import Seen
from services.ai_engine.verdict import ENTRY
from services.backtest.bars import NoBars, Span, bar_at
from services.governor.returns import BARS as RETURNS_BARS
from services.paper_exchange.market.bars import MINUTE_MS, MinuteBars

WARM_UP_BATCH = 1_000


@dataclass(slots=True)
class Lane:
    """One symbol on its way through the bars. `first` is the column of the first minute that is played."""

    symbol: str
    bars: MinuteBars
    first: int
    returns_to: int  # the column up to which the governor knows the closes
    memory: ExitMemory | None = None
    bar: Bar | None = None
    seen: tuple[Features, int] | None = None  # of the last bar, and when that was
    state: MarketState | None = None  # made of it when somebody asks


class Engine:
    """Decides on each minute's bars. `counts` says what was said of them, by reason."""

    def __init__(self, bars: Mapping[str, MinuteBars], span: Span, universe: Universe, mind: Mind) -> None:
        self.mind, self.universe = mind, universe
        self.fitness = mind.fitness
        self.counts: Counter[str] = Counter()
        self._span = span
        self._intake = Intake(universe, mind.policy)
        first = {symbol: bars[symbol].index_at(span.start_ms) for symbol in universe.followed}
        self.lanes = {symbol: Lane(symbol, bars[symbol], first[symbol], first[symbol]) for symbol in universe.followed}
        self._traded = [self.lanes[symbol] for symbol in universe.symbols]

    def warm_up(self) -> None:
        """Take in the bars before the first minute, as the engine reads its history: the leader's first, then the
        others', symbol after symbol. The past is not decided on, but a trained model's care sees all of it."""
        for lane in self.lanes.values():
            begin = max(lane.bars.index_at(self._span.warm_ms), 0)
            for start in range(begin, lane.first, WARM_UP_BATCH):
                indexes = range(start, min(start + WARM_UP_BATCH, lane.first))
                self._take([bar_at(lane.symbol, lane.bars, index) for index in indexes], 0)

    def decide(
        self,
        number: int,
        now_ms: int,
        ledgers: Mapping[str, Ledger],
        portfolio: Portfolio | None,
        rules: Mapping[str, SymbolRules],
        funding: Mapping[str, FundingTerms],
    ) -> list[tuple[Intent, str]]:
        """Given a minute that has closed, when it is decided on and what is known then, return the wishes, each with
        why, symbol after symbol."""
        policy, model, counts = self.mind.policy, self.mind.model, self.counts
        bars = [bar_at(symbol, lane.bars, lane.first + number) for symbol, lane in self.lanes.items()]
        care, decided = self.mind.care, (bars[0].close_ms + 1) % policy.decision_ms == 0
        if care is not None and decided:
            self.fitness = care.fitness(now_ms)
        taken = self._intake.take(bars, now_ms)
        if len(taken.due) < len(self._traded):
            raise NoBars(f"bars that cannot be taken: {taken.refused or 'late or doubled'}")
        wishes: list[tuple[Intent, str]] = []
        for lane in self._traded:
            symbol = lane.symbol
            due = taken.due[symbol]
            lane.bar, lane.seen, lane.state = due.bar, (due.features, now_ms), None
            verdict = decide(
                Seen(
                    symbol, due.bar, due.features, ledgers.get(symbol), portfolio, lane.memory, rules.get(symbol),
                    funding.get(symbol), self.fitness,
                ),
                model, policy, now_ms,
            )  # fmt: skip
            lane.memory = verdict.memory
            why = verdict.why or ENTRY
            counts[why] += 1
            wishes += [(intent, str(why)) for intent in verdict.intents]
        self._look_back(taken)
        return wishes

    def _take(self, bars: list[Bar], now_ms: int) -> None:
        self._look_back(self._intake.take(bars, now_ms))

    def _look_back(self, taken: Taken) -> None:
        """Show the decision bars to the model's care, after the decisions."""
        if self.mind.care is not None:
            for symbol, features in taken.decisions:
                self.mind.care.observe(symbol, features, self.mind.model.predict(features))

    # --- what others read --------------------------------------------------------------------------------------------

    def market_state(self, symbol: str) -> MarketState | None:
        """Return the record of a symbol's last bar, made when it is first asked for."""
        lane = self.lanes[symbol]
        if lane.state is None and lane.seen is not None:
            lane.state = market_state(*lane.seen)
        return lane.state

    def closed(self, symbol: str) -> tuple[int, Decimal] | None:
        """Return when a symbol's last bar closed, and where."""
        bar = self.lanes[symbol].bar
        return None if bar is None else (bar.close_ms, bar.close)

    def tell_returns(self, number: int, take: Callable[[str, int, Decimal], None]) -> None:
        """Given the minute that has closed, tell of the closes that were not told yet, as far back as returns are kept.
        A daemon's watch sees each as it comes."""
        for lane in self._traded:
            upto = lane.first + number + 1
            places = -lane.bars.price_decimals
            for index in range(max(lane.returns_to, upto - RETURNS_BARS - 1), upto):
                close_ms = lane.bars.first_open_ms + (index + 1) * MINUTE_MS - 1
                take(lane.symbol, close_ms, Decimal(lane.bars.close[index]).scaleb(places))
            lane.returns_to = upto
