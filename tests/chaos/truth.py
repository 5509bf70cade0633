"""The exchange's own word, from its state and not from the endpoints that the daemons use, as the facts of a run."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from quantum_common.messages import Side
from services.cli.collection import Collector
from services.cli.facts import ExchangeOrder, ExchangeTrade, Facts
from services.position_state_brain.fold import Checkpoint, Fact
from tests.chaos.stage import Stage


def collect(stage: Stage) -> Facts:
    """Given a stage, return what Redis and the exchange hold. Raise what either raises where it is away."""
    facts = Collector(stage.patient_redis, stage.keys, stage.link, stage.listed).collect()
    rows = stage.paper.state()["rows"]
    return replace(
        facts,
        orders=tuple(_order(row) for row in rows["orders"]),
        trades=tuple(_trade(row) for row in rows["trades"]),
        positions={row["symbol"]: Decimal(row["amount"]) for row in rows["positions"]},
    )


def booked_facts(stage: Stage) -> Mapping[str, tuple[Checkpoint, tuple[Fact, ...]]]:
    """Given a stage, return by symbol the checkpoint and the facts beside it that it does not cover."""
    found = {}
    for symbol in stage.listed:
        fields: dict[str, str] = stage.patient_redis.hgetall(stage.keys.fills(symbol))  # type: ignore[assignment]
        for other in ("peak", "booked"):
            fields.pop(other, None)
        if fields:
            checkpoint = Checkpoint.from_json(fields.pop("checkpoint"))
            facts = (Fact.from_json(text) for text in fields.values())
            found[symbol] = (checkpoint, tuple(fact for fact in facts if not checkpoint.covers(fact)))
    return found


def _order(row: Mapping[str, Any]) -> ExchangeOrder:
    return ExchangeOrder(
        symbol=row["symbol"],
        order_id=int(row["order_id"]),
        client_order_id=row["client_order_id"],
        status=row["status"],
        executed_qty=Decimal(row["executed_qty"]),
        time_ms=int(row["time_ms"]),
    )


def _trade(row: Mapping[str, Any]) -> ExchangeTrade:
    return ExchangeTrade(
        symbol=row["symbol"],
        trade_id=int(row["trade_id"]),
        order_id=int(row["order_id"]),
        side=Side(row["side"]),
        qty=Decimal(row["qty"]),
        price=Decimal(row["price"]),
        realized_pnl=Decimal(row["realized_pnl"]),
        fee=Decimal(row["commission"]),
        time_ms=int(row["time_ms"]),
    )
