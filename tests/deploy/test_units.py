"""The units as they are shipped: how exposed each is, and that the documentation shows it."""

import shutil

import pytest

from services.cli.deploy.exposure import exposed, table
from services.cli.deploy.place import CODE, shipped
from services.cli.deploy.unit_files import systemd_version

EXPOSURE_MAX = 1.5
MEASURED_WITH = 252


@pytest.fixture(autouse=True)
def _systemd() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze on this machine")


def test_no_unit_is_more_exposed_than_it_may_be() -> None:
    levels = {one.unit: one.level for one in exposed()}
    assert len(levels) == len(list((shipped("deploy") / "systemd").glob("*.service"))) >= 8
    assert {unit: level for unit, level in levels.items() if level > EXPOSURE_MAX} == {}
    assert levels["quantum-redis.service"] <= 0.5, "it lives on a unix socket alone"


def test_the_documentation_shows_what_is_so() -> None:
    if systemd_version() != MEASURED_WITH:
        pytest.skip(f"the figures are those of systemd {MEASURED_WITH}")
    assert table() in (CODE / "docs" / "security.md").read_text(encoding="utf-8"), "stale: make security-table"


def test_only_who_trades_is_given_the_exchange_s_keys_and_only_redis_its_users() -> None:
    given = {one.unit: set(one.secrets) for one in exposed()}
    keyed = {unit for unit, secrets in given.items() if "api-key" in secrets}
    assert keyed == {"quantum-intent-executor.service", "quantum-position-state-brain.service"}
    assert {unit for unit, secrets in given.items() if "users.acl" in secrets} == {"quantum-redis.service"}
    assert len({one.user for one in exposed()}) == len(given), "a user for each"


def test_every_user_of_a_unit_is_made() -> None:
    made = (shipped("deploy") / "sysusers.d" / "quantum.conf").read_text(encoding="utf-8")
    assert {one.user for one in exposed()} == {line.split()[1] for line in made.splitlines() if line.startswith("u ")}
