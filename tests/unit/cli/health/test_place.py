"""Advice names the logs of the pipeline that it is about: the units' journal, or the files of a `quantum up`."""

from dataclasses import replace
from pathlib import Path

import pytest

from quantum_common.keys import SERVICES
from services.cli.health.judge import judge
from services.cli.health.limits import load_limits
from services.cli.health.machine import silent
from services.cli.health.picture import Group, Picture
from services.cli.health.place import Place, place_of
from services.cli.run_folder import NOTE_FILE

RUN, NOW_MS = Path("/r"), 1_000_000


def test_a_folder_with_a_run_s_note_above_it_is_that_of_a_quantum_up(tmp_path: Path) -> None:
    (etc := tmp_path / "etc").mkdir()
    environ = {"QUANTUM_CONFIG_DIR": str(etc)}
    assert place_of(environ) == Place()
    (tmp_path / NOTE_FILE).touch()
    assert place_of(environ) == Place(tmp_path)


@pytest.mark.parametrize(
    ("place", "log", "start", "look", "restart", "redis"),
    [
        (Place(), "journalctl -u quantum-governor", "systemctl start quantum-governor",
         "systemctl status quantum-governor, journalctl -u quantum-governor", "systemctl restart quantum.target",
         "systemctl status quantum-redis, or that of a Redis of yours"),
        (Place(RUN), "see /r/logs/governor.log", "quantum up starts it again, see /r/logs/governor.log",
         "see /r/logs/governor.log", "end the quantum up in /r, start anew",
         "see /r/redis/redis.log, or the log of a Redis of yours"),
    ],
)  # fmt: skip
def test_each_place_names_its_own(place: Place, log: str, start: str, look: str, restart: str, redis: str) -> None:
    assert (place.log("governor"), place.start("governor"), place.look("governor")) == (log, start, look)
    assert (place.restart, place.redis) == (restart, redis)


def test_what_is_down_beside_a_quantum_up_is_told_without_a_word_of_systemd(tmp_path: Path) -> None:
    lists = ("AI_SYMBOLS", "INTENT_BRIDGE_ALLOWLIST", "P33_ALLOWLIST", "INTENT_EXECUTOR_ALLOWLIST")
    limits = load_limits({"QUANTUM_CONFIG_DIR": str(tmp_path / "etc")} | dict.fromkeys(lists, "BTCUSDT,ETHUSDT"))
    unread = Group("apply.plan", "intent-executor", there=True, lag=1, first_unread_id="1-0")
    seen = Picture(groups=(unread, replace(unread, name="p33", there=False)))
    checks = [*judge(seen, replace(limits, place=Place(RUN)), NOW_MS), silent(OSError(), "unix:///s", Place(RUN))]
    said = " ".join(check.words for check in checks)
    assert "systemctl" not in said
    assert "journalctl" not in said
    for service in SERVICES:
        assert f"/r/logs/{service}.log" in said
