"""Before anything is sent: clock, limits and mode are known. And while the exchange is away, calls say so."""

import asyncio
import socket

import pytest
import structlog
from pydantic import SecretStr

from quantum_common.clock import ManualClock
from quantum_common.exchange.addresses import paper_address
from quantum_common.exchange.budget import Budget, Lane
from quantum_common.exchange.client import client_class
from quantum_common.exchange.connect import open_exchange
from quantum_common.exchange.outcome import NotSent
from quantum_common.exchange.port import AccountPort, ConfigurationRefused, ExchangeUnavailable, MarketPort, OrderPort
from quantum_common.exchange.server_clock import ServerClock
from quantum_common.exchange.session import ONE, RULES_AGE_MS_MAX, RULES_REFRESH_MS, Session
from quantum_common.settings import LIVE_WORDS, SettingsError
from tests.unit.exchange.scripted import (
    CONFIG,
    CREDENTIALS,
    INFO,
    RIGHTS,
    Reply,
    connected,
    scripted_exchange,
    settings_for,
)
from tests.unit.exchange.test_orders import REQUEST
from tests.unit.exchange.test_stops import STOP

RIGHTS_PATH = "GET /sapi/v1/account/apiRestrictions"


@pytest.mark.parametrize(
    ("config", "problem"),
    [(CONFIG | {"dualSidePosition": True}, "hedge mode"), (CONFIG | {"canTrade": False}, "may not trade")],
)
async def test_an_account_that_cannot_be_used_is_refused_before_anything_is_sent(
    config: dict[str, bool], problem: str
) -> None:
    async with (
        scripted_exchange(**{"GET /v1/accountConfig": Reply(body=config)}) as server,
        connected(server) as exchange,
    ):
        for call in (exchange.orders.place(REQUEST), exchange.account.positions(), exchange.orders.server_time_ms()):
            with pytest.raises(ConfigurationRefused, match=problem):
                await call
        assert not server.requests("POST", "/v1/order")


@pytest.mark.parametrize("rights", [{"enableWithdrawals": True}, {"enableWithdrawals": "false"}, {}])
async def test_a_key_that_may_withdraw_is_refused_before_anything_is_sent(rights: dict[str, object]) -> None:
    async with (
        scripted_exchange(**{RIGHTS_PATH: Reply(body=rights)}) as server,
        connected(server) as exchange,
    ):
        for call in (exchange.orders.place(REQUEST), exchange.account.positions()):
            with pytest.raises(ConfigurationRefused, match="may withdraw"):
                await call
        assert not server.requests("POST", "/v1/order")


async def test_while_a_key_s_rights_are_not_known_nothing_is_sent() -> None:
    async with (
        scripted_exchange(**{RIGHTS_PATH: Reply(503, text="Service Unavailable.")}) as server,
        connected(server) as exchange,
    ):
        assert isinstance(await exchange.orders.place(REQUEST), NotSent)
        with pytest.raises(ExchangeUnavailable, match="Service Unavailable"):
            await exchange.account.positions()
        assert not server.requests("POST", "/v1/order")
        server.scripts[RIGHTS_PATH] = Reply(body=RIGHTS)
        assert await exchange.orders.server_time_ms() > 0


async def test_where_rights_cannot_be_asked_the_log_says_so() -> None:
    key = (SecretStr("k" * 64), SecretStr("s" * 64))
    with structlog.testing.capture_logs() as logs:
        settings = settings_for("http://127.0.0.1:1", quantum_env="testnet")
        async with open_exchange(settings, key, (), ManualClock(1)):
            pass
    [said] = [entry for entry in logs if "withdraw" in entry["event"]]
    assert (said["log_level"], said["environment"]) == ("warning", "testnet")


async def test_without_keys_only_public_calls_are_made() -> None:
    async with scripted_exchange() as server, connected(server, credentials=None) as exchange:
        assert "BTCUSDT" in await exchange.market.rules()
        assert all("X-MBX-APIKEY" not in asked.headers for asked in server.asked)
        assert not server.requests("GET", "/v1/accountConfig")
        assert not server.requests("GET", "/sapi/v1/account/apiRestrictions")


async def test_one_session_serves_all_three_ports() -> None:
    async with scripted_exchange() as server, connected(server) as exchange:
        ports: tuple[OrderPort, AccountPort, MarketPort] = (exchange.orders, exchange.account, exchange.market)
        for port in ports:
            assert await port.server_time_ms() > 0
        assert len(server.requests("GET", "/v1/exchangeInfo")) == 1


async def test_many_first_calls_prepare_the_session_once() -> None:
    async with scripted_exchange() as server, connected(server) as exchange:
        await asyncio.gather(*(exchange.orders.server_time_ms() for _ in range(5)), exchange.orders.rules())
        assert len(server.requests("GET", "/v1/exchangeInfo")) == 1


