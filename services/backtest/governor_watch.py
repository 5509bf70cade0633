"""What the governor watches, in memory: the reads of `services.governor.watch_store`, and the write that disarms."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import cast

from quantum_common.messages import GovernorEvent, Result
from quantum_common.money import ZERO
from quantum_common.state import GovernorState, Portfolio, TradingState
from services.backtest.board import Board
from services.governor.ports import Standing


class GovernorWatch:
    """Implements the governor's `WatchPort`."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def account(self) -> tuple[GovernorState | None, Portfolio | None]:
        """Return the trading state and the portfolio."""
        return self._board.trading_state, self._board.portfolio

    async def results(self, count: int) -> Sequence[Result]:
        """Return the newest results, the newest first."""
        return cast("list[Result]", list(islice(reversed(self._board.recent), count)))

    async def symbols(self) -> Sequence[str]:
        """Return every symbol that has a snapshot."""
        return sorted(self._board.snapshots)

    async def standing(self, symbols: Sequence[str]) -> Mapping[str, Standing]:
        """Return what stands on each symbol."""
        return {symbol: self._standing(symbol) for symbol in symbols}

    async def disarm(self, state: GovernorState, event: GovernorEvent) -> bool:
        """Write the trading state and its event where the one that stands is ACTIVE. Return whether it was written."""
        board, before = self._board, self._board.trading_state
        if before is None or before.trading_state is not TradingState.ACTIVE:
            return False
        board.tell(board.keys.governor_events, event)
        board.trading_state = state
        return True

    def _standing(self, symbol: str) -> Standing:
        board = self._board
        shown, bar, hold = board.snapshots.get(symbol), board.closed(symbol), board.holds.get(symbol)
        close_ms, price = bar if bar is not None else (0, ZERO)
        notional = shown.position_amt * shown.mark_price if shown is not None else ZERO
        return Standing(symbol, notional, close_ms, price, hold.since_ms if hold is not None else 0)
