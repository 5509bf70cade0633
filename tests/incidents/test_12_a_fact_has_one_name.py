"""Incident 12: the same fact under three field names: several writers."""

from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.messages import Malformed, Record
from quantum_common.state import Ledger, OrderRecord, Portfolio, Snapshot
from tests.contract.chain import KEYS, Chain
from tests.unit.position_state_brain.scripted import SYMBOL


async def test_every_hash_has_exactly_the_names_of_its_contract(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await chain.ask(chain.wish())
    [plan] = await chain.plans()
    written: dict[str, type[Record]] = {
        KEYS.snapshot(SYMBOL): Snapshot,
        KEYS.ledger(SYMBOL): Ledger,
        KEYS.portfolio: Portfolio,
        KEYS.order(plan.plan_id): OrderRecord,
    }
    for key, record in written.items():
        fields: Any = await redis.hgetall(key)
        assert set(fields) == set(record.wire_names()), key
        for other in ("positionAmt", "amount", "size"):
            with pytest.raises(Malformed, match=other):
                record.from_fields({**fields, other: "1"})
