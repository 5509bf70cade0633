"""The folder of a run: one run at a time, found while it lives, gone or kept when it ends."""

import tempfile
from pathlib import Path

import pytest

from services.cli.complaint import Complaint
from services.cli.run_folder import RunFolder, RunNote, live_note, open_folder, running


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh folders and pointers stand in the test's own place."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def note(folder: RunFolder, started_ms: int = 1, pid: int = 1) -> RunNote:
    """What a run writes down."""
    return RunNote(
        pid=pid, folder=str(folder.root), market="synthetic:7", embedded=True, listed=0, speed=1,
        redis_url="unix:///x", redis_port=1, paper_url="http://127.0.0.1:2", started_ms=started_ms, children={},
    )  # fmt: skip


def test_a_fresh_folder_goes_at_the_end(tmp_path: Path) -> None:
    folder = open_folder(None)
    assert folder.root.is_dir()
    assert not folder.close(failed=False)
    assert not folder.root.exists()


def test_a_fresh_folder_is_kept_where_something_failed() -> None:
    folder = open_folder(None)
    assert folder.close(failed=True)
    assert folder.root.is_dir()


def test_a_named_folder_stays_and_is_resumed(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "mine")
    assert folder.resumed is None
    folder.write_note(note(folder))
    assert folder.close(failed=False)
    again = open_folder(tmp_path / "mine")
    assert again.resumed == note(folder)
    again.close(failed=False)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "mine")
    with pytest.raises(Complaint, match="another quantum up runs there"):
        open_folder(tmp_path / "mine")
    folder.close(failed=False)
    open_folder(tmp_path / "mine").close(failed=False)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Complaint, match="choose another folder"):
        open_folder(tmp_path / "file" / "below")


def test_live_runs_are_found_newest_first_and_dead_ones_are_not(tmp_path: Path) -> None:
    first, second = open_folder(tmp_path / "first"), open_folder(tmp_path / "second")
    first.write_note(note(first, started_ms=1, pid=1))
    second.write_note(note(second, started_ms=2, pid=2))
    assert [Path(found.folder).name for found in running()] == ["second", "first"]
    second.close(failed=False)
    assert [Path(found.folder).name for found in running()] == ["first"]
    assert live_note(tmp_path / "second") is None
    assert live_note(tmp_path / "nowhere") is None
    first.close(failed=False)
    assert running() == []
