"""The shipped env files: every key of every settings model is documented once, in its own file, with its default."""

import re
from pathlib import Path

import pytest

from quantum_common.settings import CommonSettings
from quantum_common.settings_changes import written
from services.cli.config.folder import MODELS
from services.cli.reference import PROGRAMS, SERVICES

SHIPPED = Path(__file__).resolve().parents[2] / "etc" / "quantum"
KEY = re.compile(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
COMMON = set(CommonSettings.model_fields)
OF_EACH_SERVICE = {"quantum_metrics_port"}  # a common key of which no two services can have the same value
CASES = [("common", COMMON - OF_EACH_SERVICE)] + [
    (name, set(model.model_fields) - COMMON | (OF_EACH_SERVICE if name in SERVICES else set()))
    for name, model in PROGRAMS.items()
]


def shown(file: str) -> list[tuple[str, str]]:
    """Every key that a file sets or shows, with its value."""
    text = (SHIPPED / f"{file}.env").read_text(encoding="utf-8")
    return [(key, value) for _, key, value in KEY.findall(text)]


@pytest.mark.parametrize(("file", "fields"), CASES, ids=[file for file, _ in CASES])
def test_every_key_of_a_model_stands_in_its_file_exactly_once(file: str, fields: set[str]) -> None:
    keys = [key for key, _ in shown(file) if key.lower() in fields]
    assert sorted(keys) == sorted(field.upper() for field in fields)


@pytest.mark.parametrize("file", ["common", *MODELS])
def test_a_file_shows_no_key_that_its_reader_does_not_know(file: str) -> None:
    fields = COMMON if file == "common" else set(MODELS[file].model_fields)
    assert {key for key, _ in shown(file)} <= {field.upper() for field in fields}


@pytest.mark.parametrize(("file", "fields"), CASES, ids=[file for file, _ in CASES])
def test_the_value_that_is_shown_is_the_default(file: str, fields: set[str]) -> None:
    """A key without a default shows an example, and so does one whose default is nothing."""
    model = CommonSettings if file == "common" else MODELS[file]
    for key, value in shown(file):
        field = model.model_fields[key.lower()]
        if key.lower() in fields - OF_EACH_SERVICE and not field.is_required() and written(field.default):
            assert value == written(field.default), key


@pytest.mark.parametrize("file", ["common", *MODELS])
def test_every_key_has_a_comment_above_it(file: str) -> None:
    lines = (SHIPPED / f"{file}.env").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if KEY.match(line):
            above = next(one for one in reversed(lines[:number]) if not KEY.match(one))
            assert above.startswith("# "), f"{file}.env:{number + 1}"
