"""Incident 27: LONG and SHORT stood on one symbol at once, because the account was in hedge mode."""

import pytest

from quantum_common.exchange.port import ConfigurationRefused
from tests.unit.exchange.scripted import CONFIG, Reply, connected, scripted_exchange
from tests.unit.exchange.test_orders import REQUEST


async def test_an_account_in_hedge_mode_is_refused_before_the_first_order() -> None:
    hedged = {"GET /v1/accountConfig": Reply(body=CONFIG | {"dualSidePosition": True})}
    async with scripted_exchange(**hedged) as server, connected(server) as exchange:
        with pytest.raises(ConfigurationRefused, match="hedge mode; set its position mode to one-way"):
            await exchange.orders.place(REQUEST)
        assert not server.requests("POST", "/v1/order")
