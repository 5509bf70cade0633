"""`quantum alerts run`, `test`, `list` and `ack`."""

import asyncio
import getpass
import os
import signal
import sys
from collections.abc import Mapping

import aiohttp
import orjson
from pydantic import ValidationError

from quantum_common.clock import SystemClock, epoch_ms
from quantum_common.keys import Keys
from quantum_common.log import Log, setup
from quantum_common.settings import SettingsError, load
from services.cli.alerts.channels import Channel, NotDelivered, channels_of
from services.cli.alerts.decide import Kind, Notice, Standing
from services.cli.alerts.given import Given
from services.cli.alerts.look import Seen, look
from services.cli.alerts.record import (
    Acknowledged,
    Acknowledgement,
    Record,
    read_acknowledged,
    read_record,
    write_acknowledged,
)
from services.cli.alerts.settings import AlertsSettings
from services.cli.alerts.watch import Watcher
from services.cli.complaint import Complaint
from services.cli.dry_run import only_said
from services.cli.health.check import Level
from services.cli.redis_link import connect
from services.cli.spans import span
from services.cli.target import address_of, environ_of

SERVICE = "alerts"
VERB = "alerts"
DEAD_AFTER_MS = 90_000  # the longest pause between two looks, and what a look may take


def settings_of(given: Given) -> tuple[AlertsSettings, Mapping[str, str]]:
    """Given the command line, return the settings, and what the services' own are read with. Raise Complaint."""
    environ = environ_of(VERB, given.folder)
    values = dict(os.environ) if environ is None else environ
    changed: dict[str, object] = {}
    if given.webhook_file is not None:
        changed["alerts_webhook_file"] = given.webhook_file
    if given.command:
        changed["alerts_command"] = given.command
    try:
        found = load(AlertsSettings, SERVICE, values)
        return AlertsSettings.model_validate({**dict(found), **changed}), values
    except SettingsError as error:
        raise Complaint(str(error)) from None
    except ValidationError as error:
        raise Complaint(f"--command {given.command}: {error.errors(include_url=False)[0]['msg']}") from None


def run_alerts(given: Given) -> int:
    """Watch and tell until a signal. Raise Complaint where it cannot begin."""
    settings, environ = settings_of(given)
    log = setup(settings.quantum_log_level, SERVICE)
    return asyncio.run(_watch(settings, environ, log))


async def _watch(settings: AlertsSettings, environ: Mapping[str, str], log: Log) -> int:
    redis, keys = connect(address_of(settings)), Keys(settings.quantum_key_prefix)

    async def read() -> Seen:
        return await asyncio.to_thread(look, redis, keys, environ)

    async with aiohttp.ClientSession() as session:
        channels = channels_of(settings, session)
        if not channels:
            log.warning("nobody is told: neither ALERTS_WEBHOOK_FILE nor ALERTS_COMMAND is set; the log alone says it")
        watcher = Watcher(
            look=read, channels=channels, policy=settings.policy, state=settings.alerts_state_file,
            every_ms=settings.alerts_every_ms, clock=SystemClock(), log=log,
            record=read_record(settings.alerts_state_file),
        )  # fmt: skip
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, watcher.stop.set)
        log.info("watching", channels=[channel.name for channel in channels], state=str(settings.alerts_state_file))
        try:
            await watcher.run()
        finally:
            redis.close()
    log.info("stopped")
    return 0


def run_test(given: Given) -> int:
    """Tell every channel that this is a test; return 0 where all of them took it. Raise Complaint where there is
    none."""
    settings, _ = settings_of(given)
    outcomes = asyncio.run(_test(settings))
    if not outcomes:
        raise Complaint("alerts: nobody to tell; set ALERTS_WEBHOOK_FILE or ALERTS_COMMAND in alerts.env")
    for name, failure in outcomes.items():
        sys.stdout.write(f"{name}: {failure or 'delivered'}\n")
    return 1 if any(outcomes.values()) else 0


async def _test(settings: AlertsSettings) -> dict[str, str]:
    now_ms = epoch_ms()
    notice = Notice(
        id=f"test//{now_ms}", kind=Kind.TEST, name="test", subject="", level=Level.OK, figure="a test", limit="",
        words=f"sent by {getpass.getuser()} with quantum alerts test", since_ms=now_ms, ts_ms=now_ms,
    )  # fmt: skip
    async with aiohttp.ClientSession() as session:
        return {channel.name: await _tried(channel, notice) for channel in channels_of(settings, session)}


