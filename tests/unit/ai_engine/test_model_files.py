import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.model_files import CARD, MODEL, SUMS, ModelRefused, load_model, save_model
from tests.unit.ai_engine import given_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved model."""
    place = tmp_path / "models" / "one"
    save_model(place, given_model.fitted(), given_model.card())
    return place


def rewritten(folder: Path, name: str, change: Callable[[dict[str, object]], object]) -> None:
    """Change a file and make the checksums right again: what a careful forger, or another build, would leave."""
    content = orjson.loads((folder / name).read_bytes())
    change(content)
    (folder / name).write_bytes(orjson.dumps(content))
    if name == MODEL:
        digest = hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
        card = orjson.loads((folder / CARD).read_bytes()) | {"model_hash": digest, "files": {MODEL: digest}}
        (folder / CARD).write_bytes(orjson.dumps(card))
    lines = [f"{hashlib.sha256((folder / one).read_bytes()).hexdigest()}  {one}\n" for one in (MODEL, CARD)]
    (folder / SUMS).write_text("".join(lines))


def refusal(folder: Path, now_ms: int | None = None) -> str:
    with pytest.raises(ModelRefused) as told:
        load_model(folder, now_ms)
    words = str(told.value)
    assert "\n" not in words
    return words


def test_what_was_saved_is_what_is_loaded(folder: Path) -> None:
    found = load_model(folder)
    assert found.fitted == given_model.fitted()
    assert found.card.model_hash == hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
    assert found.horizon_bars == 240
    assert sorted(path.name for path in folder.iterdir()) == [SUMS, CARD, MODEL]


def test_the_same_model_is_the_same_bytes() -> None:
    assert given_model.fitted().content == given_model.fitted().content
    assert given_model.fitted().hash != given_model.fitted(slope=0.7).hash


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_anybody_can_check_the_checksums(folder: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, check=True, capture_output=True)  # noqa: S607


def test_a_folder_that_is_there_is_never_written_over(folder: Path) -> None:
    before = (folder / CARD).read_bytes()
    with pytest.raises(ModelRefused, match="is there already"):
        save_model(folder, given_model.fitted(slope=0.1), given_model.card())
    assert (folder / CARD).read_bytes() == before


def test_nothing_is_left_beside_a_model(folder: Path) -> None:
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelRefused, match="cannot be written"):
        save_model(tmp_path / "file" / "model", given_model.fitted(), given_model.card())


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(ModelRefused, match="No space left on device"):
        save_model(tmp_path / "model", given_model.fitted(), given_model.card())
    assert list(tmp_path.iterdir()) == []


def test_a_file_larger_than_any_model_is_not_even_read(folder: Path) -> None:
    os.truncate(folder / SUMS, 65 * 1024 * 1024)
    assert "is larger than any model" in refusal(folder)


def test_a_missing_folder_and_a_missing_file_are_told(folder: Path, tmp_path: Path) -> None:
    assert "is no folder of a model" in refusal(tmp_path / "nothing")
    (folder / MODEL).unlink()
    assert "model.json: cannot be read" in refusal(folder)


@pytest.mark.parametrize("name", [CARD, MODEL])
def test_a_changed_or_torn_file_is_refused(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-2])
    assert f"{name}: does not match its checksum" in refusal(folder)
    (folder / name).write_bytes(content.replace(b"0.8", b"0.9"))
    assert f"{name}: does not match its checksum" in refusal(folder)


def test_an_incomplete_card_is_refused_by_the_name_of_what_it_lacks(folder: Path) -> None:
    rewritten(folder, CARD, lambda card: card.pop("brier"))
    assert "card.json: brier: field required" in refusal(folder)


@pytest.mark.parametrize("name", [CARD, MODEL])
def test_another_format_is_refused(folder: Path, name: str) -> None:
    rewritten(folder, name, lambda content: content.update(format=2))
    assert f"{name}: has format 2, this build reads 1" in refusal(folder)


def test_a_model_of_other_inputs_is_refused(folder: Path) -> None:
    rewritten(folder, CARD, lambda card: card.update(inputs_hash="0" * 16))
    assert "its inputs (0000000000000000) are not this build's" in refusal(folder)
    rewritten(folder, CARD, lambda card: card.update(inputs=list(INPUT_NAMES[::-1])))
    assert "are not this build's" in refusal(folder)


def test_a_card_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    rewritten(folder, CARD, lambda card: card.update(model_hash="1" * 64))
    assert "is the card of another model.json" in refusal(folder)


def test_a_card_without_all_its_edges_is_refused(folder: Path) -> None:
    rewritten(folder, CARD, lambda card: card.update(deciles=[[0.0] * 9]))
    assert "nine edges" in refusal(folder)


def test_a_card_of_another_horizon_is_refused(folder: Path) -> None:
    rewritten(folder, MODEL, lambda model: model.update(horizon_bars=60))
    assert "another horizon" in refusal(folder)


def test_a_model_that_is_no_json_or_no_model_is_refused(folder: Path) -> None:
    rewritten(folder, MODEL, lambda model: model.update(members=[]))
    assert "model.json: members: " in refusal(folder)
    (folder / MODEL).write_text("[]")
    rewritten_card(folder)
    assert "has format None" in refusal(folder)
    (folder / MODEL).write_text("{")
    rewritten_card(folder)
    assert "is no JSON" in refusal(folder)


def rewritten_card(folder: Path) -> None:
    digest = hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
    rewritten(folder, CARD, lambda card: card.update(model_hash=digest, files={MODEL: digest}))


def test_trees_that_lead_in_circles_or_ask_for_what_is_not_there_are_refused(folder: Path) -> None:
    def circle(model: dict[str, object]) -> None:
        model["members"] = [given_model.trees().model_dump() | {"left": [0, -1, -1]}]

    def beyond(model: dict[str, object]) -> None:
        model["members"] = [given_model.trees().model_dump() | {"inputs": [999, -1, -1]}]

    rewritten(folder, MODEL, circle)
    assert "leads nowhere or back" in refusal(folder)
    rewritten(folder, MODEL, beyond)
    assert "asks for input 999" in refusal(folder)


def test_a_model_past_its_time_is_refused_only_where_the_time_is_asked_for(folder: Path) -> None:
    card = given_model.card()
    assert load_model(folder).card.expires_ms == card.expires_ms
    assert load_model(folder, card.expires_ms - 1).horizon_bars == 240
    assert "expired 1.0 days ago" in refusal(folder, card.expires_ms + given_model.DAY_MS)
