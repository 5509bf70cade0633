"""The OrderPort over Binance: commands, and the lookups that settle what became of them.

Every command is sent once. `attempt` gives each failure its meaning; here stand only the requests and the answers
whose meaning depends on the command.
"""

from collections.abc import Sequence
from typing import Any

from quantum_common.exchange.answers import DUPLICATE_ID, NO_SUCH_ORDER, UNKNOWN_ORDER_SENT, MalformedAnswer
from quantum_common.exchange.budget import Cost, Lane
from quantum_common.exchange.outcome import (
    Accepted,
    Commanding,
    Done,
    Found,
    Lookup,
    NotFound,
    OrderView,
    Placing,
    Refused,
    Unknown,
)
from quantum_common.exchange.port import OrderRequest, StopRequest, StopView
from quantum_common.exchange.reference import BinanceReference
from quantum_common.exchange.rows import order_of, rows, stop_of, text, whole
from quantum_common.exchange.session import ONE, Session, require_accepted_key
from quantum_common.money import plain

PLACE = Cost(weight=0, orders=1)
ALL_OPEN_STOPS = Cost(weight=40)
_STANDING = frozenset({"NEW", "TRIGGERING", "TRIGGERED"})


class BinanceOrders(BinanceReference):
    """The account's orders."""

    async def place(self, request: OrderRequest) -> Placing:
        """Send one market order, once, signed with the request's own stamp and window.

        A duplicate client id is Unknown: an order of that id stands, and only a lookup tells what became of it.
        """
        lane = Lane.CLOSE if request.reduce_only else Lane.OPEN
        outcome = await self._session.attempt(lane, PLACE, lambda: self._place(request))
        if isinstance(outcome, Refused) and outcome.code == DUPLICATE_ID:
            return Unknown(f"code {outcome.code}: {outcome.text}")
        return outcome

    async def _place(self, request: OrderRequest) -> Accepted:
        answer = await self._session.client.futures_create_order(
            symbol=request.symbol,
            side=request.side.value,
            type="MARKET",
            quantity=plain(request.qty),
            reduceOnly="true" if request.reduce_only else "false",
            newClientOrderId=request.client_order_id,
            newOrderRespType="RESULT",
            timestamp=request.stamp_ms,
            recvWindow=request.recv_window_ms,
        )
        order = order_of(answer, priced=False)
        if order.client_order_id != request.client_order_id:
            raise MalformedAnswer(f"the answer is about order {order.client_order_id}, not {request.client_order_id}")
        return Accepted(order)

    async def order(self, symbol: str, client_order_id: str) -> Lookup:
        """Look an order up by its client id. Raise ConfigurationRefused where the key is not accepted."""
        return await look_up(self._session, symbol=symbol, origClientOrderId=client_order_id)

    async def place_stop(self, request: StopRequest) -> Commanding:
        """Place a protective stop on the mark price that closes the whole position. One that stands already is Done."""
        outcome = await self._session.attempt(Lane.CLOSE, PLACE, lambda: self._place_stop(request))
        if isinstance(outcome, Refused) and outcome.code == DUPLICATE_ID:
            return await self._stands(request, outcome)
        return outcome

    async def _place_stop(self, request: StopRequest) -> Done:
        size = (
            {"closePosition": "true"} if request.qty is None else {"quantity": plain(request.qty), "reduceOnly": "true"}
        )
        # The general order call would replace our client id by a random one for conditional types.
        answer = await self._session.client.futures_create_algo_order(
            algoType="CONDITIONAL",
            symbol=request.symbol,
            side=request.side.value,
            type="STOP_MARKET",
            triggerPrice=plain(request.trigger_price),
            workingType="MARK_PRICE",
            clientAlgoId=request.client_id,
            **size,
        )
        if text(answer, "clientAlgoId") != request.client_id:
            raise MalformedAnswer(f"the answer is about stop {answer['clientAlgoId']}, not {request.client_id}")
        return Done(str(whole(answer, "algoId")))

    async def _stands(self, request: StopRequest, duplicate: Refused) -> Commanding:
        """Given a refusal as duplicate, return Done where the stop is there, else that nothing is known."""
        found = await self._session.attempt(Lane.RESOLVE, ONE, lambda: self._algo_order(request.client_id))
        if isinstance(found, Done):
            return found
        return Unknown(f"code {duplicate.code}: {duplicate.text}, and the lookup answered {found}")

    async def _algo_order(self, client_id: str) -> Done:
        row = await self._session.client.futures_get_algo_order(clientAlgoId=client_id)
        if text(row, "clientAlgoId") != client_id:
            raise MalformedAnswer(f"the answer is about stop {row['clientAlgoId']}, not {client_id}")
        if text(row, "algoStatus") not in _STANDING:
            raise MalformedAnswer(f"stop {client_id} is called a duplicate, and is {row['algoStatus']}")
        return Done(f"{whole(row, 'algoId')} {row['algoStatus']}")

    async def cancel_stop(self, client_id: str) -> Commanding:
        """Cancel a protective stop. One that does not stand any more is Done."""
        outcome = await self._session.attempt(Lane.CLOSE, ONE, lambda: self._cancel_stop(client_id))
        if isinstance(outcome, Refused) and outcome.code in {UNKNOWN_ORDER_SENT, NO_SUCH_ORDER}:
            return Done(outcome.text)
        return outcome

    async def _cancel_stop(self, client_id: str) -> Done:
        answer = await self._session.client.futures_cancel_algo_order(clientAlgoId=client_id)
        return Done(text(answer, "clientAlgoId"))

    async def open_stops(self) -> Sequence[StopView]:
        """Return every open conditional order of the account."""
        return await self._session.read(Lane.RESOLVE, ALL_OPEN_STOPS, self._open_stops)

    async def _open_stops(self) -> list[StopView]:
        return [stop_of(row) for row in rows(await self._session.client.futures_get_open_algo_orders())]

    async def set_leverage(self, symbol: str, leverage: int) -> Commanding:
        """Set the leverage of a symbol; an answer that names another one is Unknown."""
        return await self._session.attempt(Lane.OPEN, ONE, lambda: self._set_leverage(symbol, leverage))

    async def _set_leverage(self, symbol: str, leverage: int) -> Done:
        answer = await self._session.client.futures_change_leverage(symbol=symbol, leverage=leverage)
        if whole(answer, "leverage") != leverage:
            raise MalformedAnswer(f"leverage {leverage} was asked for, {answer['leverage']} was set")
        return Done(str(leverage))


async def look_up(session: Session, **names: Any) -> Lookup:
    """Given what names an order, look it up. NotFound is the exchange's word only; any failure is Unknown."""

    async def found() -> OrderView:
        return order_of(await session.client.futures_get_order(**names), priced=True)

    match await session.attempt(Lane.RESOLVE, ONE, found):
        case OrderView() as order:
            return Found(order)
        case Refused(code, said):
            require_accepted_key(code, said)
            return NotFound() if code == NO_SUCH_ORDER else Unknown(f"code {code}: {said}")
        case failed:
            return Unknown(failed.cause)
