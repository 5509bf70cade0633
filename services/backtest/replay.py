"""The loop of a backtest: minute after minute, what the exchange does, what the engine decides, what comes of it.

What costs something is done only where it can matter. The features and the engine's decision see every bar of every
symbol; the account is looked at where an entry may be decided, where somebody wishes for something, and where its worth
makes the governor act. In between nothing could read it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from quantum_common.keys import Keys
from quantum_common.messages import Action, Intent
from services.ai_engine.intake import Universe
from services.ai_engine.mind import Mind
from services.backtest.bars import Span
from services.backtest.board import Board
from services.backtest.chain import Chain
from services.backtest.clock import VirtualClock
from services.backtest.curve import Curve
from services.backtest.engine import Engine
from services.backtest.port import VenuePort
from services.backtest.record import Recorder
from services.backtest.settings import Settings
from services.backtest.venue import POINTS, STEP_MS, Venue
from services.paper_exchange.market.bars import MINUTE_MS
from services.paper_exchange.market.replay import ReplaySource

ALL_EVERY_MINUTES = 10  # between two looks at every symbol and at the exchange's lists: here no event is ever lost
GUARD_ROUNDS = 2  # after something happened; the warden mends what two rounds find


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run is besides bars and settings. `latency_ms` is from a bar's close to its orders on the exchange."""

    balance: Decimal
    latency_ms: int = 0
    taker_fee: Decimal | None = None  # a rate; None for the exchange's
    speed: int = 1  # of the market against the services' clock; more than 1 only to be compared with a live replay
    begin_ms: int | None = None  # what that clock shows at the start, where it is not the market's time
    folder: Path | None = None


