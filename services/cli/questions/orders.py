"""`quantum orders [SYMBOL]`: the latest orders with what was filled, at which price, and the position after."""

from decimal import Decimal
from typing import Any

from redis import Redis
from rich.console import Group
from rich.text import Text

from quantum_common.keys import Keys
from quantum_common.money import ZERO, plain
from services.cli.health.collect import collect
from services.cli.operator_requests import checked_symbol
from services.cli.questions.answer import Answer, Manner, answer
from services.cli.questions.tables import Cell, amount, clock, table
from services.cli.questions.threads import Thread, threads_of

VERB = "orders"
HEADS = ("TIME", "SYMBOL", "ORDER", "ACTION", "SIDE", "QTY", "FILLED", "PRICE", "AFTER", "STATUS", "PLAN")
SPARE = ("PLAN", "SIDE", "STATUS", "TIME")  # what a narrow terminal can do without, first to last
LEFT = ("TIME", "SYMBOL", "ACTION", "SIDE", "STATUS", "PLAN")
READ_PER_SHOWN = 20  # entries of a stream that are read for each order that is shown: most plans may have been blocked
READ_MAX = 20_000


def run_orders(symbol: str | None, last: int, manner: Manner) -> int:
    """Show the latest orders, the newest last, sent and refused ones alike; return 0. Raise Complaint."""
    wanted = checked_symbol(VERB, symbol) if symbol else None

    def read(redis: Redis, keys: Keys) -> Answer:
        found = collect(redis, keys, (), 0, entries_max=min(READ_PER_SHOWN * last, READ_MAX))
        known = [one for one in threads_of(found) if one.result is not None and _sent(one)]
        mine = [one for one in known if wanted in {None, one.said("symbol")}]
        return shown(mine[:last][::-1], wanted)

    return answer(VERB, manner, read)


def shown(found: list[Thread], wanted: str | None) -> Answer:
    """Given threads whose order was sent, the oldest first, return them as a table."""
    of = f" of {wanted}" if wanted else ""
    if not found:
        return Answer(Text(f"no order{of} in what the streams hold", "yellow"), {"orders": []})
    head = Text(f"the last {len(found)} orders{of}, times in UTC", "bold")
    return Answer(
        Group(head, table(HEADS, map(_cells, found), LEFT, spare=SPARE)), {"orders": [_as_row(one) for one in found]}
    )


def _sent(thread: Thread) -> bool:
    """Return whether the exchange was asked: there is an order, or its refusal."""
    said = thread.result[1] if thread.result else {}
    return bool(said.get("order_id") or said.get("sent_ms"))


def price(thread: Thread) -> Decimal | None:
    """Given a thread, return the average price of its trades as the exchange told them; None where none is known."""
    traded = [
        (Decimal(fields["qty"]), Decimal(fields["price"])) for _, fields in thread.own_fills if fields.get("price")
    ]
    quantity = sum((qty for qty, _ in traded), ZERO)
    if quantity:
        return sum((qty * at for qty, at in traded), ZERO) / quantity
    told = thread.result[1].get("avg_price", "") if thread.result else ""
    return Decimal(told) if told else None


def _after(thread: Thread) -> Decimal | None:
    fills = thread.own_fills
    told = fills[-1][1]["position_amt"] if fills else thread.said("position_after")
    return Decimal(told) if told else None


def _status(said: dict[str, str]) -> Text:
    if said.get("executed") == "True":
        return Text(said.get("order_status") or "DONE", "green")
    return Text(f"{said.get('gate')} {said.get('error', '')}".strip(), "red")


def _cells(thread: Thread) -> tuple[Cell, ...]:
    said = thread.result[1] if thread.result else {}
    at, after = price(thread), _after(thread)
    return (
        clock(int(said["ts_ms"])), Text(said["symbol"], "bold"), said["order_id"] or "-", said["action"], said["side"],
        said["qty"], said["filled_qty"], f"{at:.10g}" if at else "-", amount(after) if after is not None else "-",
        _status(said), Text(said["plan_id"], "dim"),
    )  # fmt: skip


def _as_row(thread: Thread) -> dict[str, Any]:
    said = thread.result[1] if thread.result else {}
    at, after = price(thread), _after(thread)
    return {
        "ts_ms": int(said["ts_ms"]),
        "symbol": said["symbol"],
        "order_id": said["order_id"] or None,
        "client_order_id": said["client_order_id"] or None,
        "plan_id": said["plan_id"],
        "action": said["action"],
        "side": said["side"],
        "qty": said["qty"],
        "filled_qty": said["filled_qty"],
        "avg_price": plain(at) if at else None,
        "position_after": plain(after) if after is not None else None,
        "executed": said["executed"] == "True",
        "status": said["order_status"] or None,
        "gate": said["gate"] or None,
        "error": said["error"] or None,
    }
