"""From options to a running exchange's parts: market, engine, store, and what a restart goes on from."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from services.paper_exchange.engine.config import EngineConfig
from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine_feed import rules_of
from services.paper_exchange.exchange import Exchange, read_listen_key, read_position
from services.paper_exchange.faults import FaultMenu
from services.paper_exchange.listen_keys import ListenKeys
from services.paper_exchange.market.bars import MINUTE_MS
from services.paper_exchange.market.catalogue import listings
from services.paper_exchange.market.clock import MarketClock
from services.paper_exchange.market.market import Market, MarketPosition
from services.paper_exchange.market.replay import ReplaySource
from services.paper_exchange.market.synthetic import SyntheticSource
from services.paper_exchange.options import BadOption, Options
from services.paper_exchange.past import Past
from services.paper_exchange.protocol.broadcast import Broadcast
from services.paper_exchange.store import Store
from services.paper_exchange.tape import Tape
from services.paper_exchange.user_stream import UserStream

START_NUMBER_MAX = 10**9  # a smaller --start is the number of a minute, a larger one an open time


class Opened(NamedTuple):
    """A market and where it began."""

    market: Market
    origin_ms: int
    identity: str


def open_exchange(
    options: Options,
    clock: Callable[[], int],
    later: Callable[[int, Callable[[], None]], None],
    on_end: Callable[[int], None],
) -> tuple[Exchange, Broadcast]:
    """Given options, the clock, a timer and what to do at the market's end, return the exchange, as its state left it.

    Raise BadOption, FileFault or StateInUse, each with a text for the operator.
    """
    store = Store(options.state)
    facts = store.facts()
    opened = _open_market(options, read_position(facts), clock())
    market = opened.market
    menu = FaultMenu(options.fault_seed)
    broadcast = Broadcast(market, menu)
    keys = ListenKeys(options.listen_key_life_s * 1000, read_listen_key(facts))

    def send(kind: str, text: bytes) -> None:
        if keys.current is not None:
            broadcast.user(keys.current.key, kind, text)

    engine = _open_engine(options, market, store, clock())
    exchange = Exchange(
        engine=engine,
        market=market,
        store=store,
        menu=menu,
        stream=UserStream(menu, send, later),
        audience=broadcast,
        listen_keys=keys,
        past=Past(engine),
        tape=Tape(len(market.listings)),
        clock=clock,
        on_end=on_end,
        origin_ms=opened.origin_ms,
        identity=opened.identity,
        key_withdraws=options.withdrawals,
    )
    exchange.retick()
    exchange.save_position()
    return exchange, broadcast


def _open_engine(options: Options, market: Market, store: Store, now_ms: int) -> Engine:
    rules = [rules_of(listing, market.quotes[symbol]) for symbol, listing in market.listings.items()]
    config = EngineConfig(
        reduce_only_excess=options.reduce_only_excess,
        retained_orders=options.retain,
        retained_trades=options.retain,
        retained_income=2 * options.retain,
        retained_algos=options.retain,
    )
    rows = store.load()
    if rows.account is not None:
        return Engine.restore(rules, rows, config)
    engine = Engine(rules, config)
    if options.balance > Decimal(0):
        engine.transfer(options.balance, now_ms)
    return engine


def _open_market(options: Options, kept: MarketPosition | None, now_ms: int) -> Opened:
    kind, _, value = options.market.partition(":")
    opened = (
        _synthetic(options, int(value), kept, now_ms) if kind == "synthetic" else _replay(options, value, kept, now_ms)
    )
    if kept is not None and kept.identity != opened.identity:
        raise BadOption(
            f"--state {options.state} holds a market {kept.identity}, not {opened.identity}; "
            "start with the same options, or with another folder"
        )
    if options.hold if kept is None else kept.paused:
        opened.market.clock.paused = True
    return opened


def _synthetic(options: Options, seed: int, kept: MarketPosition | None, now_ms: int) -> Opened:
    origin_ms = kept.origin_ms if kept is not None else now_ms // MINUTE_MS * MINUTE_MS
    found = listings(options.symbols)
    source = SyntheticSource(found, seed, origin_ms - options.warmup * MINUTE_MS)
    clock = MarketClock(kept.market_ms if kept is not None else now_ms, now_ms, options.speed)
    market = Market(source, found, clock, {}, kept.offsets if kept is not None else None)
    return Opened(market, origin_ms, f"synthetic:{seed} of {options.symbols} symbols, warm-up {options.warmup}")


def _replay(options: Options, folder: str, kept: MarketPosition | None, now_ms: int) -> Opened:
    source = ReplaySource(Path(folder))
    start_ms = _replay_start(options, source)
    origin_ms = start_ms
    if kept is not None:
        origin_ms = source.shift(kept.origin_ms - start_ms) + start_ms
    elif options.align_now:
        origin_ms = source.shift(now_ms // MINUTE_MS * MINUTE_MS - start_ms) + start_ms
    last_ms = (source.end_ms or start_ms) - 1
    clock = MarketClock(min(kept.market_ms, last_ms) if kept is not None else origin_ms, now_ms, options.speed)
    offsets = kept.offsets if kept is not None else None
    market = Market(source, source.listings, clock, source.funding, offsets)
    return Opened(market, origin_ms, f"csv from {start_ms}")


def _replay_start(options: Options, source: ReplaySource) -> int:
    end_ms = source.end_ms or source.first_ms
    minutes = (end_ms - source.first_ms) // MINUTE_MS
    if not options.start:
        start_ms = source.first_ms + options.warmup * MINUTE_MS
        if start_ms >= end_ms:
            raise BadOption(f"--warmup {options.warmup}: the files have only {minutes} minutes in common; give fewer")
        return start_ms
    number = int(options.start)
    start_ms = source.first_ms + number * MINUTE_MS if number < START_NUMBER_MAX else number // MINUTE_MS * MINUTE_MS
    if not source.first_ms <= start_ms < end_ms:
        raise BadOption(
            f"--start {options.start}: the files have {minutes} minutes in common, from {source.first_ms} to {end_ms}"
        )
    return start_ms
