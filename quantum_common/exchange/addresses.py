"""Where each environment's exchange lives. The environment is part of the address, and keys must fit it.

An address replaces every URL that python-binance knows, spot and margin included: a client made for one environment has
no string in it that leads to another.
"""

from dataclasses import dataclass

from pydantic import SecretStr

from quantum_common.settings import CommonSettings, Environment, SettingsError

PAPER_KEY_PREFIX = "paper"


@dataclass(frozen=True, slots=True)
class Address:
    """One exchange: the bases of its REST calls and websocket streams, without a slash at the end. `account_url` is
    where a key's rights can be asked; empty where nowhere."""

    environment: Environment
    rest_url: str
    data_url: str
    stream_url: str
    order_socket_url: str
    account_url: str = ""

    def class_attributes(self) -> dict[str, str]:
        """Return the URL attributes of a python-binance client that talks to this exchange and to no other."""
        futures = dict.fromkeys(("FUTURES_URL", "FUTURES_TESTNET_URL", "FUTURES_DEMO_URL"), self.rest_url)
        data = dict.fromkeys(("FUTURES_DATA_URL", "FUTURES_DATA_TESTNET_URL"), self.data_url)
        sockets = ("WS_FUTURES_URL", "WS_FUTURES_TESTNET_URL", "WS_FUTURES_DEMO_URL")
        unused = dict.fromkeys(_UNUSED, self.rest_url)
        unused["MARGIN_API_URL"] = self.account_url or self.rest_url
        return unused | futures | data | dict.fromkeys(sockets, self.order_socket_url)


_UNUSED = (
    "API_URL",
    "API_TESTNET_URL",
    "API_DEMO_URL",
    "MARGIN_API_URL",
    "WEBSITE_URL",
    "FUTURES_COIN_URL",
    "FUTURES_COIN_TESTNET_URL",
    "FUTURES_COIN_DEMO_URL",
    "FUTURES_COIN_DATA_URL",
    "FUTURES_COIN_DATA_TESTNET_URL",
    "OPTIONS_URL",
    "OPTIONS_TESTNET_URL",
    "PAPI_URL",
    "WS_API_URL",
    "WS_API_TESTNET_URL",
    "WS_API_DEMO_URL",
)

LIVE = Address(
    environment=Environment.LIVE,
    rest_url="https://fapi.binance.com/fapi",
    data_url="https://fapi.binance.com/futures/data",
    stream_url="wss://fstream.binance.com",
    order_socket_url="wss://ws-fapi.binance.com/ws-fapi/v1",
    account_url="https://api.binance.com/sapi",
)
TESTNET = Address(
    environment=Environment.TESTNET,
    rest_url="https://demo-fapi.binance.com/fapi",
    data_url="https://demo-fapi.binance.com/futures/data",
    stream_url="wss://demo-fstream.binance.com",
    order_socket_url="wss://testnet.binancefuture.com/ws-fapi/v1",
)


def paper_address(url: str) -> Address:
    """Given the base URL of a paper exchange, return its address. Raise SettingsError where it is not plain HTTP."""
    base = url.rstrip("/")
    scheme, separator, host = base.partition("://")
    if scheme != "http" or not separator or not host or "/" in host or "{" in host:
        raise SettingsError(f"settings: QUANTUM_PAPER_URL={url}: must be http://host:port")
    return Address(
        environment=Environment.PAPER,
        rest_url=f"{base}/fapi",
        data_url=f"{base}/futures/data",
        stream_url=f"ws://{host}",
        order_socket_url=f"ws://{host}/ws-fapi/v1",
        account_url=f"{base}/sapi",
    )


def address_of(settings: CommonSettings) -> Address:
    """Given the settings, return the address of the environment that they name."""
    if settings.quantum_env is Environment.LIVE:
        return LIVE
    if settings.quantum_env is Environment.TESTNET:
        return TESTNET
    return paper_address(settings.quantum_paper_url)


def require_fitting_key(environment: Environment, key: SecretStr) -> None:
    """Given an environment and an API key, raise SettingsError where they cannot belong together.

    Keys of the paper exchange begin with "paper", in any case of letters; those of a real exchange are drawn at random
    and do not. So paper mode never holds the means to trade, and a paper key never leaves the machine. Which of the two
    real exchanges a key belongs to is known to them alone, and each refuses the other's.
    """
    of_paper = key.get_secret_value().lower().startswith(PAPER_KEY_PREFIX)
    if environment is Environment.PAPER and not of_paper:
        raise SettingsError(
            "settings: QUANTUM_API_KEY_FILE: does not hold a key of the paper exchange while QUANTUM_ENV is paper; "
            'such a key begins with "paper", and a real one has no place in paper mode'
        )
    if environment is not Environment.PAPER and of_paper:
        raise SettingsError(
            f"settings: QUANTUM_API_KEY_FILE: holds a key of the paper exchange, but QUANTUM_ENV is {environment.value}"
        )
