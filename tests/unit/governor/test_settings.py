"""The governor's settings: what is refused, and that the shipped file says what the code does."""

from pathlib import Path

import pytest

from quantum_common.settings import SettingsError, load
from services.governor.settings import GovernorSettings

SHIPPED = Path(__file__).parents[3] / "etc" / "quantum"


def test_it_starts_on_its_defaults() -> None:
    assert load(GovernorSettings, "governor", {"QUANTUM_CONFIG_DIR": "absent"}).limits.kill_warning == 0.8


def test_the_critical_limit_must_be_the_graver() -> None:
    wanted = {"QUANTUM_CONFIG_DIR": "absent", "GOV_KILL_WARNING": "0.9", "GOV_KILL_CRITICAL": "0.8"}
    with pytest.raises(SettingsError, match="GOV_KILL_CRITICAL must not be below GOV_KILL_WARNING"):
        load(GovernorSettings, "governor", wanted)


def test_the_shipped_file_names_every_key_with_its_default() -> None:
    defaults = {
        name.upper(): field.default for name, field in GovernorSettings.model_fields.items() if name.startswith("gov_")
    }
    written = dict(
        line.removeprefix("#").split("=", 1)
        for line in (SHIPPED / "governor.env").read_text().splitlines()
        if line.removeprefix("#").startswith("GOV_")
    )
    assert written == {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in defaults.items()
    }
