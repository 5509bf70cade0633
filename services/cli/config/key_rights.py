"""What the exchange says of the API key: whether it knows it, and whether the key may do what it should and no more.

Executor and P3.3 ask the same at their start, and refuse a key that may withdraw; here it is known before.
"""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from quantum_common.clock import epoch_ms
from quantum_common.exchange.addresses import Address, address_of
from quantum_common.settings import SettingsError, read_secret
from services.cli.config.finding import Finding, Level, at, in_file
from services.cli.config.folder import ConfigFolder
from services.cli.config.secret_files import KEY, SECRET, TRADERS, key_files
from services.cli.config.values import Read

TIMEOUT_S = 10.0
RECV_WINDOW_MS = 60_000  # a check may run on a machine whose clock is a little off
REFUSED = frozenset({-2014, -2015, -1022})  # the key is none, not known or not for this address; the secret is wrong


class NotTold(Exception):
    """The exchange did not say what the key may do; the text says why."""


class NotAccepted(Exception):
    """The exchange does not take this key; the text is its own."""


def rights_findings(folder: ConfigFolder, read: Read) -> Iterator[Finding]:
    """Given a folder and its settings, ask the exchange of each key that a service trades with."""
    asked: set[tuple[Path, Path]] = set()
    for service in TRADERS:
        settings = read.settings[service]
        paths = key_files(folder, settings)
        address = address_of(settings) if service in read.sound else None
        if address is None or not address.account_url or paths in asked:
            continue
        asked.add(paths)
        try:
            key, secret = (
                read_secret(path, name).get_secret_value() for path, name in zip(paths, (KEY, SECRET), strict=True)
            )
        except SettingsError:
            continue  # that it cannot be used is a finding already
        for level, problem, remedy in _verdicts(address, key, secret):
            line = folder.of(service).get(KEY.upper())
            home = folder.path / "common.env"
            told = f"{paths[0]} {problem}"
            yield at(line, told, remedy, level) if line else in_file(home, KEY.upper(), told, remedy, level)


def _verdicts(address: Address, key: str, secret: str) -> Iterator[tuple[Level, str, str]]:
    try:
        rights = ask_rights(address, key, secret)
    except NotAccepted as refused:
        yield Level.ERROR, f"is not accepted by the exchange: {refused}", "make a key there, for this machine's address"
        return
    except NotTold as why:
        yield Level.WARNING, f"may or may not withdraw: {why}", "services that trade wait until the exchange says it"
        return
    if rights.get("enableWithdrawals") is not False:
        yield (
            Level.ERROR,
            "may withdraw, and no service trades with such a key",
            "make one that may not; delete this one",
        )
    if rights.get("enableFutures") is not True:
        yield Level.ERROR, "may not trade futures", "allow it that, where the key was made"
    if rights.get("ipRestrict") is not True and address.rest_url.startswith("https:"):
        yield Level.WARNING, "is good from every address", "bind it to this machine's, where the key was made"


def ask_rights(address: Address, key: str, secret: str) -> dict[str, Any]:
    """Given an exchange and a key with its secret, return what the key may do. Raise NotAccepted or NotTold."""
    query = urlencode({"recvWindow": RECV_WINDOW_MS, "timestamp": epoch_ms()})
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(  # noqa: S310 - an address of ours, http or https
        f"{address.account_url}/v1/account/apiRestrictions?{query}&signature={signature}", headers={"X-MBX-APIKEY": key}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the same
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error.code, error.read()) from None
    except (OSError, ValueError) as error:
        raise NotTold(str(getattr(error, "reason", error))) from None
    if not isinstance(found, dict):
        raise NotTold("the answer is not what was asked for")
    return found


def _refusal(status: int, body: bytes) -> Exception:
    """Given an answer that is an error, return what it means."""
    try:
        said = json.loads(body)
        code, words = int(said["code"]), str(said["msg"])
    except (ValueError, KeyError, TypeError):
        return NotTold(f"status {status}")
    return NotAccepted(f"code {code}: {words}") if code in REFUSED else NotTold(f"code {code}: {words}")
