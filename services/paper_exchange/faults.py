"""The fault menu: what can go wrong between a client and the exchange, told when, how often and to whom.

A fault is laid over the control path, matches requests or events by its filters, and is spent by
count, by time or never. Chance comes from a seeded generator, so a run can be repeated.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What goes wrong; `_before` means not executed, `_after` means executed and the answer lost or changed."""

    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    UNKNOWN_BEFORE = "unknown_503_before"
    UNKNOWN_AFTER = "unknown_503_after"
    UNAVAILABLE = "service_unavailable"
    TIMEOUT_BEFORE = "timeout_1007_before"
    TIMEOUT_AFTER = "timeout_1007_after"
    BUS_BEFORE = "bus_1006_before"
    BUS_AFTER = "bus_1006_after"
    THROTTLED = "throttled_1008"
    INTERNAL = "internal_1001"
    TOO_MANY_REQUESTS = "too_many_requests"
    BANNED = "banned"
    CLOCK_SKEW = "clock_skew"
    LATE_READS = "late_reads"
    DELAY = "delay"
    DELAY_ANSWER = "delay_answer"
    WS_CUT = "ws_cut"
    LISTEN_KEY_EXPIRED = "listen_key_expired"
    WS_SILENCE = "ws_silence"
    DUPLICATE_EVENT = "duplicate_event"
    REORDER_EVENTS = "reorder_events"
    DROP_EVENT = "drop_event"
    DELAY_EVENT = "delay_event"


REQUEST_KINDS = frozenset(
    {
        FaultKind.DROP_BEFORE,
        FaultKind.DROP_AFTER,
        FaultKind.UNKNOWN_BEFORE,
        FaultKind.UNKNOWN_AFTER,
        FaultKind.UNAVAILABLE,
        FaultKind.TIMEOUT_BEFORE,
        FaultKind.TIMEOUT_AFTER,
        FaultKind.BUS_BEFORE,
        FaultKind.BUS_AFTER,
        FaultKind.THROTTLED,
        FaultKind.INTERNAL,
        FaultKind.TOO_MANY_REQUESTS,
        FaultKind.BANNED,
    }
)
EVENT_KINDS = frozenset(
    {FaultKind.DUPLICATE_EVENT, FaultKind.REORDER_EVENTS, FaultKind.DROP_EVENT, FaultKind.DELAY_EVENT}
)
IMMEDIATE_KINDS = frozenset({FaultKind.WS_CUT, FaultKind.LISTEN_KEY_EXPIRED})


class FaultOrder(BaseModel):
    """One line of the menu as a tester orders it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    count: int | None = Field(default=None, ge=1, description="how often it strikes; absent: until cleared or over")
    probability: str = Field(default="1", pattern=r"^(0(\.\d+)?|1(\.0+)?)$", description="of a match being struck")
    duration_ms: int | None = Field(default=None, ge=1, description="how long it stands")
    method: str | None = Field(default=None, description="GET, POST, PUT or DELETE")
    path: str | None = Field(default=None, description="the end of the path, such as /order")
    symbol: str | None = Field(default=None, description="the request's or event's symbol")
    event: str | None = Field(default=None, description="the event's type, such as ORDER_TRADE_UPDATE")
    delay_ms: int = Field(default=1000, ge=0, le=600_000, description="of delays, late reads and late events")
    skew_ms: int = Field(default=5000, description="added to the exchange's clock by clock_skew")
    retry_after_s: int = Field(default=1, ge=0, description="of 429 and 418")


@dataclass(slots=True)
class Fault:
    """A fault that is laid: its order, when it was laid, and how often it has struck."""

    fault_id: int
    order: FaultOrder
    laid_ms: int
    struck: int = 0

    def is_live(self, now_ms: int) -> bool:
        """Given the time, return whether it can still strike."""
        over = self.order.duration_ms is not None and now_ms >= self.laid_ms + self.order.duration_ms
        spent = self.order.count is not None and self.struck >= self.order.count
        return not over and not spent

    def shown(self) -> dict[str, Any]:
        """Return it as the control path lists it."""
        return {"id": self.fault_id, "struck": self.struck, **self.order.model_dump(mode="json", exclude_none=True)}


class FaultMenu:
    """All faults laid, in order; the first live match strikes."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 -- a schedule that repeats, not a secret
        self._faults: list[Fault] = []
        self._next_id = 1

    def lay(self, order: FaultOrder, now_ms: int) -> Fault:
        """Given an order and the time, lay the fault and return it."""
        fault = Fault(self._next_id, order, now_ms)
        self._next_id += 1
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Take every fault away."""
        self._faults.clear()

    def all(self) -> list[Fault]:
        """Return every fault laid since the last clearing, spent ones included."""
        return list(self._faults)

    def strike_request(
        self, kinds: frozenset[FaultKind], request: tuple[str, str, str | None], now_ms: int
    ) -> FaultOrder | None:
        """Given kinds and a request's method, path and symbol, return the fault that strikes it, counted."""
        if not self._faults:
            return None
        method, path, symbol = request
        for fault in self._faults:
            order = fault.order
            if (
                order.kind in kinds
                and order.method in (None, method)
                and (order.path is None or path.endswith(order.path))
                and order.symbol in (None, symbol)
                and self._strikes(fault, now_ms)
            ):
                return order
        return None

    def strike_event(self, event: str, symbol: str | None, now_ms: int) -> FaultOrder | None:
        """Given an event's type and symbol, return the fault that strikes it, counted."""
        for fault in self._faults:
            order = fault.order
            if (
                order.kind in EVENT_KINDS
                and order.event in (None, event)
                and order.symbol in (None, symbol)
                and self._strikes(fault, now_ms)
            ):
                return order
        return None

    def standing(self, kind: FaultKind, now_ms: int) -> FaultOrder | None:
        """Given a kind that stands for a time (skew, late reads, silence), return its order while it does."""
        for fault in self._faults:
            if fault.order.kind is kind and fault.is_live(now_ms):
                return fault.order
        return None

    def _strikes(self, fault: Fault, now_ms: int) -> bool:
        if not fault.is_live(now_ms):
            return False
        if fault.order.probability != "1" and self._chance.random() >= _chance_of(fault.order.probability):
            return False
        fault.struck += 1
        return True


def _chance_of(text: str) -> float:
    whole, _, part = text.partition(".")
    return int(whole + part) / 10.0 ** len(part)
