"""The daemon's loop against a real receiver that fails, hangs and comes back; and restarts at every moment."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from quantum_common.clock import ManualClock, SystemClock
from services.cli.alerts import outbox, watch
from services.cli.alerts.channels import Channel, Origin, Webhook
from services.cli.alerts.decide import Notice, Policy
from services.cli.alerts.look import Seen
from services.cli.alerts.record import (
    Acknowledged,
    Acknowledgement,
    Record,
    read_acknowledged,
    read_record,
    write_acknowledged,
)
from services.cli.alerts.watch import Watcher
from services.cli.complaint import Complaint
from services.cli.health.check import Check, Level
from tests.unit.cli.alerts.receiver import receiving

AT_ONCE = Policy(confirm_ms=0, calm_ms=0, repeat_ms=0)
DRIFT = Check("drift", "BTCUSDT", Level.BAD, "1 and 2", "equal", "quantum reconcile")
HALT = Check("trading_state", "", Level.BAD, "HALTED", "ACTIVE")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between two tries in milliseconds, not seconds."""
    monkeypatch.setattr(outbox, "BACK_OFF_MS", (1, 2, 5))


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


class Scene:
    """A watcher on scripted looks. The last look goes on for ever."""

    def __init__(self, state: Path, channels: list[Channel], *looks: tuple[Check, ...]) -> None:
        self.looks = list(looks)
        self.watcher = Watcher(
            look=self.look, channels=channels, policy=AT_ONCE, state=state, every_ms=1, clock=SystemClock(),
            log=structlog.get_logger(), record=read_record(state),
        )  # fmt: skip

    async def look(self) -> Seen:
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return Seen(found, whole=True)

    async def until(self, so: Callable[[], bool]) -> None:
        """Run until it is so, at most ten seconds; then stop as a signal stops it."""
        running = asyncio.create_task(self.watcher.run())
        async with asyncio.timeout(10):
            while not so():
                assert not running.done(), running
                await asyncio.sleep(0.002)
        self.watcher.stop.set()
        await running


def webhook(session: aiohttp.ClientSession, url: str, timeout_s: float = 5) -> Webhook:
    return Webhook(session, url, Origin("paper", "quantum", "box"), timeout_s)


async def test_a_halt_is_told_once_and_its_end_once(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with receiving() as receiver:
        scene = Scene(tmp_path / "s", [webhook(session, receiver.url)], (), (HALT,), (HALT,), (HALT,), ())
        await scene.until(lambda: len(receiver.got) == 2)
    assert receiver.told == [("raised", "trading_state"), ("recovered", "trading_state")]


async def test_a_receiver_that_fails_and_hangs_gets_everything_in_order_once_it_is_back(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        receiver.answers = [500, 0, 503]
        scene = Scene(tmp_path / "s", [webhook(session, receiver.url, 1)], (HALT,), (HALT, DRIFT), (DRIFT,))
        await scene.until(lambda: len(receiver.got) == 3)
    assert receiver.tries == 6
    assert receiver.told == [
        ("raised", "trading_state"), ("raised", "drift BTCUSDT"), ("recovered", "trading_state"),
    ]  # fmt: skip


async def test_looks_go_on_while_a_receiver_hangs(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with receiving() as receiver:
        receiver.answers = [0]
        scene = Scene(tmp_path / "s", [webhook(session, receiver.url, 30)], (HALT,), *[(HALT,)] * 20, (HALT, DRIFT))
        await scene.until(lambda: len(scene.watcher.record.standing) == 2)
        assert receiver.got == []


async def test_what_is_not_told_yet_is_told_after_a_restart_and_what_is_told_is_not(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    state = tmp_path / "s"
    async with receiving() as receiver:
        port = int(receiver.url.rpartition(":")[2].partition("/")[0])
        await Scene(state, [webhook(session, receiver.url)], (HALT,)).until(
            lambda: not read_record(state).outbox.parcels and len(receiver.got) == 1
        )
    gone = Scene(state, [webhook(session, receiver.url)], (HALT, DRIFT))
    await gone.until(lambda: any(parcel.tries for parcel in read_record(state).outbox.parcels))
    async with receiving(port, receiver):
        await Scene(state, [webhook(session, receiver.url)], (HALT, DRIFT), ()).until(lambda: len(receiver.got) == 4)
    assert receiver.told[:2] == [("raised", "trading_state"), ("raised", "drift BTCUSDT")]
    assert sorted(receiver.told[2:]) == [("recovered", "drift BTCUSDT"), ("recovered", "trading_state")]
    assert len(set(receiver.keys)) == 4


async def test_a_notice_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    state, seen = tmp_path / "s", list[list[str]]()

    class Witness:
        name = "webhook"

        async def deliver(self, notice: Notice) -> None:
            seen.append([parcel.notice.id for parcel in read_record(state).outbox.parcels])

    scene = Scene(state, [Witness()], (HALT,))
    await scene.until(lambda: bool(seen) and not read_record(state).outbox.parcels)
    assert [len(ids) for ids in seen] == [1]


async def test_one_channel_that_fails_holds_no_other_up(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    told: list[Notice] = []

    class Pager:
        name = "command"

        async def deliver(self, notice: Notice) -> None:
            told.append(notice)

    scene = Scene(tmp_path / "s", [webhook(session, "http://127.0.0.1:9/hook"), Pager()], (HALT,), (HALT,), ())
    await scene.until(lambda: len(told) == 2)
    assert [parcel.channel for parcel in scene.watcher.record.outbox.parcels] == ["webhook", "webhook"]


async def test_a_state_that_cannot_be_written_keeps_nobody_from_being_told(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    async with receiving() as receiver:
        scene = Scene(tmp_path / "none", [webhook(session, receiver.url)], (HALT,))
        scene.watcher.state = tmp_path / "file" / "s"
        await scene.until(lambda: len(receiver.got) == 1)


async def test_looks_that_find_nothing_new_are_written_down_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, written = ManualClock(1_000_000), list[int]()
    monkeypatch.setattr(watch, "write_record", lambda _, record: written.append(record.looked_ms))
    scene = Scene(tmp_path / "s", [], (), (), (HALT,), (HALT,), (HALT,))
    scene.watcher.clock = clock
    for _ in range(4):
        await scene.watcher.step()
        clock.advance(2_000)
    assert written == [1_000_000, 1_004_000], "the first look, and the one that found something"
    clock.advance(watch.WRITTEN_EVERY_MS)
    await scene.watcher.step()
    assert written[2:] == [clock.now_ms()]


async def test_a_look_that_breaks_ends_the_daemon(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s", [], (HALT,))

    async def broken() -> Any:
        raise ZeroDivisionError("a bug")

    scene.watcher.look = broken
    with pytest.raises(ZeroDivisionError):
        await scene.watcher.run()


def test_a_state_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert read_record(state) == Record()
    state.write_text('{"looked_ms": "never"}')
    with pytest.raises(Complaint, match="move it away to begin anew"):
        read_record(state)
    state.unlink()
    state.mkdir()
    with pytest.raises(Complaint, match="cannot be read"):
        read_record(state)


def test_acknowledgements_stand_beside_the_state_and_name_one_trouble(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    one = Acknowledgement(name="drift", subject="BTCUSDT", since_ms=7, by="me", ts_ms=8)
    write_acknowledged(state, Acknowledged(entries=(one,)))
    assert read_acknowledged(state).since == {("drift", "BTCUSDT"): 7}
    assert not state.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["acknowledged.json"], "nothing is left of the replacing"
