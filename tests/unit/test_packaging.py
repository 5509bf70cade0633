"""A wheel carries all that the code reads: what lies beside the modules, and what `quantum deploy` installs."""

import tomllib
from pathlib import Path

import pytest

from services.cli.deploy.packages import ours, requirements_file
from services.cli.deploy.place import CODE

SHARE = "share/quantum"


def declared() -> set[str]:
    """Every file that pyproject.toml puts into a wheel, by its path in this checkout; but for modules."""
    tools = tomllib.loads((CODE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found: set[Path] = set()
    for target, patterns in tools["data-files"].items():
        files = {path for pattern in patterns for path in CODE.glob(pattern) if path.is_file()}
        for path in files:
            assert path.relative_to(CODE).parent == Path(target).relative_to(SHARE), "it lies where `shipped` looks"
        found |= files
    for package, patterns in tools["package-data"].items():
        folder = CODE / package.replace(".", "/")
        found |= {path for pattern in patterns for path in folder.glob(pattern)}
    return {path.relative_to(CODE).as_posix() for path in found}


def test_a_wheel_has_every_file_that_is_no_module() -> None:
    read = {path for _, path in ours() if path.suffix != ".py"} | {requirements_file()}
    assert declared() == {path.relative_to(CODE).as_posix() for path in read}


@pytest.mark.parametrize("top", ["quantum_common", "services"])
def test_every_folder_of_modules_is_a_package(top: str) -> None:
    folders = {path.parent for path in (CODE / top).rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
