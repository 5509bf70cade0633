"""Gathers the evidence of a simulated run from its server, its engine and its processes."""

from quantum_common.ids import plan_of
from quantum_common.messages import Issuer
from services.paper_exchange.engine.enums import Side as EngineSide
from tests.sim.evidence import Evidence, Fields, OrderSeen, StopSeen, TradeSeen
from tests.sim.exchange import DEPOSIT
from tests.sim.pipeline import KEYS, SYMBOLS, Pipeline

READ = (KEYS.intents, KEYS.plans, KEYS.permits, KEYS.results)  # streams that somebody consumes


def settled_cheaply(pipeline: Pipeline) -> bool:
    """Return whether nothing is visibly under way: the question before the costly one."""
    server = pipeline.redis.server
    if not pipeline.redis.up or any(process.down for process in pipeline.world.processes):
        return False
    if len(pipeline.wished) < pipeline.wishes or any(server.pending(key) or server.unread(key) for key in READ):
        return False
    return all(
        server.do_hget(KEYS.ledger(symbol), "position_amt") is not None and not server.do_exists(KEYS.hold(symbol))
        for symbol in SYMBOLS
    )


def evidence(pipeline: Pipeline, *, settled: bool, recovered_ms: int) -> Evidence:
    """Given a run, return what is left of it."""
    server, exchange, world = pipeline.redis.server, pipeline.exchange, pipeline.world

    def hashes(names: dict[str, str]) -> dict[str, Fields]:
        found = {name: server.do_hgetall(key) for name, key in names.items()}
        return {name: dict(zip(flat[::2], flat[1::2], strict=True)) for name, flat in found.items() if flat}

    orders = [
        OrderSeen(order.symbol, order.order_id, order.client_order_id, order.executed_qty, order.is_open)
        for order in exchange.all_orders()
    ]
    trades = [
        TradeSeen(
            row.symbol, row.order_id, row.qty if row.buyer else -row.qty, row.commission, row.realized_pnl, row.time_ms
        )
        for symbol in SYMBOLS
        for row in exchange.all_trades(symbol)
    ]
    stops = [
        StopSeen(algo.symbol, algo.client_algo_id, 1 if algo.side is EngineSide.SELL else -1)
        for algo in exchange.engine.open_algos()
    ]
    prefix = KEYS.order("")
    live = {key.rpartition(":")[2] for issuer in Issuer for key in server.do_scan(KEYS.permit(issuer, ""))}
    pipeline.alive |= live & {plan_of(order.client_id) for order in orders}  # a permit's end by age excuses nothing
    return Evidence(
        keys=KEYS,
        symbols=SYMBOLS,
        wished=frozenset(pipeline.wished),
        streams={key: server.history(key) for key in KEYS.streams},
        pending={key: server.pending(key) for key in READ},
        unread={key: server.unread(key) for key in READ},
        records=hashes({key.removeprefix(prefix): key for key in server.do_scan(prefix)}),
        ledgers=hashes({symbol: KEYS.ledger(symbol) for symbol in SYMBOLS}),
        facts=hashes({symbol: KEYS.fills(symbol) for symbol in SYMBOLS}),
        positions={view.symbol: view.amount for view in exchange.engine.positions(all_symbols=True)},
        orders=orders,
        trades=trades,
        stops=stops,
        wallet=exchange.engine.account().wallet_balance,
        deposit=DEPOSIT,
        live_permits=sorted(pipeline.alive),
        forgot=world.faults["redis_forgot"] > 0,
        torn=world.faults["torn"] > 0,
        foreign=exchange.left_open,
        moves=pipeline.moves,
        crashes=world.crashes,
        dead_letters=[
            f"{consumer.group} {entry_id}: {reason}"
            for consumer in pipeline.consumers
            for entry_id, reason in consumer.dead
        ],
        settled=settled,
        recovered_ms=recovered_ms,
    )
