"""A trained model on the disk: `card.json`, `model.json` and their checksums, in a folder of its own. Never a pickle.

Plain text that `sha256sum -c SHA256SUMS` can check. Written in one step, and read with suspicion: a model that was
changed, torn, made by another build or for other inputs is refused in one line.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from quantum_common.clock import DAY_MS
from services.ai_engine.card import CARD_FORMAT, ModelCard
from services.ai_engine.ensemble import FORMAT, Ensemble, Fitted
from services.ai_engine.inputs import INPUT_NAMES, INPUTS_HASH

CARD, MODEL, SUMS = "card.json", "model.json", "SHA256SUMS"
_BYTES_MAX = 64 * 1024 * 1024
_T = TypeVar("_T", bound=BaseModel)


class ModelRefused(Exception):
    """A model that must not be used; one line says which file, what is wrong and what to do."""


def sha256(content: bytes) -> str:
    """Return the hex digest of a file's content."""
    return hashlib.sha256(content).hexdigest()


def save_model(folder: Path, fitted: Fitted, card: ModelCard) -> Ensemble:
    """Given a folder that is not there yet, write the model and its card to it in one step, and return the model.

    Raise ModelRefused where the folder is there or cannot be written.
    """
    card = card.model_copy(update={"model_hash": fitted.hash, "files": {MODEL: fitted.hash}})
    files = {MODEL: fitted.content, CARD: orjson.dumps(card.model_dump(), option=orjson.OPT_INDENT_2) + b"\n"}
    files[SUMS] = "".join(f"{sha256(content)}  {name}\n" for name, content in files.items()).encode()
    if folder.exists():
        raise ModelRefused(f"{folder}: is there already; give a folder that is not")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _write_at_once(folder, files)
    except OSError as error:
        raise ModelRefused(f"{folder}: cannot be written: {error.strerror}") from None
    return Ensemble(card, fitted, card.version)


def _write_at_once(folder: Path, files: dict[str, bytes]) -> None:
    """Write beside the folder and rename: a reader sees the whole model or none."""
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in files.items():
            with (beside / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        beside.chmod(0o755)
        beside.rename(folder)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def load_model(folder: Path, now_ms: int | None = None) -> Ensemble:
    """Given a model's folder, return the model. Raise ModelRefused where anything about it is not as it should be;
    with the time of now, also where it has expired."""
    sums = _sums(folder)
    card_bytes, model_bytes = (_checked(folder / name, sums) for name in (CARD, MODEL))
    card = _parsed(folder / CARD, card_bytes, ModelCard, CARD_FORMAT)
    if card.inputs_hash != INPUTS_HASH or card.inputs != INPUT_NAMES:
        raise ModelRefused(
            f"{folder / CARD}: its inputs ({card.inputs_hash}) are not this build's ({INPUTS_HASH}); train it again"
        )
    if len(card.deciles) != len(INPUT_NAMES) or any(len(edges) != 9 for edges in card.deciles):
        raise ModelRefused(f"{folder / CARD}: has no nine edges for each input; train it again")
    if card.model_hash != sha256(model_bytes) or card.files != {MODEL: card.model_hash}:
        raise ModelRefused(f"{folder / CARD}: is the card of another {MODEL}; copy the whole folder anew")
    fitted = _parsed(folder / MODEL, model_bytes, Fitted, FORMAT)
    if fitted.horizon_bars != card.horizon_bars:
        raise ModelRefused(f"{folder / CARD}: speaks of another horizon than {MODEL}; train it again")
    if now_ms is not None and now_ms >= card.expires_ms:
        days = (now_ms - card.expires_ms) / DAY_MS
        raise ModelRefused(f"{folder / CARD}: expired {days:.1f} days ago; train a new one with quantum train")
    return Ensemble(card, fitted, card.version)


def _sums(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise ModelRefused(f"{folder}: is no folder of a model; quantum train --out makes one")
    found = {}
    for line in _read(folder / SUMS).decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        found[name] = digest
    return found


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise ModelRefused(f"{path}: is larger than any model; copy the folder anew")
        return path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"{path}: cannot be read: {error.strerror}; copy the folder anew") from None


def _checked(path: Path, sums: dict[str, str]) -> bytes:
    content = _read(path)
    if sums.get(path.name) != sha256(content):
        raise ModelRefused(f"{path}: does not match its checksum in {SUMS}: changed or torn; copy the folder anew")
    return content


def _parsed(path: Path, content: bytes, kind: type[_T], version: int) -> _T:
    """Given a file's content, return what it describes. Raise ModelRefused naming the first thing wrong."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ModelRefused(f"{path}: is no JSON: {error}; train it again") from None
    if not isinstance(found, dict) or found.get("format") != version:
        told = found.get("format") if isinstance(found, dict) else None
        raise ModelRefused(f"{path}: has format {told}, this build reads {version}; train it again")
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "content"
        raise ModelRefused(f"{path}: {place}: {first['msg'].lower()}; train it again") from None