async def _tried(channel: Channel, notice: Notice) -> str:
    """Return why a channel did not take a notice, or an empty string."""
    try:
        await channel.deliver(notice)
    except NotDelivered as error:
        return str(error)
    return ""


def run_list(given: Given, *, as_json: bool) -> int:
    """Show what stands; return 0 where nothing does. Raise Complaint where the daemon has never looked."""
    settings, _ = settings_of(given)
    record, acknowledged = _remembered(settings)
    now_ms = epoch_ms()
    told = [one for one in record.standing if one.told_ms is not None]
    if as_json:
        sys.stdout.write(orjson.dumps(_as_object(record, told, acknowledged)).decode() + "\n")
    else:
        for one in told:
            sys.stdout.write(_line(one, acknowledged, now_ms) + "\n")
        sys.stdout.write(_foot(record, told, now_ms) + "\n")
    return 1 if told else 0


def run_acknowledge(given: Given, name: str, subject: str, *, dry_run: bool = False) -> int:
    """Take note of what stands under a name, so that it is not repeated. Raise Complaint where nothing does."""
    settings, _ = settings_of(given)
    record, acknowledged = _remembered(settings)
    meant = [one for one in record.standing if one.name == name and (not subject or one.subject == subject)]
    if not meant:
        stands = ", ".join(f"{one.name} {one.subject}".strip() for one in record.standing) or "nothing"
        raise Complaint(f"alerts: no alert {f'{name} {subject}'.strip()} stands; what does: {stands}", status=1)
    said = [f"acknowledged: {f'{one.name} {one.subject}'.strip()}, not repeated until it is over" for one in meant]
    if dry_run:
        return only_said(*(f"would be {line}" for line in said))
    now_ms, who = epoch_ms(), getpass.getuser()
    living = {(one.name, one.subject, one.since_ms) for one in record.standing}
    kept = [one for one in acknowledged.entries if (one.name, one.subject, one.since_ms) in living]
    new = [
        Acknowledgement(name=one.name, subject=one.subject, since_ms=one.since_ms, by=who, ts_ms=now_ms)
        for one in meant
        if acknowledged.since.get(one.key) != one.since_ms
    ]
    try:
        write_acknowledged(settings.alerts_state_file, Acknowledged(entries=(*kept, *new)))
    except OSError as error:
        raise Complaint(f"{settings.alerts_state_file.parent}: cannot be written: {error.strerror}") from None
    sys.stdout.write("".join(f"{line}\n" for line in said))
    return 0


def _remembered(settings: AlertsSettings) -> tuple[Record, Acknowledged]:
    record = read_record(settings.alerts_state_file)
    if not record.looked_ms:
        raise Complaint(f"alerts: {settings.alerts_state_file} is not there yet; start quantum alerts run", status=1)
    return record, read_acknowledged(settings.alerts_state_file)


def _line(one: Standing, acknowledged: Acknowledged, now_ms: int) -> str:
    by = next(
        (ack.by for ack in acknowledged.entries if (ack.name, ack.subject, ack.since_ms) == (*one.key, one.since_ms)),
        "",
    )
    noted = f"acknowledged by {by}" if by else "not acknowledged"
    calm = ", well again but not for long enough" if one.calm_since_ms is not None else ""
    about = f"{one.name} {one.subject}".strip()
    return f"{one.level:<4} {about}  for {span(now_ms - one.since_ms)}, {noted}{calm}: {one.figure}. {one.words}"


def _foot(record: Record, told: list[Standing], now_ms: int) -> str:
    """Return the last line: how many, how much is still to be told, and whether anybody looks."""
    waiting = len(record.outbox.parcels)
    words = [f"{len(told)} standing" if told else "nothing stands", f"looked {span(now_ms - record.looked_ms)} ago"]
    if waiting:
        words.append(f"{waiting} still to be delivered")
    if record.outbox.dropped:
        words.append(f"{record.outbox.dropped} dropped")
    if now_ms - record.looked_ms > DEAD_AFTER_MS:
        words.append("nobody looks: is quantum-alerts running?")
    return ", ".join(words)


def _as_object(record: Record, told: list[Standing], acknowledged: Acknowledged) -> dict[str, object]:
    since = acknowledged.since
    return {
        "looked_ms": record.looked_ms,
        "standing": [
            {**one.model_dump(mode="json"), "acknowledged": since.get(one.key) == one.since_ms} for one in told
        ],
        "undelivered": len(record.outbox.parcels),
        "dropped": record.outbox.dropped,
    }
