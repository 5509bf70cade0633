"""The names of public streams: what they carry and under which route."""

from typing import NamedTuple

from services.paper_exchange.market.intervals import INTERVALS

STREAMS_MAX = 1024
_DEPTHS = ("5", "10", "20")


class Stream(NamedTuple):
    """A stream's kind, its symbol in capitals (empty for all), and its argument (interval, levels, speed)."""

    name: str
    kind: str
    symbol: str
    argument: str

    @property
    def route(self) -> str:
        """The route that carries it."""
        return "public" if self.kind in ("bookTicker", "depth", "partialDepth") else "market"


def parse_stream(name: str) -> Stream | None:
    """Given a stream's name, return what it asks for, or None where no such stream exists."""
    if name.startswith("!"):
        return _all_symbols(name)
    symbol, _, rest = name.partition("@")
    kind, _, speed = rest.partition("@")
    upper = symbol.upper()
    if kind.startswith("kline_") and kind[6:] in INTERVALS:
        return Stream(name, "kline", upper, kind[6:])
    if kind.startswith("continuousKline_") and kind[16:] in INTERVALS and symbol.endswith("_perpetual"):
        return Stream(name, "continuousKline", upper.removesuffix("_PERPETUAL"), kind[16:])
    if kind == "markPrice" and speed in ("", "1s", "3s"):
        return Stream(name, "markPrice", upper, speed or "3s")
    if kind in ("aggTrade", "bookTicker", "miniTicker", "ticker", "forceOrder"):
        return Stream(name, kind, upper, "")
    if kind == "depth":
        return Stream(name, "depth", upper, speed)
    if kind.startswith("depth") and kind[5:] in _DEPTHS:
        return Stream(name, "partialDepth", upper, kind[5:])
    return None


def _all_symbols(name: str) -> Stream | None:
    kind, _, rest = name[1:].partition("@")
    match kind, rest:
        case "markPrice", "arr" | "arr@1s" | "arr@3s":
            return Stream(name, "markPriceArray", "", rest.partition("@")[2] or "3s")
        case (("miniTicker" | "ticker"), "arr"):
            return Stream(name, f"{kind}Array", "", "")
        case "bookTicker", "":
            return Stream(name, "bookTicker", "", "")
        case "forceOrder", "arr":
            return Stream(name, "forceOrder", "", "")
        case _:
            return None
