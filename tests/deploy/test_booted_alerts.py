"""`quantum-alerts.service` on a booted systemd: a halt is told from inside its cage, once, whatever happens to it."""

import json
from typing import Any

import pytest

from tests.deploy.box import Box
from tests.deploy.conftest import eventually, quantum

pytestmark = pytest.mark.timeout(180)
ALERTS = "quantum-alerts.service"
TOLD = "/var/lib/quantum-alerts/told"


def told(box: Box) -> list[dict[str, Any]]:
    """Every notice that the command was given, in order."""
    if not box.there(TOLD):
        return []
    text, decoder, found = box.read(TOLD), json.JSONDecoder(), []
    while text:
        one, end = decoder.raw_decode(text)
        found.append(one)
        text = text[end:].lstrip()
    return found


def kinds(box: Box, name: str) -> list[str]:
    return [one["kind"] for one in told(box) if one["name"] == name]


def test_a_halt_and_its_end_are_told_once_though_the_service_is_killed_in_between(box: Box) -> None:
    settings = "/etc/quantum/alerts.env"
    before = box.read(settings)
    box.write(settings, before + f"ALERTS_COMMAND=tee -a {TOLD}\nALERTS_CALM_MS=1000\nALERTS_EVERY_MS=500\n")
    try:
        box.run("systemctl", "restart", ALERTS)
        quantum(box, "halt", "--reason", "a test")
        eventually(lambda: kinds(box, "trading_state") == ["raised"])
        listed = quantum(box, "alerts", "list", check=False)
        assert "BAD  trading_state" in listed
        quantum(box, "alerts", "ack", "trading_state")
        box.run("systemctl", "kill", "--signal=KILL", ALERTS)
        eventually(lambda: box.show(ALERTS, "NRestarts", "ActiveState") == {"NRestarts": "1", "ActiveState": "active"})
        assert "acknowledged by root" in quantum(box, "alerts", "list", check=False)
        quantum(box, "resume", "--reason", "a test")
        eventually(lambda: kinds(box, "trading_state") == ["raised", "recovered"])
    finally:
        box.write(settings, before)
        box.run("systemctl", "restart", ALERTS)
    assert told(box)[-1]["environment"] == "paper"
    said = [json.loads(line) for line in box.says("journalctl", "-u", ALERTS, "EVENT=alert", "-o", "json").splitlines()]
    assert [one["KIND"] for one in said if one["CHECK"] == "trading_state"] == ["raised", "recovered"]
