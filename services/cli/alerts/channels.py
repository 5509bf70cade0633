"""The ways to tell people: a POST to a webhook, and a command. Each either gets a notice through or says why not."""

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import orjson

from quantum_common.settings import SettingsError, read_secret
from services.cli.alerts.decide import Notice
from services.cli.alerts.settings import AlertsSettings
from services.cli.complaint import Complaint

RUNBOOK = "docs/runbook.md"
VARIABLE = "ALERT_"
ANSWER_SHOWN = 200


class NotDelivered(Exception):
    """It did not get through; the text says why, without the address."""


class Channel(Protocol):
    """A way to tell people."""

    @property
    def name(self) -> str:
        """Return what its parcels are addressed to."""
        ...

    async def deliver(self, notice: Notice) -> None:
        """Tell one notice. Raise NotDelivered."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Which pipeline speaks."""

    environment: str
    prefix: str
    host: str = socket.gethostname()


def payload(notice: Notice, origin: Origin) -> dict[str, Any]:
    """Given a notice, return what a webhook gets. `text` is all of it in one line."""
    return {
        "text": f"[quantum {origin.environment} {origin.host}] {notice.text}",
        **notice.model_dump(mode="json"),
        "environment": origin.environment,
        "prefix": origin.prefix,
        "host": origin.host,
        "runbook": f"{RUNBOOK}#alert-{notice.name}",
    }


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts JSON to a URL; any 2xx is an answer."""

    session: aiohttp.ClientSession
    url: str
    origin: Origin
    timeout_s: float
    name: str = "webhook"

    async def deliver(self, notice: Notice) -> None:
        """Post it."""
        body = orjson.dumps(payload(notice, self.origin))
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.id}
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        try:
            async with self.session.post(
                self.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                if not 200 <= answer.status < 300:
                    raise NotDelivered(f"the webhook answered {answer.status}")
        except TimeoutError:
            raise NotDelivered(f"the webhook did not answer within {self.timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotDelivered(f"the webhook cannot be reached: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class Command:
    """Runs a program, never a shell; status 0 is an answer."""

    words: Sequence[str]
    origin: Origin
    timeout_s: float
    name: str = "command"

    async def deliver(self, notice: Notice) -> None:
        """Run it, with the notice as variables and as JSON on its standard input."""
        told = payload(notice, self.origin)
        try:
            process = await asyncio.create_subprocess_exec(
                *self.words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE, env={**os.environ, **variables(told)}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise NotDelivered(f"the command cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(self.timeout_s):
                _, said = await process.communicate(orjson.dumps(told))
        except TimeoutError:
            raise NotDelivered(f"the command did not end within {self.timeout_s:g} s") from None
        finally:
            await _ended(process)
        if process.returncode:
            words = said.decode(errors="replace").strip()[-ANSWER_SHOWN:]
            raise NotDelivered(f"the command ended with status {process.returncode}: {words or 'no word'}")


async def _ended(process: asyncio.subprocess.Process) -> None:
    """See that a program is gone, with all that it started."""
    if process.returncode is None:
        os.killpg(process.pid, 9)
        await process.wait()


def variables(told: Mapping[str, Any]) -> dict[str, str]:
    """Given what a webhook would get, return it as environment variables."""
    return {f"{VARIABLE}{name.upper()}": "" if value is None else str(value) for name, value in told.items()}


def channels_of(settings: AlertsSettings, session: aiohttp.ClientSession) -> tuple[Channel, ...]:
    """Given the settings, return every channel that they name. Raise Complaint for an address out of order."""
    origin = Origin(settings.quantum_env.value, settings.quantum_key_prefix)
    timeout_s = settings.alerts_timeout_ms / 1000
    found: list[Channel] = []
    if settings.alerts_webhook_file is not None:
        found.append(Webhook(session, webhook_url(settings), origin, timeout_s))
    if settings.alerts_command:
        found.append(Command(settings.alerts_command, origin, timeout_s))
    return tuple(found)


def webhook_url(settings: AlertsSettings) -> str:
    """Given the settings, return the webhook's address. Raise Complaint where the file or what is in it will not do."""
    try:
        url = read_secret(settings.alerts_webhook_file, "ALERTS_WEBHOOK_FILE").get_secret_value()
    except SettingsError as error:
        raise Complaint(str(error)) from None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Complaint(f"ALERTS_WEBHOOK_FILE={settings.alerts_webhook_file}: holds no http or https address")
    return url
