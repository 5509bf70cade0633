"""Rate limits as the exchange counts them: windows aligned to the clock, then a ban for the deaf."""

from dataclasses import dataclass, field
from typing import NamedTuple

from services.paper_exchange.protocol.errors import ApiError

MINUTE_MS = 60_000
TEN_SECONDS_MS = 10_000
IGNORED_MAX = 20  # refused requests in one window after which the address is banned
BAN_MS = 120_000  # the exchange's shortest ban


class Limits(NamedTuple):
    """The limits `exchangeInfo` publishes."""

    weight_1m: int
    orders_10s: int
    orders_1m: int


class OrderCost(NamedTuple):
    """What a request takes of the two order counters."""

    in_10s: int
    in_1m: int


@dataclass(slots=True)
class _Window:
    span_ms: int
    start_ms: int = 0
    used: int = 0

    def roll(self, now_ms: int) -> None:
        start_ms = now_ms // self.span_ms * self.span_ms
        if start_ms != self.start_ms:
            self.start_ms, self.used = start_ms, 0

    def retry_after_s(self, now_ms: int) -> int:
        return (self.start_ms + self.span_ms - now_ms + 999) // 1000


@dataclass(slots=True)
class RateLimiter:
    """What one address and one account have used."""

    limits: Limits
    _weight: _Window = field(default_factory=lambda: _Window(MINUTE_MS))
    _orders_10s: _Window = field(default_factory=lambda: _Window(TEN_SECONDS_MS))
    _orders_1m: _Window = field(default_factory=lambda: _Window(MINUTE_MS))
    _ignored: int = 0
    _banned_until_ms: int = 0

    def take_weight(self, weight: int, now_ms: int) -> int:
        """Given a request's weight, count it and return what is used. Raise -1003 over the limit.

        Who keeps asking after a 429 gets a 418 until the ban is over.
        """
        if now_ms < self._banned_until_ms:
            raise banned(self._banned_until_ms, now_ms)
        self._weight.roll(now_ms)
        if self._weight.used + weight > self.limits.weight_1m:
            self._ignored += 1
            if self._ignored > IGNORED_MAX:
                self._ignored = 0
                self._banned_until_ms = now_ms + BAN_MS
                raise banned(self._banned_until_ms, now_ms)
            raise too_many_requests(self.limits.weight_1m, self._weight.retry_after_s(now_ms))
        if self._weight.used == 0:
            self._ignored = 0
        self._weight.used += weight
        return self._weight.used

    def used_weight(self, now_ms: int) -> int:
        """Return the weight used in this minute."""
        self._weight.roll(now_ms)
        return self._weight.used

    def take_orders(self, cost: OrderCost, now_ms: int) -> dict[str, str]:
        """Given what an order request takes of both counters, count it and return the headers. Raise -1015."""
        self._orders_10s.roll(now_ms)
        self._orders_1m.roll(now_ms)
        if self._orders_10s.used + cost.in_10s > self.limits.orders_10s:
            raise too_many_orders(self.limits.orders_10s, "10 SECONDS", self._orders_10s.retry_after_s(now_ms))
        if self._orders_1m.used + cost.in_1m > self.limits.orders_1m:
            raise too_many_orders(self.limits.orders_1m, "1 MINUTE", self._orders_1m.retry_after_s(now_ms))
        self._orders_10s.used += cost.in_10s
        self._orders_1m.used += cost.in_1m
        return {
            "X-MBX-ORDER-COUNT-10S": str(self._orders_10s.used),
            "X-MBX-ORDER-COUNT-1M": str(self._orders_1m.used),
        }

    def order_usage(self, now_ms: int) -> list[dict[str, str | int]]:
        """Return both order counters with their limits, as ws-fapi shows them."""
        self._orders_10s.roll(now_ms)
        self._orders_1m.roll(now_ms)
        return [
            _usage("ORDERS", "SECOND", 10, self.limits.orders_10s, self._orders_10s.used),
            _usage("ORDERS", "MINUTE", 1, self.limits.orders_1m, self._orders_1m.used),
        ]

    def usage(self, now_ms: int) -> list[dict[str, str | int]]:
        """Return all counters with their limits, as ws-fapi shows them."""
        weight = _usage("REQUEST_WEIGHT", "MINUTE", 1, self.limits.weight_1m, self.used_weight(now_ms))
        return [weight, *self.order_usage(now_ms)]

    def published(self) -> list[dict[str, str | int]]:
        """Return the limits as `exchangeInfo` publishes them."""
        return [_limit("REQUEST_WEIGHT", "MINUTE", 1, self.limits.weight_1m), *self.published_orders()[::-1]]

    def published_orders(self) -> list[dict[str, str | int]]:
        """Return the order limits as `rateLimit/order` publishes them."""
        return [
            _limit("ORDERS", "SECOND", 10, self.limits.orders_10s),
            _limit("ORDERS", "MINUTE", 1, self.limits.orders_1m),
        ]


def _usage(kind: str, interval: str, number: int, limit: int, count: int) -> dict[str, str | int]:
    return _limit(kind, interval, number, limit) | {"count": count}


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, str | int]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def too_many_requests(limit: int, retry_after_s: int) -> ApiError:
    """Return the 429 of a used-up weight."""
    text = (
        f"Too many requests; current limit is {limit} requests per minute. "
        "Please use the websocket for live updates to avoid polling the API."
    )
    return ApiError(-1003, text, 429, {"Retry-After": str(retry_after_s)})


def banned(until_ms: int, now_ms: int) -> ApiError:
    """Return the 418 of a banned address."""
    text = (
        f"Way too many requests; IP banned until {until_ms}. Please use the websocket for live updates to avoid bans."
    )
    return ApiError(-1003, text, 418, {"Retry-After": str((until_ms - now_ms + 999) // 1000)})


def too_many_orders(limit: int, span: str, retry_after_s: int) -> ApiError:
    """Return the 429 of a used-up order count."""
    text = f"Too many new orders; current limit is {limit} orders per {span}."
    return ApiError(-1015, text, 429, {"Retry-After": str(retry_after_s)})
