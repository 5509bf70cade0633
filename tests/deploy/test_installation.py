"""`quantum deploy` and `quantum uninstall` on a booted machine: what comes, what stays, what goes."""

import os
from pathlib import Path

import pytest

from quantum_common.version import build_id
from tests.deploy.box import CODE, PACKAGES, Box
from tests.deploy.conftest import UNITS, eventually, quantum

pytestmark = pytest.mark.timeout(180)
LONG = pytest.mark.skipif(os.environ.get("QUANTUM_DEPLOY_TESTS") != "all", reason="takes long: make deploy-test")
WHERE = ("/etc", "/opt", "/usr/local", "/var/lib", "/srv")


def listing(box: Box) -> set[str]:
    """Every path that an installation could leave."""
    return set(box.says("find", *WHERE, "-xdev", "-not", "-path", "/srv/quantum/*").splitlines())


@LONG
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


@LONG
def test_a_copied_installation_runs_without_the_checkout_and_installs_itself_again(empty: Box) -> None:
    quantum(empty, "deploy", "--start", "--symbols", "BTCUSDT")
    empty.run("umount", CODE)
    empty.run("umount", PACKAGES)
    empty.run("systemctl", "restart", "quantum.target")
    eventually(
        lambda: all(empty.run("systemctl", "is-active", "-q", unit, check=False).returncode == 0 for unit in UNITS)
    )
    assert empty.says("quantum", "version") == build_id()
    eventually(lambda: empty.run("quantum", "health", check=False).returncode == 0)
    assert empty.says("quantum", "deploy").splitlines()[-1] == "nothing to do"
    empty.run("quantum", "uninstall", "--purge")
    assert not empty.there("/opt/quantum")


@pytest.mark.skipif(not Path("/usr/bin/redis-server").exists(), reason="Debian's redis-server is not installed here")
def test_the_chain_runs_on_the_redis_of_the_system(empty: Box) -> None:
    said = quantum(
        empty, "deploy", "--link", "--start", "--symbols", "BTCUSDT", "--redis-server", "/usr/bin/redis-server"
    )
    assert "units run" in said
    assert "/usr/bin/redis-check-aof" in said
    eventually(lambda: empty.run("quantum", "health", check=False).returncode == 0)
    quantum(empty, "uninstall", "--purge")
