"""The services behind the engine, wired to one board and one venue: what their `wiring` does, without daemons.

A bar's wishes run through in stages, as they do on the streams: the bridge decides them all, then each plan gets its
permits and is sent. After every step the exchange's events are booked, so a result finds its trades in the ledger.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from quantum_common.clock import Clock
from quantum_common.keys import Keys
from quantum_common.log import Log
from quantum_common.messages import Intent
from quantum_common.stream import Message
from services.backtest.board import Board
from services.backtest.bridge_state import BridgeState
from services.backtest.driving import finish
from services.backtest.executor_store import ExecutorStore
from services.backtest.governor_state import GovernorState
from services.backtest.governor_watch import GovernorWatch
from services.backtest.p33_store import P33Store
from services.backtest.port import VenuePort
from services.backtest.settings import Settings
from services.governor.service import Governor
from services.governor.watch import Watch
from services.intent_bridge.service import Bridge
from services.intent_executor.service import Executor
from services.intent_executor.warden import Warden
from services.position_state_brain.service import PositionStateBrain


@dataclass
class Notes:
    """Takes the services' logs: counts what they warn of, keeps the first words of each, lets the rest go."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def debug(self, event: str, **fields: Any) -> None:
        """Let it go."""

    info = debug

    def clear(self) -> None:
        """Forget what was warned of so far."""
        self.counts.clear()
        self.first.clear()

    def warning(self, event: str, **fields: Any) -> None:
        """Count it."""
        self.counts[event] += 1
        if event not in self.first:
            self.first[event] = " ".join(f"{name}={value}" for name, value in fields.items())

    error = warning


class Chain:
    """Bridge, governor, P3.3 and executor with its warden, over memory."""

    def __init__(self, settings: Settings, keys: Keys, board: Board, port: VenuePort, clock: Clock) -> None:
        self.notes = Notes()
        log = cast("Log", self.notes)
        self.keys, self.board, self.port, self.clock = keys, board, port, clock
        self.bridge = Bridge(BridgeState(board), port, clock, settings.bridge.limits, keys.prefix, log)
        self.governor = Governor(
            GovernorState(board), clock, settings.governor.limits, settings.governor.gov_trading_state_first, log
        )  # fmt: skip
        self.watch = Watch(GovernorWatch(board), self.governor, settings.governor.disarm, log)
        self.brain = PositionStateBrain(P33Store(board), port, clock, log, settings.p33)
        store = ExecutorStore(board)
        self.executor = Executor(store, port, clock, log, settings.executor)
        self.warden = Warden(store, port, clock, log, settings.executor)

    def start(self) -> None:
        """Recover every service as its start does, and read the exchange for the first time."""
        finish(self.bridge.refresh_rules())
        finish(self.governor.recover())
        finish(self.brain.recover())
        finish(self.executor.recover())
        self.book()
        self.look()
        self.read_lists()
        self.notes.clear()  # that everything is new is what a start is about

    def wish(self, intents: Iterable[Intent]) -> None:
        """Given a bar's wishes, run them through to their results."""
        board, keys = self.board, self.keys
        for intent in intents:
            board.send(keys.intents, intent)
        for message in board.take(keys.intents):
            finish(self.bridge.handle(message))
        for message in board.take(keys.plans):
            self._carry_out(message)

    def _carry_out(self, plan: Message) -> None:
        """Given a plan, get its permits, have it sent, and book what came of it."""
        finish(self.governor.handle_plan(plan))
        finish(self.brain.handle_plan(plan))
        finish(self.executor.handle_plan(plan))
        for permit in self.board.take(self.keys.permits):
            if self.executor.waiting:  # else the plan was sent or ended on the permits it found at their keys
                finish(self.executor.handle_permit(permit))
        self.book()
        for result in self.board.take(self.keys.results):
            finish(self.brain.handle_result(result))
            finish(self.governor.handle_result(result))

    def book(self) -> bool:
        """Have P3.3 take every event of the exchange. Return whether there was one."""
        happened = False
        while self.port.hear():
            happened = True
            finish(self.brain.listen())
        return happened

    def look(self) -> None:
        """One snapshot cycle of P3.3, and one step of the governor's watch."""
        finish(self.brain.snapshot())
        finish(self.watch.step())

    def glance(self, symbols: Collection[str]) -> None:
        """The same for some symbols only, one at least: their snapshots, the portfolio, and what the governor watches.
        Enough where nothing else has moved that anybody could read."""
        finish(self.brain.watch.take(self.port.rows(symbols)))
        for symbol in symbols:
            finish(self.brain.drifts.reconcile(self.brain.watch.views[symbol]))
        finish(self.watch.step())

    def note_price(self, symbol: str, price: Decimal) -> None:
        """Have P3.3 see a mark price of a position between two snapshots."""
        finish(self.brain.watch.note_price(symbol, price))

    def guard(self) -> None:
        """One round of the warden; what it mends is booked."""
        finish(self.warden.round())
        self.book()

    def sweep(self) -> None:
        """End the plans that waited too long for a permit."""
        finish(self.executor.sweep())

    def read_lists(self) -> None:
        """Have P3.3 read the exchange's own lists of trades and funding, and fold old facts away."""
        finish(self.brain.sync())
        while self.brain.unread:
            finish(self.brain.sync())
