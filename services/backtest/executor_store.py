"""The executor's store in memory: the reads and writes of `services.intent_executor.store`.

A permit is used once: the claim takes both away. A plan has one record and one result.
"""

from collections.abc import Sequence

from quantum_common.keys import GROUP_EXECUTOR
from quantum_common.messages import Issuer, Plan, Result
from quantum_common.money import parse_decimal
from quantum_common.scripts import as_argument
from quantum_common.state import OrderRecord
from quantum_common.stream import Message
from services.backtest.board import Board, Stop
from services.intent_executor.decide import Seen
from services.intent_executor.guard import Standing
from services.intent_executor.ports import Claim


class ExecutorStore:
    """Implements the executor's `Store`."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def meet(self) -> None:
        """This board is the only one there is."""

    async def gather(self, plan: Plan) -> Seen:
        """Return the journal, both permits, the trading state and the leverage."""
        board = self._board
        governor, p33 = (board.permits.get((issuer, plan.plan_id)) for issuer in (Issuer.GOVERNOR, Issuer.P33))
        shown = board.snapshots.get(plan.symbol)
        return Seen(
            record=board.orders.get(plan.plan_id),
            governor=governor,
            p33=p33,
            governor_text=governor.to_json() if governor else "",
            p33_text=p33.to_json() if p33 else "",
            trading_state=board.trading_state.trading_state if board.trading_state is not None else None,
            leverage=shown.leverage if shown is not None else None,
            leverage_ms=shown.ts_ms if shown is not None else 0,
        )

    async def claim(self, plan: Plan, seen: Seen, record: OrderRecord, result: Result | None = None) -> Claim:
        """Write the journal's record and consume both permits, if nothing has changed since `seen`. A record that is
        final already holds its `result`."""
        board, own = self._board, ((Issuer.GOVERNOR, plan.plan_id), (Issuer.P33, plan.plan_id))
        if board.orders.get(plan.plan_id) is not None:
            return Claim.EXISTS
        standing = [board.permits.get(one) for one in own]
        if None in standing or standing != [seen.governor, seen.p33]:
            return Claim.PERMIT_GONE
        state = board.trading_state.trading_state if board.trading_state is not None else None
        if state is not seen.trading_state:
            return Claim.STATE_CHANGED
        if result is not None:
            record = record.model_copy(update={"result": as_argument(result.to_fields())})
        board.orders.put(plan.plan_id, record)
        for one in own:
            board.permits.pop(one)
        return Claim.CLAIMED

    async def finish(self, plan: Plan, result: Result, record: OrderRecord, message: Message, *, unsent: bool) -> bool:
        """Write the terminal record and the one result, and acknowledge the plan. Return whether this ended it."""
        board, standing = self._board, self._board.orders.get(plan.plan_id)
        if standing is not None and not standing.state.terminal and unsent:
            return False
        ended = standing is None or not standing.state.terminal
        if ended:
            board.recent.append(result)
            entry = board.send(board.keys.results, result)
            whole = {"result": as_argument(entry.fields), "result_id": entry.id}
            board.orders.put(plan.plan_id, record.model_copy(update=whole))
        board.acknowledge(GROUP_EXECUTOR, message)
        return ended

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge an entry that asks for nothing."""
        self._board.acknowledge(GROUP_EXECUTOR, message)

    async def standings(self) -> Sequence[Standing]:
        """Return every symbol's position with the stop that is remembered for it."""
        return [self._standing(symbol) for symbol in self._board.snapshots]

    async def standing_stop(self, symbol: str) -> str:
        """Return the client id of the stop that stands for a symbol, or an empty string."""
        stop = self._board.stops.get(symbol)
        return stop.client_id if stop is not None else ""

    async def keep_stop(self, symbol: str, client_id: str, trigger_price: str, now_ms: int) -> None:  # noqa: ARG002 - nobody reads when it was kept
        """Remember the stop that stands for a symbol; an empty id forgets it."""
        self._board.stops.pop(symbol, None)
        if client_id:
            self._board.stops[symbol] = Stop(client_id, parse_decimal(trigger_price))

    def _standing(self, symbol: str) -> Standing:
        shown, stop = self._board.snapshots[symbol], self._board.stops.get(symbol)
        return Standing(
            symbol=symbol,
            position_amt=shown.position_amt,
            mark_price=shown.mark_price,
            stop_id=stop.client_id if stop is not None else "",
            trigger_price=stop.trigger_price if stop is not None else None,
            under_way_ms=max(self._board.under_way(symbol).values(), default=0),
        )
