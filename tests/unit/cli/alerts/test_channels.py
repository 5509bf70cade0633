"""The ways to tell people: each gets a notice through or says why not, without saying where it went."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson
import pytest

from services.cli.alerts.channels import Command, NotDelivered, Origin, Webhook, channels_of, payload
from services.cli.alerts.decide import Kind, Notice
from services.cli.alerts.settings import AlertsSettings
from services.cli.complaint import Complaint
from services.cli.health.check import Level
from tests.unit.cli.alerts.receiver import receiving

ORIGIN = Origin("paper", "quantum", "box")
NOTICE = Notice(
    id="drift/BTCUSDT/1/raised/2", kind=Kind.RAISED, name="drift", subject="BTCUSDT", level=Level.BAD,
    figure="ledger 1, exchange 2", limit="equal", words='do "this"; $(not that)', since_ms=1, ts_ms=2,
)  # fmt: skip


def alive(pid: str) -> bool:
    """Whether a process still does something; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def test_a_webhook_gets_all_of_it_as_json(session: aiohttp.ClientSession) -> None:
    async with receiving() as receiver:
        await Webhook(session, receiver.url, ORIGIN, 5).deliver(NOTICE)
    [got] = receiver.got
    assert got == orjson.loads(orjson.dumps(payload(NOTICE, ORIGIN)))
    assert got["text"].startswith("[quantum paper box] BAD drift BTCUSDT: ledger 1, exchange 2, limit equal. do")
    assert got["runbook"] == "docs/runbook.md#alert-drift"
    assert receiver.keys == [NOTICE.id], "by it a receiver knows one that it has already"


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
async def test_any_answer_but_2xx_is_none(session: aiohttp.ClientSession, status: int) -> None:
    async with receiving() as receiver:
        receiver.answers = [status]
        with pytest.raises(NotDelivered, match=f"answered {status}"):
            await Webhook(session, receiver.url, ORIGIN, 5).deliver(NOTICE)


async def test_a_webhook_that_hangs_is_given_up(session: aiohttp.ClientSession) -> None:
    async with receiving() as receiver:
        receiver.answers = [0]
        with pytest.raises(NotDelivered, match=r"within 0\.1 s"):
            await Webhook(session, receiver.url, ORIGIN, 0.1).deliver(NOTICE)


async def test_what_cannot_be_reached_is_said_without_its_address(session: aiohttp.ClientSession) -> None:
    async with receiving() as receiver:
        gone = receiver.url.replace("/hook", "/services/T0/hunter2")
    with pytest.raises(NotDelivered) as said:
        await Webhook(session, gone, ORIGIN, 5).deliver(NOTICE)
    assert "hunter2" not in str(said.value)
    assert "cannot be reached" in str(said.value)


async def test_a_command_gets_it_as_variables_and_as_json_and_no_shell_reads_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = f"import os, sys; open({str(out)!r}, 'w').write(os.environ['ALERT_WORDS'] + sys.stdin.read())"
    await Command([sys.executable, "-c", program, "$(touch x)"], ORIGIN, 20).deliver(NOTICE)
    words, _, rest = out.read_text().partition("{")
    assert words == 'do "this"; $(not that)'
    assert orjson.loads("{" + rest)["subject"] == "BTCUSDT"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([sys.executable, "-c", "import sys; sys.exit('no pager')"], "status 1: no pager"),
        ([sys.executable, "-c", "import sys; sys.exit(3)"], "status 3: no word"),
        (["/nonexistent/program"], "cannot be run: No such file"),
    ],
)
async def test_a_command_that_fails_says_why(words: list[str], said: str) -> None:
    with pytest.raises(NotDelivered, match=said):
        await Command(words, ORIGIN, 20).deliver(NOTICE)


async def test_a_command_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $$ $! > {pids}; wait"
    with pytest.raises(NotDelivered, match=r"did not end within 2 s"):
        await Command(["/bin/sh", "-c", script], ORIGIN, 2).deliver(NOTICE)
    assert not any(map(alive, pids.read_text().split()))


async def test_the_settings_name_the_channels(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text("https://example.org/T0/hunter2\n")
    hook.chmod(0o600)
    settings = AlertsSettings.model_validate({"alerts_webhook_file": hook, "alerts_command": "page 'the team'"})
    assert [one.name for one in channels_of(settings, session)] == ["webhook", "command"]
    assert settings.alerts_command == ("page", "the team")
    assert "hunter2" not in repr(settings)
    assert channels_of(AlertsSettings(), session) == ()


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("https://example.org/x", 0o644, "chmod 600"),
        ("ftp://example.org/x", 0o600, "no http or https address"),
        ("", 0o600, "is empty"),
    ],
)
async def test_an_address_out_of_order_is_one_line(
    session: aiohttp.ClientSession, tmp_path: Path, text: str, mode: int, said: str
) -> None:
    hook = tmp_path / "hook"
    hook.write_text(text)
    hook.chmod(mode)
    with pytest.raises(Complaint, match=said) as complaint:
        channels_of(AlertsSettings(alerts_webhook_file=hook), session)
    assert "example.org" not in str(complaint.value)
