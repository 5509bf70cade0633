"""Reading what a run left, from a real Redis and an exchange that answers as the real one does."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from redis import Redis

from quantum_common.keys import SERVICES, Keys
from quantum_common.messages import Issuer, Record
from quantum_common.state import GovernorState, Hold, OrderState, TradingState
from services.cli.board import BoardReader
from services.cli.checks import evaluate
from services.cli.collection import ALL_SYMBOLS_MAX, Collector
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.exchange_link import ExchangeAway, ExchangeLink
from services.cli.facts import DeadLetter
from services.cli.redis_link import RedisAddress, connect
from services.cli.settling import NotComparable, Settling
from tests.unit.cli.histories import (
    FIRST_TRADE,
    NOW_MS,
    ORDER_ID,
    PLAN,
    SYMBOL,
    entry_id,
    intent,
    journal,
    ledger,
    permit,
    plan,
    record,
    result,
    snapshot,
)

KEYS = Keys()


class Exchange:
    """The account that `good()` describes, as REST rows."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False

    def positions(self) -> list[dict[str, Any]]:
        """One open position, and one flat."""
        if self.away:
            raise ExchangeAway("the exchange does not answer: gone")
        return [{"symbol": SYMBOL, "positionAmt": "2.000"}, {"symbol": "ETHUSDT", "positionAmt": "0.000"}]

    def orders(self, symbol: str) -> list[dict[str, Any]]:
        """The plan's order."""
        self.asked.append(symbol)
        common = {"symbol": symbol, "status": "FILLED", "executedQty": "2.000", "time": NOW_MS + 20}
        return [{"orderId": ORDER_ID, "clientOrderId": f"qo-{PLAN}", **common}] if symbol == SYMBOL else []

    def trades(self, symbol: str) -> list[dict[str, Any]]:
        """Its two trades."""
        common = {"symbol": symbol, "orderId": ORDER_ID, "side": "BUY", "qty": "1.000", "commission": "0.01000000"}
        common["realizedPnl"] = "0"
        return [
            {"id": FIRST_TRADE + number, "price": f"{100 + number}.00", "time": NOW_MS + 20 + number, **common}
            for number in range(2)
            if symbol == SYMBOL
        ]


@pytest.fixture
def redis(redis_server: EmbeddedRedis) -> Iterator[Redis]:  # the blocking kind
    """An empty Redis with the history of `good()` in it."""
    client = connect(RedisAddress(redis_server.url))
    write(client, KEYS.intents, 0, intent())
    write(client, KEYS.plans, 5, plan())
    write(client, KEYS.permits, 10, permit(Issuer.GOVERNOR))
    write(client, KEYS.permits, 11, permit(Issuer.P33))
    write(client, KEYS.results, 30, result())
    write(client, KEYS.journal, 30, journal(0, "1", "100"))
    write(client, KEYS.journal, 31, journal(1, "2", "100.5"))
    put(client, KEYS.ledger(SYMBOL), ledger())
    put(client, KEYS.snapshot(SYMBOL), snapshot("2"))
    put(client, KEYS.order(PLAN), record(OrderState.PLACED))
    yield client
    client.close()


def write(client: Redis, stream: str, after_ms: int, message: Record) -> None:
    """Write an entry as it would have been written then."""
    client.xadd(stream, cast("dict[Any, Any]", message.to_fields()), id=entry_id(after_ms))


def put(client: Redis, key: str, what: Record) -> None:
    """Write a hash."""
    client.hset(key, mapping=cast("dict[Any, Any]", what.to_fields()))


def collector(client: Redis, exchange: Exchange, symbols: tuple[str, ...] = (SYMBOL, "ETHUSDT")) -> Collector:
    """A collector over both."""
    return Collector(client, KEYS, cast("ExchangeLink", exchange), symbols)


def test_what_was_written_is_read_and_keeps_every_guarantee(redis: Redis) -> None:
    redis.xgroup_create(KEYS.plans, "governor", id="$")
    facts = collector(redis, Exchange()).collect()
    assert len(facts.intents) == len(facts.plans) == len(facts.results) == 1
    assert len(facts.permits) == len(facts.journal) == len(facts.trades) == 2
    assert facts.plans[0].written_ms == NOW_MS + 5
    assert facts.positions == {SYMBOL: Decimal(2), "ETHUSDT": Decimal(0)}
    assert not facts.trimmed
    verdicts = evaluate(facts, settled=True)
    assert {verdict.holds for verdict in verdicts.values()} == {True, None}
    assert verdicts["G3"].holds
    assert verdicts["G10"].holds


