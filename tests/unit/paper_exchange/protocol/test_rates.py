"""Rate limits in windows aligned to the clock."""

import pytest

from services.paper_exchange.protocol.errors import ApiError
from services.paper_exchange.protocol.rates import BAN_MS, IGNORED_MAX, Limits, OrderCost, RateLimiter

MINUTE = 60_000
START = 1_700_000_040_000  # the start of a minute


def limiter(weight: int = 10, orders_10s: int = 3, orders_1m: int = 5) -> RateLimiter:
    """A fresh limiter."""
    return RateLimiter(Limits(weight, orders_10s, orders_1m))


def refusal(call: object) -> ApiError:
    """The refusal a call ends in."""
    with pytest.raises(ApiError) as refused:
        call()  # type: ignore[operator]
    return refused.value


def test_weight_counts_up_and_starts_anew_with_the_minute() -> None:
    rates = limiter()
    assert [rates.take_weight(5, START + 100), rates.take_weight(5, START + 200)] == [5, 10]
    refused = refusal(lambda: rates.take_weight(1, START + 40_500))
    assert (refused.code, refused.http_status, refused.headers["Retry-After"]) == (-1003, 429, "20")
    assert "current limit is 10 requests per minute" in refused.msg
    assert rates.used_weight(START + 59_999) == 10
    assert rates.take_weight(1, START + MINUTE) == 1


def test_who_keeps_asking_is_banned_and_let_in_again() -> None:
    rates = limiter()
    rates.take_weight(10, START)
    for _ in range(IGNORED_MAX):
        assert refusal(lambda: rates.take_weight(1, START)).http_status == 429
    banned = refusal(lambda: rates.take_weight(1, START))
    assert (banned.http_status, banned.headers["Retry-After"]) == (418, str(BAN_MS // 1000))
    assert str(START + BAN_MS) in banned.msg
    assert refusal(lambda: rates.take_weight(1, START + BAN_MS - 1)).http_status == 418
    assert rates.take_weight(1, START + BAN_MS) == 1


def test_ignored_refusals_are_forgiven_with_the_minute() -> None:
    rates = limiter()
    for minute in range(3):
        rates.take_weight(10, START + minute * MINUTE)
        for _ in range(IGNORED_MAX):
            assert refusal(lambda at=START + minute * MINUTE: rates.take_weight(1, at)).http_status == 429


def test_orders_count_in_two_windows() -> None:
    rates = limiter()
    one = OrderCost(1, 1)
    for count in (1, 2, 3):
        assert rates.take_orders(one, START) == {
            "X-MBX-ORDER-COUNT-10S": str(count),
            "X-MBX-ORDER-COUNT-1M": str(count),
        }
    refused = refusal(lambda: rates.take_orders(one, START + 4_000))
    assert (refused.code, refused.http_status, refused.headers["Retry-After"]) == (-1015, 429, "6")
    assert refused.msg == "Too many new orders; current limit is 3 orders per 10 SECONDS."
    rates.take_orders(one, START + 10_000)
    rates.take_orders(one, START + 10_000)
    refused = refusal(lambda: rates.take_orders(one, START + 20_000))
    assert refused.msg == "Too many new orders; current limit is 5 orders per 1 MINUTE."


def test_a_batch_takes_five_and_one() -> None:
    rates = limiter(orders_10s=5)
    assert rates.take_orders(OrderCost(5, 1), START) == {"X-MBX-ORDER-COUNT-10S": "5", "X-MBX-ORDER-COUNT-1M": "1"}
    assert [row["count"] for row in rates.order_usage(START)] == [5, 1]
    assert [row["count"] for row in rates.usage(START)] == [0, 5, 1]


def test_what_is_published_is_what_is_counted() -> None:
    published = limiter(7, 8, 9).published()
    assert [(row["rateLimitType"], row["interval"], row["intervalNum"], row["limit"]) for row in published] == [
        ("REQUEST_WEIGHT", "MINUTE", 1, 7),
        ("ORDERS", "MINUTE", 1, 9),
        ("ORDERS", "SECOND", 10, 8),
    ]
