"""The environment is part of the address, and keys fit it (incident 43)."""

import pytest
from binance import AsyncClient
from pydantic import SecretStr

from quantum_common.exchange.addresses import LIVE, TESTNET, Address, address_of, paper_address, require_fitting_key
from quantum_common.exchange.client import client_class
from quantum_common.settings import LIVE_WORDS, CommonSettings, Environment, SettingsError

REAL = SecretStr("k" * 64)
PAPER = SecretStr("PaperExchangeDemoKey")


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        (Environment.PAPER, "http://127.0.0.1:7001/fapi"),
        (Environment.TESTNET, "https://demo-fapi.binance.com/fapi"),
        (Environment.LIVE, "https://fapi.binance.com/fapi"),
    ],
)
def test_each_environment_has_one_address(environment: Environment, url: str) -> None:
    confirm = LIVE_WORDS if environment is Environment.LIVE else ""
    settings = CommonSettings(
        quantum_env=environment, quantum_live_confirm=confirm, quantum_paper_url="http://127.0.0.1:7001/"
    )
    address = address_of(settings)
    assert address.environment is environment
    assert address.rest_url == url


def test_a_paper_address_has_its_websockets_on_the_same_port() -> None:
    assert paper_address("http://localhost:7001").stream_url == "ws://localhost:7001"


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "127.0.0.1:9001", "http://", "http://a/b", "http://a:{}"])
def test_a_paper_address_that_is_not_plain_http_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="QUANTUM_PAPER_URL"):
        paper_address(url)


@pytest.mark.parametrize("address", [LIVE, TESTNET, paper_address("http://127.0.0.1:9001")])
def test_a_client_of_one_exchange_knows_no_address_of_another(address: Address) -> None:
    known = client_class(address)
    urls = {
        name: getattr(known, name)
        for name in dir(AsyncClient)
        if name.endswith("_URL") and isinstance(getattr(AsyncClient, name), str)
    }
    assert len(urls) > 15
    own = {address.rest_url, address.data_url, address.order_socket_url, address.account_url}
    assert set(urls.values()) <= own - {""}


def test_a_key_s_rights_are_asked_of_the_exchange_that_is_traded_on_and_the_testnet_has_none_to_ask() -> None:
    assert client_class(LIVE).MARGIN_API_URL == "https://api.binance.com/sapi"
    assert client_class(paper_address("http://127.0.0.1:9001")).MARGIN_API_URL == "http://127.0.0.1:9001/sapi"
    assert TESTNET.rest_url == client_class(TESTNET).MARGIN_API_URL
    assert TESTNET.account_url == ""


@pytest.mark.parametrize("environment", [Environment.TESTNET, Environment.LIVE])
def test_a_paper_key_is_refused_outside_paper_mode(environment: Environment) -> None:
    require_fitting_key(environment, REAL)
    with pytest.raises(SettingsError, match="QUANTUM_ENV is"):
        require_fitting_key(environment, PAPER)


def test_a_real_key_is_refused_in_paper_mode_and_not_shown() -> None:
    require_fitting_key(Environment.PAPER, PAPER)
    with pytest.raises(SettingsError, match="no place in paper mode") as refusal:
        require_fitting_key(Environment.PAPER, REAL)
    assert REAL.get_secret_value() not in str(refusal.value)
