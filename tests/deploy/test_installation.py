"""`quantum deploy` and `quantum uninstall` on a booted machine: what comes, what stays, what goes."""

import pytest

from tests.deploy.box import Box
from tests.deploy.conftest import UNITS, quantum

pytestmark = pytest.mark.timeout(180)
WHERE = ("/etc", "/opt", "/usr/local", "/var/lib", "/srv")


def listing(box: Box) -> set[str]:
    """Every path that an installation could leave."""
    return set(box.says("find", *WHERE, "-xdev", "-not", "-path", "/srv/quantum/*").splitlines())


def test_an_uninstall_takes_what_was_installed_and_nothing_else(empty: Box) -> None:
    before, users = listing(empty), empty.read("/etc/passwd")
    quantum(empty, "deploy", "--link", "--start", "--symbols", "BTCUSDT")
    empty.write("/etc/quantum/mine.txt", "an operator's own file\n")
    empty.write("/etc/quantum/api-key", "a key that was brought\n")
    said = quantum(empty, "uninstall")
    assert "- /opt/quantum/venv" in said
    assert not any(empty.run("systemctl", "is-active", "-q", unit, check=False).returncode == 0 for unit in UNITS)
    assert empty.read("/etc/quantum/api-key") == "a key that was brought\n"
    left = listing(empty) - before
    assert {path for path in left if not path.startswith(("/etc/quantum", "/var/lib/quantum-"))} == set()
    assert "/etc/quantum/governor.env" in left
    quantum(empty, "deploy", "--link")
    assert empty.read("/etc/quantum/api-key") == "a key that was brought\n"
    quantum(empty, "uninstall", "--purge")
    assert listing(empty) - before == {"/etc/quantum", "/etc/quantum/mine.txt"}
    assert empty.read("/etc/passwd") == users
    empty.run("rm", "-r", "/etc/quantum")
    assert "nothing is installed" in quantum(empty, "uninstall", check=False)