class Replay:
    """A run from its first bar to its last."""

    def __init__(
        self, source: ReplaySource, span: Span, settings: Settings, universe: Universe, mind: Mind, terms: Terms
    ) -> None:
        self.span, self.settings, self.terms = span, settings, terms
        self.decision_ms = mind.policy.decision_ms
        self.clock = VirtualClock(span.start_ms, terms.begin_ms, terms.speed)
        self.venue = Venue(source, span.start_ms, terms.balance, self.clock.now_ms, terms.taker_fee)
        self.engine = Engine(source.bars, span, universe, mind)
        keys = Keys(settings.bridge.quantum_key_prefix)
        self.board = Board(keys, self.clock, market=self.engine.market_state, closed=self.engine.closed)
        self.recorder = Recorder(self.board, self.venue.engine.drain_changes, terms.folder)
        self.chain = Chain(settings, keys, self.board, VenuePort(self.venue, self.clock.now_ms), self.clock)
        self.curve = Curve(span.start_ms, span.minutes, float(terms.balance))
        self.minutes = 0
        self._point = min(terms.latency_ms * terms.speed // STEP_MS, POINTS - 1)
        self._rounds = 0
        self._changed = False  # something happened since the account was last measured
        self._glanced = False  # what stands was looked at in the minute that closes
        self._disarms_at = float(min(settings.governor.gov_disarm_drawdown, settings.governor.gov_drawdown_max))

    def warm_up(self) -> None:
        """Show the engine its history, and start the chain."""
        self.engine.warm_up()
        self.chain.start()
        self.recorder.take_rows()

    def run(self) -> Iterator[int]:
        """Play minute after minute; yield how many are played after each."""
        last_ms = self.span.end_ms - MINUTE_MS
        for minute_ms in range(self.span.start_ms, self.span.end_ms, MINUTE_MS):
            self._play_to(minute_ms, POINTS - 1)
            self._close(minute_ms)
            wishes = self._decide(minute_ms)
            if minute_ms != last_ms:  # after the last bar there is no price to trade at
                self._open(minute_ms + MINUTE_MS, wishes)
            self.minutes += 1
            yield self.minutes

    def finish(self) -> None:
        """Bring the books to their end, after the last minute or after an interruption."""
        self.venue.mark()
        self.chain.read_lists()
        self.recorder.close()
        self.curve.finish(self.span.start_ms + self.minutes * MINUTE_MS)

    # --- a minute ----------------------------------------------------------------------------------------------------

    def _play_to(self, minute_ms: int, point: int) -> None:
        """Play the rest of a minute up to a moment of it, and book what happens."""
        if self.venue.point >= point:
            return
        restless = self.venue.restless()
        for moment in range(self.venue.point + 1, point + 1) if restless else (point,):
            self.clock.move_to(minute_ms + moment * STEP_MS)
            self.venue.stand(moment, restless)
            self._book()

    def _close(self, minute_ms: int) -> None:
        """At the end of a minute, note what it was worth; where an entry may be decided, have the account measured."""
        close_ms = minute_ms + MINUTE_MS
        self.clock.move_to(close_ms - 1)
        equity, gross = self.venue.worth()
        if gross:
            self._note_peaks(minute_ms)
        decides = close_ms % self.decision_ms == 0 and (gross > 0.0 or self._changed)
        self._glanced = decides or (gross > 0.0 and self._matters(equity))
        if self._glanced:
            self._glance(self.venue.exposed())
        if self._rounds:
            self._rounds -= 1
            self.chain.guard()
        if self.minutes % ALL_EVERY_MINUTES == 0:
            self.chain.look()
            self.chain.read_lists()
        self.curve.take(close_ms, equity, gross)

    def _note_peaks(self, minute_ms: int) -> None:
        """Have P3.3 know the best prices of the minute that has closed, for the positions that stood in it. Those that
        were opened after its first moment may have missed them: of them only the close is known."""
        began_ms = self.clock.shown_ms(minute_ms)
        for symbol, amount, _ in self.venue.engine.open_positions():
            ledger, sign = self.board.ledgers[symbol], 1 if amount > 0 else -1
            late = self._point and (ledger.opened_ms or 0) > began_ms
            peak, best = ledger.peak_price, self.venue.price(symbol) if late else self.venue.best(symbol, sign)
            if peak is not None and (best > peak if amount > 0 else best < peak):
                self.chain.note_price(symbol, best)

    def _matters(self, equity: float) -> bool:
        """Return whether the account's worth is one that P3.3 or the governor's watch does something about at once: a
        new peak, or a fall as deep as the pipeline disarms at."""
        known = self.board.portfolio
        if known is None:
            return True
        peak = float(known.peak_equity_usd)
        return equity > peak or peak - equity >= self._disarms_at * peak

    def _decide(self, minute_ms: int) -> list[Intent]:
        """Given the minute that has closed, return what the engine wishes for."""
        number = (minute_ms - self.span.start_ms) // MINUTE_MS
        now_ms = self.clock.shown_ms(minute_ms + MINUTE_MS) + self.terms.latency_ms
        board, rules = self.board, self.chain.bridge.rules
        wishes = self.engine.decide(number, now_ms, board.ledgers, board.portfolio, rules, self.venue.funding_terms)
        for intent, why in wishes:
            self.recorder.wish(intent, why)
        if wishes:
            asked = dict.fromkeys([] if self._glanced else self.venue.exposed())
            asked |= dict.fromkeys(intent.symbol for intent, _ in wishes if intent.action is Action.OPEN)
            if asked:
                self._glance([*asked])
            self.engine.tell_returns(number, self.chain.governor.returns.take)
        return [intent for intent, _ in wishes]

    def _open(self, minute_ms: int, wishes: list[Intent]) -> None:
        """Open the next minute, and run the wishes of the last bar through the chain at their moment of it."""
        self.clock.move_to(minute_ms)
        funded = self.venue.open_minute(minute_ms)
        self._book()
        if funded:
            self.chain.read_lists()
        if wishes:
            self._play_to(minute_ms, self._point)
            self.clock.move_to(minute_ms, self.terms.latency_ms)
            self.chain.wish(wishes)
            self.chain.sweep()
            self._rounds, self._changed = GUARD_ROUNDS, True
            self.recorder.take_rows()

    def _glance(self, symbols: list[str]) -> None:
        """Have P3.3 see some symbols, one at least, and measure the account."""
        self.chain.glance(symbols or [next(iter(self.engine.lanes))])
        self._changed = False

    def _book(self) -> None:
        if self.chain.book():
            self._rounds, self._changed = GUARD_ROUNDS, True
            self.recorder.take_rows()


def played(replay: Replay, told: Callable[[int], None], stopped: Callable[[], bool]) -> None:
    """Given a run, play it, telling how many minutes are done, until its end or until it is to stop."""
    replay.warm_up()
    for minutes in replay.run():
        told(minutes)
        if stopped():
            break
    replay.finish()
