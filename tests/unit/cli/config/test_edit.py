"""Edits of several env files at once: all of them change, or none."""

import os
from pathlib import Path

import pytest

from services.cli.complaint import Complaint
from services.cli.config.edit import HALF, Edit, alone, write_all


def three(folder: Path) -> list[Edit]:
    """Three files, and an edit of each."""
    for name in "abc":
        (folder / name).write_text(f"{name} before\n", encoding="utf-8")
        (folder / name).chmod(0o640)
    return [Edit(folder / name, f"{name} before\n", f"{name} after\n") for name in "abc"]


def texts(folder: Path) -> list[str]:
    return [(folder / name).read_text(encoding="utf-8").split()[1] for name in "abc"]


def test_all_files_change_and_keep_their_modes(tmp_path: Path) -> None:
    write_all(three(tmp_path))
    assert texts(tmp_path) == ["after"] * 3
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in "abc"} == {0o640}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    edits = three(tmp_path)
    os.chown(tmp_path / "b", 12_345, 12_345)
    write_all(edits)
    assert ((tmp_path / "b").stat().st_uid, (tmp_path / "b").stat().st_mode & 0o777) == (12_345, 0o640)


def test_a_link_stays_a_link_and_its_file_changes(tmp_path: Path) -> None:
    edits = three(tmp_path)
    (tmp_path / "b").rename(tmp_path / "real")
    (tmp_path / "b").symlink_to("real")
    write_all(edits)
    assert (tmp_path / "b").is_symlink()
    assert (tmp_path / "real").read_text(encoding="utf-8") == "b after\n"


def test_where_one_cannot_be_written_none_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def full(handle: int) -> None:
        synced.append(handle)
        if len(synced) == 3:
            raise OSError(28, "No space left on device")

    edits = three(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Complaint, match="c: cannot be written: No space left on device; nothing was changed"):
        write_all(edits)
    assert texts(tmp_path) == ["before"] * 3
    assert len(list(tmp_path.iterdir())) == 3


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_crash_between_two_renames_leaves_what_was_meant_and_the_same_edit_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    done: list[Path] = []
    replace = Path.replace

    def dying(self: Path, target: Path) -> Path:
        if len(done) == renames:
            raise Killed
        done.append(target)
        return replace(self, target)

    edits = three(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dying)
        with pytest.raises(Killed):
            write_all(edits)
    assert texts(tmp_path) == ["after"] * renames + ["before"] * (3 - renames)
    assert len(list(tmp_path.glob(f"*{HALF}"))) == 3 - renames
    write_all(edits[renames:])
    assert texts(tmp_path) == ["after"] * 3
    assert not list(tmp_path.glob(f"*{HALF}"))


def test_a_diff_shows_what_changes(tmp_path: Path) -> None:
    edit = Edit(tmp_path / "a", "1\n2", "1\n3")
    assert edit.diff.splitlines()[2:] == ["@@ -1,2 +1,2 @@", " 1", "-2", "+3"]


def test_two_edits_at_once_are_refused(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(Complaint, match="somebody else is changing it"), alone(tmp_path):
        raise AssertionError
    with alone(tmp_path):
        pass
    with pytest.raises(Complaint, match="cannot be opened: No such file"), alone(tmp_path / "absent"):
        raise AssertionError
