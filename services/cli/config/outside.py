"""What the files name and only others know: which symbols the exchange trades, and whether Redis answers and keeps."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import AuthenticationError, ResponseError

from quantum_common.durability import WANTED
from quantum_common.exchange.addresses import address_of
from quantum_common.redis_client import why_gone
from quantum_common.settings import CommonSettings, Durability, SettingsError
from services.cli.complaint import Complaint
from services.cli.config.agreement import ALLOWLISTS, UNIVERSE, symbols_of
from services.cli.config.finding import Finding, Level, at, in_file
from services.cli.config.folder import CLI, ConfigFolder
from services.cli.health.exchange_time import cause_of
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of as redis_address_of

TIMEOUT_S = 10.0
WASTES = {
    UNIVERSE.key: "the engine subscribes to bars that never come",
    "INTENT_BRIDGE_ALLOWLIST": "every wish for it ends at symbol_not_tradable",
    "INTENT_EXECUTOR_ALLOWLIST": "no plan for it ever gets here",
    "P33_ALLOWLIST": "it never has a snapshot, so their coverage is never whole",
}


class NotAnswered(Exception):
    """The exchange could not be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What an exchange lists: each symbol with its status, and where that was asked."""

    where: str
    status: Mapping[str, str] = field(default_factory=dict)

    def fault(self, symbol: str) -> str:
        """Return why a symbol cannot be opened there; empty where it can."""
        status = self.status.get(symbol)
        if status is None:
            return f"is not listed on {self.where}"
        return "" if status == "TRADING" else f"is {status} on {self.where} and takes no new orders"


def ask_listing(settings: CommonSettings) -> Listing:
    """Given settings, ask their exchange what it lists. Raise NotAnswered."""
    try:
        address = address_of(settings)
        url = f"{address.rest_url}/v1/exchangeInfo"
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - an address of ours, http or https
            info: Any = json.loads(answer.read())
        status = {str(row["symbol"]): str(row["status"]) for row in info["symbols"]}
    except (OSError, ValueError, KeyError, TypeError, SettingsError) as error:
        raise NotAnswered(f"{_named(settings)} did not answer: {cause_of(error)}") from None
    return Listing(_named(settings), status)


def _named(settings: CommonSettings) -> str:
    """Given settings, return how their exchange is called in a sentence."""
    where = address_of(settings).rest_url.removesuffix("/fapi")
    return f"the {settings.quantum_env} exchange at {where}"


def symbol_findings(folder: ConfigFolder, values: Mapping[str, CommonSettings], listing: Listing) -> Iterator[Finding]:
    """Given what the exchange lists, yield each symbol of each list that cannot be traded there, and what it wastes."""
    for one in (UNIVERSE, *ALLOWLISTS):
        line = folder.of(one.service).get(one.key)
        for symbol in symbols_of(values, one) or ():
            fault = listing.fault(symbol)
            if fault and line is not None:
                remedy = f"quantum allowlist remove {symbol}"
                yield at(line, f"{symbol} {fault}: {WASTES[one.key]}", remedy)


def _short(error: Exception) -> str:
    return str(error).rstrip(". ")


def redis_findings(folder: ConfigFolder, settings: CommonSettings) -> Iterator[Finding]:
    """Given the settings of the `quantum` command, yield what Redis says of itself. A Redis that is down now may be up
    when the services start, so all of this is a warning."""
    line = folder.of(CLI).get("QUANTUM_REDIS_URL")

    def warning(problem: str, remedy: str) -> Finding:
        if line is not None:
            return at(line, problem, remedy, Level.WARNING)
        return in_file(folder.path / "common.env", "QUANTUM_REDIS_URL", problem, remedy, Level.WARNING)

    try:
        address = redis_address_of(settings)
        redis = connect(address)
    except (Complaint, ValueError) as error:
        yield warning(f"redis cannot be asked: {error}", "mend that, and check again")
        return
    try:
        actual: Any = redis.config_get(*WANTED)
    except AuthenticationError as error:
        said = f"redis at {address.url} refuses the user {settings.quantum_redis_user or 'default'}: {_short(error)}"
        yield warning(said, "see QUANTUM_REDIS_USER and QUANTUM_REDIS_PASSWORD_FILE")
        return
    except ResponseError as error:
        yield warning(f"redis at {address.url} does not tell how it is set: {_short(error)}", "see users.acl")
        return
    except GONE as error:
        yield warning(
            f"redis at {address.url} does not answer: {why_gone(error)}", "start it; every service waits for it"
        )
        return
    finally:
        redis.close()
    wrong = ", ".join(
        f"{name} is {actual.get(name, '')}" for name, wanted in WANTED.items() if actual.get(name) != wanted
    )
    if wrong and settings.quantum_durability is Durability.STRICT:
        yield warning(
            f"redis may lose what it acknowledged ({wrong}), and no service starts on it",
            "set it as etc/quantum/redis.conf does, or QUANTUM_DURABILITY=relaxed",
        )
    elif wrong:
        yield warning(f"redis may lose what it acknowledged ({wrong}), as QUANTUM_DURABILITY=relaxed allows", "")
