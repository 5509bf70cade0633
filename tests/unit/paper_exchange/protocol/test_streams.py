"""Names of streams, their routes, and what a websocket's path asks for."""

import pytest

from services.paper_exchange.market.prices import Book
from services.paper_exchange.protocol.sockets import Opening, parse_opening
from services.paper_exchange.protocol.stream_messages import book_difference
from services.paper_exchange.protocol.streams import parse_stream


@pytest.mark.parametrize(
    ("name", "kind", "symbol", "argument", "route"),
    [
        ("btcusdt@kline_1m", "kline", "BTCUSDT", "1m", "market"),
        ("btcusdt_perpetual@continuousKline_1M", "continuousKline", "BTCUSDT", "1M", "market"),
        ("btcusdt@markPrice", "markPrice", "BTCUSDT", "3s", "market"),
        ("btcusdt@markPrice@1s", "markPrice", "BTCUSDT", "1s", "market"),
        ("!markPrice@arr", "markPriceArray", "", "3s", "market"),
        ("!markPrice@arr@1s", "markPriceArray", "", "1s", "market"),
        ("btcusdt@aggTrade", "aggTrade", "BTCUSDT", "", "market"),
        ("btcusdt@bookTicker", "bookTicker", "BTCUSDT", "", "public"),
        ("!bookTicker", "bookTicker", "", "", "public"),
        ("btcusdt@depth20@100ms", "partialDepth", "BTCUSDT", "20", "public"),
        ("btcusdt@depth@500ms", "depth", "BTCUSDT", "500ms", "public"),
        ("!miniTicker@arr", "miniTickerArray", "", "", "market"),
        ("!forceOrder@arr", "forceOrder", "", "", "market"),
        ("btcusdt@forceOrder", "forceOrder", "BTCUSDT", "", "market"),
    ],
)
def test_a_name_says_what_is_wanted(name: str, kind: str, symbol: str, argument: str, route: str) -> None:
    stream = parse_stream(name)
    assert stream is not None
    assert (stream.name, stream.kind, stream.symbol, stream.argument, stream.route) == (
        *(name, kind, symbol, argument),
        route,
    )


@pytest.mark.parametrize("name", ["", "btcusdt", "btcusdt@kline_7m", "btcusdt@depth7", "!nothing@arr", "btcusdt@x"])
def test_a_name_nobody_serves_is_none(name: str) -> None:
    assert parse_stream(name) is None


@pytest.mark.parametrize(
    ("path", "query", "opening"),
    [
        ("/private/ws", "listenKey=K&events=A/B", Opening("private", False, ("K",), frozenset({"A", "B"}))),
        ("/private/ws/K", "", Opening("private", False, ("K",), frozenset())),
        ("/private/stream", "listenKey=K", Opening("private", True, ("K",), frozenset())),
        ("/ws/K", "", Opening("", False, ("K",), frozenset())),
        ("/market/ws/a@b/c@d", "", Opening("market", False, ("a@b", "c@d"), frozenset())),
        ("/public/stream", "streams=a@b/c@d", Opening("public", True, ("a@b", "c@d"), frozenset())),
        ("/stream", "", Opening("", True, (), frozenset())),
        ("/ws", "", Opening("", False, (), frozenset())),
        ("/elsewhere", "", None),
        ("/", "", None),
        ("/private", "", None),
    ],
)
def test_a_path_says_what_is_wanted(path: str, query: str, opening: Opening | None) -> None:
    assert parse_opening(path, query) == opening


def test_a_difference_tells_what_went_and_what_stands() -> None:
    before, after = Book(((10, 1), (9, 2)), ((11, 1),)), Book(((10, 3), (8, 2)), ((12, 1),))
    assert book_difference(before, after) == Book(((9, 0), (10, 3), (8, 2)), ((11, 0), (12, 1)))
    assert book_difference(None, after) == after
