"""Asks the exchange what time it is: one public request, without a key."""

import json
from collections.abc import Callable
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from quantum_common.exchange.addresses import address_of
from quantum_common.settings import CommonSettings

WITHIN_S = 2.0


def exchange_time(settings: CommonSettings) -> Callable[[], int]:
    """Given settings, return what asks their exchange for its time in epoch milliseconds, and raises OSError where it
    does not say."""
    url = f"{address_of(settings).rest_url}/v1/time"

    def ask() -> int:
        try:
            with urlopen(url, timeout=WITHIN_S) as reply:  # noqa: S310 - the settings allow http and https alone
                return int(json.load(reply)["serverTime"])
        except HTTPError as error:
            raise OSError(f"{url} answers {error.code}") from None
        except OSError as error:
            raise OSError(f"no answer at {url}: {cause_of(error).lower()}") from None
        except (HTTPException, ValueError, KeyError, TypeError) as error:
            raise OSError(f"{url} does not say the time: {error}") from None

    return ask


def cause_of(error: Exception) -> str:
    """Given why a request over HTTP failed, return what lies beneath it, in the system's words."""
    cause = error.reason if isinstance(error, URLError) else error
    return cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
