"""`quantum redis-users`: what it writes, for whom, and what it refuses."""

import hashlib
from pathlib import Path

import pytest

from quantum_common.acl import USERS
from quantum_common.keys import Keys
from services.cli.complaint import Complaint
from services.cli.redis_users import run_redis_users, write_users


def test_each_user_has_a_password_of_its_own_that_only_its_file_knows(tmp_path: Path) -> None:
    passwords = write_users(tmp_path, [Keys()])
    text = (tmp_path / "users.acl").read_text(encoding="utf-8")
    assert set(passwords) == set(USERS)
    assert len(set(passwords.values())) == len(USERS)
    for user, password in passwords.items():
        path = tmp_path / f"{user}.password"
        assert path.read_text(encoding="utf-8").strip() == password
        assert path.stat().st_mode & 0o777 == 0o600
        assert password not in text
        assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in text
    assert text.startswith("user default off resetpass allkeys allchannels +@all\n")
    assert all(line.startswith("user ") for line in text.splitlines()), "an ACL file takes no comments"


def test_passwords_are_fresh_each_time(tmp_path: Path) -> None:
    assert write_users(tmp_path, [Keys()]) != write_users(tmp_path, [Keys()])


def test_a_shard_has_users_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_redis_users(tmp_path / "made", ["quantum", "quantum:{1}", "quantum"], replace=False) == 0
    text = (tmp_path / "made" / "users.acl").read_text(encoding="utf-8")
    governor = next(line for line in text.splitlines() if line.startswith("user governor@1 "))
    assert "quantum:{1}:governor:state" in governor
    assert "quantum:governor:state" not in governor
    assert len(text.splitlines()) == 1 + 2 * len(USERS)
    said = capsys.readouterr().out
    assert "QUANTUM_REDIS_USER=governor@1" in said
    assert "for cli.env: QUANTUM_REDIS_USER=operator@1" in said


def test_a_dry_run_names_the_files_and_writes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_redis_users(tmp_path / "made", ["quantum"], replace=False, dry_run=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"would be written: {tmp_path}/made/users.acl"
    assert len(lines) == 1 + len(USERS) + 1
    assert not list(tmp_path.iterdir())


def test_standing_users_are_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    run_redis_users(tmp_path, ["quantum"], replace=False)
    before = (tmp_path / "users.acl").read_text(encoding="utf-8")
    with pytest.raises(Complaint, match="give --replace"):
        run_redis_users(tmp_path, ["quantum"], replace=False)
    assert (tmp_path / "users.acl").read_text(encoding="utf-8") == before
    assert run_redis_users(tmp_path, ["quantum"], replace=True) == 0
    assert (tmp_path / "users.acl").read_text(encoding="utf-8") != before


@pytest.mark.parametrize("prefix", ["", "quant", "quantum:1", "quantum:{x}", "quantum:{1}:"])
def test_a_prefix_that_is_none_is_refused(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(Complaint, match=r"give quantum, or quantum:\{N\}"):
        run_redis_users(tmp_path, [prefix], replace=False)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Complaint, match="cannot be written"):
        run_redis_users(tmp_path / "file" / "in", ["quantum"], replace=False)