def test_malformed_entries_dead_letters_holds_and_backlogs_are_seen(redis: Redis) -> None:
    bad = redis.xadd(KEYS.intents, {"symbol": "?"})
    redis.xadd(Keys.dead(KEYS.intents), {"dead_entry_id": str(bad), "dead_reason": "side: missing"})
    redis.xgroup_create(KEYS.intents, "intent-bridge", id="0")
    redis.xreadgroup("intent-bridge", "it", {KEYS.intents: ">"}, count=1)
    put(
        redis,
        KEYS.hold(SYMBOL),
        Hold(reason="drift", exchange_position_amt=Decimal(1), ledger_position_amt=Decimal(2), since_ms=1, details=""),
    )
    facts = collector(redis, Exchange()).collect()
    assert facts.malformed == (("trade.intent", str(bad)),)
    assert facts.dead == (DeadLetter("trade.intent", str(bad), "side: missing"),)
    assert facts.held == {SYMBOL}
    assert [(row.group, row.lag, row.pending) for row in facts.backlogs] == [("intent-bridge", 1, 1)]


def test_trimmed_streams_and_unreadable_hashes_are_told(redis: Redis) -> None:
    redis.xtrim(KEYS.journal, maxlen=1, approximate=False)
    redis.hset(KEYS.ledger("ETHUSDT"), "fees", "x")
    facts = collector(redis, Exchange()).collect()
    assert facts.trimmed == {"ledger.journal"}
    assert len(facts.unreadable) == 1
    assert facts.unreadable[0].startswith("quantum:position:ledger:ETHUSDT")


def test_with_many_symbols_only_those_that_were_touched_are_asked_about(redis: Redis) -> None:
    many = tuple(f"S{number}USDT" for number in range(ALL_SYMBOLS_MAX + 1))
    exchange = Exchange()
    collector(redis, exchange, many).collect()
    assert exchange.asked == [SYMBOL]


def test_the_board_is_read_from_where_it_stopped(redis: Redis) -> None:
    redis.hset(KEYS.heartbeat(SERVICES[0]), "pid", "1")
    active = GovernorState(trading_state=TradingState.ACTIVE, reason="", by="governor", since_ms=1)
    put(redis, KEYS.governor_state, active)
    put(redis, KEYS.snapshot("ETHUSDT"), snapshot("0"))
    redis.xgroup_create(KEYS.plans, "governor", id="0")
    reader = BoardReader(redis, KEYS, (SYMBOL, "ETHUSDT"), after_ms=NOW_MS - 1)
    board = reader.read(restarts=1)
    assert board.trading_state == "ACTIVE"
    assert board.beating == SERVICES[:1]
    assert board.totals == {"intents": 1, "plans": 1, "permits": 2, "results": 1, "orders": 1, "fills": 2}
    assert [(row.symbol, row.difference) for row in board.positions] == [(SYMBOL, Decimal(0))]
    assert [(row.stream, row.lag) for row in board.groups] == [("apply.plan", 1)]
    assert reader.read(restarts=1).totals == board.totals
    write(redis, KEYS.plans, 90, plan())
    assert reader.read(restarts=1).totals["plans"] == 2


def test_what_cannot_be_read_stands_on_the_board_as_such(redis: Redis) -> None:
    redis.hset(KEYS.ledger(SYMBOL), "fees", "x")
    board = BoardReader(redis, KEYS, (SYMBOL,), after_ms=NOW_MS).read(0)
    assert board.positions[0].hold.startswith("unreadable: fees")


def settling(client: Redis, exchange: Exchange, tended: list[int], *, urgent: bool = False) -> Settling:
    """A settling over both, that counts how often it looked after the processes."""
    return Settling(
        client, KEYS, cast("ExchangeLink", exchange), (SYMBOL,), tend=lambda: tended.append(1), urgent=lambda: urgent
    )


def test_a_quiet_pipeline_is_settled_and_judged(redis: Redis) -> None:
    found = settling(redis, Exchange(), []).settle(within_s=10)
    assert found.settled
    assert found.verdicts["G2"].holds


def test_a_busy_pipeline_is_not_settled_when_the_time_is_over(redis: Redis) -> None:
    redis.xgroup_create(KEYS.plans, "governor", id="0")
    tended: list[int] = []
    found = settling(redis, Exchange(), tended).settle(within_s=0.2)
    assert not found.settled
    assert found.verdicts["G10"].holds is None
    assert tended


def test_an_exchange_that_is_away_cannot_be_compared_with(redis: Redis) -> None:
    exchange = Exchange()
    exchange.away = True
    with pytest.raises(NotComparable, match="does not answer"):
        settling(redis, exchange, [], urgent=True).settle(within_s=5)
