"""User data events on their way to the clients, in order or, where a fault says so, out of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from services.paper_exchange.faults import FaultKind, FaultMenu

REORDER_MS_MAX = 1_000  # an event held back for another type goes out alone after this

Send = Callable[[str, bytes], None]
Later = Callable[[int, Callable[[], None]], None]


class UserMessage(NamedTuple):
    """One event ready to be sent."""

    kind: str
    symbol: str | None
    body: dict[str, Any]


@dataclass(slots=True)
class _Held:
    """Messages of one type held back, and whether another type's message sets them free."""

    messages: list[bytes] = field(default_factory=list)
    until_other: bool = False


class UserStream:
    """Hands messages on, applying the faults of the menu.

    Within one type the order is always kept, as the exchange promises; across types it is not.
    """

    def __init__(self, menu: FaultMenu, send: Send, later: Later) -> None:
        self._menu = menu
        self._send = send
        self._later = later
        self._held: dict[str, _Held] = {}

    def publish(self, messages: list[UserMessage], now_ms: int) -> None:
        """Given messages in the order they happened, send each, or what the faults make of it."""
        for message in messages:
            self._pass_on(message, now_ms)

    def _pass_on(self, message: UserMessage, now_ms: int) -> None:
        text = orjson.dumps(message.body)
        fault = self._menu.strike_event(message.kind, message.symbol, now_ms)
        match fault.kind if fault is not None else None:
            case FaultKind.DROP_EVENT:
                return
            case FaultKind.DUPLICATE_EVENT:
                self._emit(message.kind, text)
                self._emit(message.kind, text)
            case FaultKind.REORDER_EVENTS:
                self._hold(message.kind, text, REORDER_MS_MAX, until_other=True)
            case FaultKind.DELAY_EVENT if fault is not None:
                self._hold(message.kind, text, fault.delay_ms, until_other=False)
            case _:
                self._emit(message.kind, text)

    def _emit(self, kind: str, text: bytes) -> None:
        held = self._held.get(kind)
        if held is not None:
            held.messages.append(text)
            return
        self._send(kind, text)
        for other in [name for name, found in self._held.items() if found.until_other]:
            self._release(other)

    def _hold(self, kind: str, text: bytes, wait_ms: int, *, until_other: bool) -> None:
        held = self._held.get(kind)
        if held is not None:
            held.messages.append(text)
            return
        self._held[kind] = _Held([text], until_other)
        self._later(wait_ms, lambda: self._release(kind))

    def _release(self, kind: str) -> None:
        held = self._held.pop(kind, None)
        for text in held.messages if held is not None else ():
            self._send(kind, text)
