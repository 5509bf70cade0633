"""Positions, balances and settings as python-binance's plain client sees them, its URLs changed and nothing else."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from binance import AsyncClient

from tests.contract.paper_fields import account, orders
from tests.contract.paper_fields.shape import fits
from tests.paper import flatten

SYMBOL = "BTCUSDT"
PAPER = "--symbols 4 --weight-limit 1000000 --order-limit-10s 100000 --order-limit-1m 100000 --balance 100000"


@pytest.fixture
async def client(client: AsyncClient) -> AsyncIterator[AsyncClient]:
    """A client; afterwards no order is open and no position stands."""
    yield client
    await flatten(client)


async def test_positions_accounts_and_balances(client: AsyncClient) -> None:
    await client.futures_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.010")
    positions = await client.futures_position_information()
    fits(positions, [account.POSITION_V3])
    assert [row["positionAmt"] for row in positions] == ["-0.010"]
    every = await client.futures_position_information(version=2)
    fits(every, [account.POSITION_V2])
    assert len(every) == 4
    v2 = await client.futures_account()
    fits(v2, account.ACCOUNT_V2)
    v3 = await client.futures_account(version=3)
    fits(v3, account.ACCOUNT_V3)
    assert len(v2["positions"]) == 4
    assert len(v3["positions"]) == 1
    fits(await client.futures_account_balance(), [account.BALANCE])
    fits(await client.futures_account_balance(version=2), [account.BALANCE])


async def test_settings_are_set_and_read_back(client: AsyncClient) -> None:
    answer = await client.futures_change_leverage(symbol=SYMBOL, leverage=21)
    fits(answer, account.LEVERAGE)
    assert answer["leverage"] == 21
    fits(await client.futures_account_config(), account.ACCOUNT_CONFIG)
    config = await client.futures_symbol_config(symbol=SYMBOL)
    fits(config, [account.SYMBOL_CONFIG])
    assert config[0]["leverage"] == 21
    fits(await client.futures_change_margin_type(symbol=SYMBOL, marginType="ISOLATED"), orders.DONE)
    assert (await client.futures_symbol_config(symbol=SYMBOL))[0]["marginType"] == "ISOLATED"
    await client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010")
    margin = await client.futures_change_position_margin(symbol=SYMBOL, amount="12.5", type=1)
    fits(margin, account.POSITION_MARGIN)
    await flatten(client)
    fits(await client.futures_change_margin_type(symbol=SYMBOL, marginType="CROSSED"), orders.DONE)


async def test_modes_are_set_and_read_back(client: AsyncClient) -> None:
    assert await client.futures_get_position_mode() == {"dualSidePosition": False}
    fits(await client.futures_change_position_mode(dualSidePosition=True), orders.DONE)
    assert await client.futures_get_position_mode() == {"dualSidePosition": True}
    await client.futures_change_position_mode(dualSidePosition="false")
    fits(await client.futures_change_multi_assets_mode(multiAssetsMargin=True), orders.DONE)
    assert await client.futures_get_multi_assets_mode() == {"multiAssetsMargin": True}
    await client.futures_change_multi_assets_mode(multiAssetsMargin=False)


async def test_brackets_fees_and_income(client: AsyncClient) -> None:
    brackets = await client.futures_leverage_bracket(symbol=SYMBOL)
    fits(brackets, [account.BRACKETS])
    assert len(await client.futures_leverage_bracket()) == 4
    rates = await client.futures_commission_rate(symbol=SYMBOL)
    fits(rates, account.COMMISSION_RATE)
    assert (rates["makerCommissionRate"], rates["takerCommissionRate"]) == ("0.000200", "0.000500")
    await client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010")
    rows = await client.futures_income_history(incomeType="COMMISSION")
    fits(rows, [account.INCOME])
    assert all(Decimal(row["income"]) < 0 for row in rows)


async def test_listen_keys_stay_the_same_while_alive(client: AsyncClient) -> None:
    key = await client.futures_stream_get_listen_key()
    assert await client.futures_stream_get_listen_key() == key
    fits(await client.futures_stream_keepalive(listenKey=key), account.LISTEN_KEY)
    assert await client.futures_stream_close(listenKey=key) == {}
    assert await client.futures_stream_get_listen_key() != key
