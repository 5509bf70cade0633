"""From the market's scaled integers to the engine's decimals, and the rules of what is listed."""

from decimal import Decimal

from services.paper_exchange.engine.book import Tick
from services.paper_exchange.engine.defaults import default_rules
from services.paper_exchange.engine.rules import SymbolRules
from services.paper_exchange.market.catalogue import Listing
from services.paper_exchange.market.quote import PRICE_SCALE, Quote


def engine_tick(quote: Quote) -> Tick:
    """Given a symbol's present, return it as the engine's tick."""
    bars = quote.bars
    price, quantity = -bars.price_decimals, -bars.volume_decimals
    book = quote.book()
    last = Decimal(quote.last).scaleb(price)
    return Tick(
        bids=tuple([(Decimal(level[0]).scaleb(price), Decimal(level[1]).scaleb(quantity)) for level in book.bids]),
        asks=tuple([(Decimal(level[0]).scaleb(price), Decimal(level[1]).scaleb(quantity)) for level in book.asks]),
        last=last,
        high=last,
        low=last,
        mark=Decimal(quote.mark_e8).scaleb(-PRICE_SCALE),
        index_price=Decimal(quote.index_e8).scaleb(-PRICE_SCALE),
    )


def rules_of(listing: Listing, quote: Quote) -> SymbolRules:
    """Given a contract and its bars, return the rules it trades by, the same at every start."""
    typical = Decimal(listing.price_e8).scaleb(-PRICE_SCALE)
    if not typical:
        typical = Decimal(quote.bars.open[0]).scaleb(-listing.price_decimals)
    return default_rules(
        listing.symbol,
        typical,
        price_decimals=listing.price_decimals,
        quantity_decimals=listing.quantity_decimals,
    )