async def test_an_exchange_that_is_away_is_unavailable_and_found_again() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        async with open_exchange(settings_for(url), CREDENTIALS, (), ManualClock(1_000_000)) as exchange:
            with pytest.raises(ExchangeUnavailable):
                await exchange.orders.server_time_ms()
            with pytest.raises(ExchangeUnavailable):
                await exchange.orders.rules()
            assert isinstance(await exchange.orders.place(REQUEST), NotSent)
            assert isinstance(await exchange.orders.place_stop(STOP), NotSent)
            async with scripted_exchange() as server:
                exchange.session.client.FUTURES_URL = f"{server.url}/fapi"
                exchange.session.client.MARGIN_API_URL = f"{server.url}/sapi"
                assert await exchange.orders.server_time_ms() > 0


async def test_calls_that_reach_nobody_leave_the_budget_alone() -> None:
    async with scripted_exchange() as server, connected(server) as exchange:
        await exchange.orders.server_time_ms()
        used = [item.used for item in exchange.session.budget.state.counters]
        exchange.session.client.FUTURES_URL = "http://127.0.0.1:1/fapi"
        for _ in range(3):
            assert isinstance(await exchange.orders.place(REQUEST), NotSent)
            with pytest.raises(ExchangeUnavailable):
                await exchange.account.positions()
        for item, before in zip(exchange.session.budget.state.counters, used, strict=True):
            assert item.used <= before


async def test_a_ban_without_an_end_lasts_as_long_as_the_shortest() -> None:
    banned = Reply(418, text="<html>banned</html>")
    async with scripted_exchange(**{"POST /v1/order": banned}) as server, connected(server) as exchange:
        outcome = await exchange.orders.place(REQUEST)
        assert isinstance(outcome, NotSent)
        assert 119_000 < outcome.retry_after_ms <= 120_000


async def test_the_servers_time_is_told_without_asking() -> None:
    async with scripted_exchange() as server, connected(server) as exchange:
        await exchange.orders.server_time_ms()
        asked = len(server.asked)
        await exchange.orders.server_time_ms()
        assert len(server.asked) == asked


async def test_a_stamp_that_is_refused_has_the_clock_compared_again() -> None:
    refused = Reply(400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    async with scripted_exchange(**{"GET /v2/positionRisk": refused}) as server, connected(server) as exchange:
        with pytest.raises(ExchangeUnavailable):
            await exchange.account.positions()
        compared = len(server.requests("GET", "/v1/time"))
        while len(server.requests("GET", "/v1/time")) < compared + 3:
            await asyncio.sleep(0)


async def test_the_rules_are_read_anew_now_and_then_and_old_ones_stand_for_an_hour() -> None:
    clock = ManualClock(1_700_000_000_000)
    async with scripted_exchange(**{"GET /v1/time": Reply(body={"serverTime": clock.now_ms()})}) as server:
        server_clock, budget = ServerClock(clock), Budget()
        client = client_class(paper_address(server.url))(
            None, recv_window_ms=5000, timeout_ms=3000, server_clock=server_clock, budget=budget
        )
        session = Session(client, server_clock, budget, keyed=False)
        first = await session.rules()
        assert await session.rules() is first
        clock.advance(RULES_REFRESH_MS + 1)
        server.scripts["GET /v1/exchangeInfo"] = Reply(body=INFO | {"symbols": []})
        assert await session.rules() == {}
        server.scripts["GET /v1/exchangeInfo"] = Reply(500, text="")
        clock.advance(RULES_REFRESH_MS + 1)
        assert await session.rules() == {}
        clock.advance(RULES_AGE_MS_MAX)
        with pytest.raises(ExchangeUnavailable):
            await session.rules()
        await client.close()


async def test_a_key_that_does_not_fit_the_environment_opens_nothing() -> None:
    with pytest.raises(SettingsError):
        async with open_exchange(
            settings_for("http://127.0.0.1:1", quantum_env="live", quantum_live_confirm=LIVE_WORDS),
            CREDENTIALS,
            (),
            ManualClock(1),
        ):
            raise AssertionError


async def test_the_limits_of_the_exchange_are_taken_over() -> None:
    small = INFO | {
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "DAY", "intervalNum": 1, "limit": 20}]
    }
    async with (
        scripted_exchange(**{"GET /v1/exchangeInfo": Reply(body=small)}) as server,
        connected(server) as exchange,
    ):
        await exchange.orders.server_time_ms()
        for _ in range(17):
            wait_ms = exchange.session.budget.reserve(Lane.SNAPSHOT, ONE, exchange.session.server_clock.now_ms())
        assert wait_ms > 0
        with pytest.raises(ExchangeUnavailable, match="budget"):
            await exchange.account.positions()
