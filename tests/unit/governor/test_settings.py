"""The governor's settings: what is refused, and that the shipped file says what the code does."""

from decimal import Decimal
from pathlib import Path

import pytest

from quantum_common.settings import SettingsError, load
from services.governor.cutoffs import ENTRY_REFERENCE, ENTRY_SHIPPED
from services.governor.settings import GovernorSettings

SHIPPED = Path(__file__).parents[3] / "etc" / "quantum"


def test_it_starts_on_its_defaults() -> None:
    limits = load(GovernorSettings, "governor", {"QUANTUM_CONFIG_DIR": "absent"}).limits
    assert limits.cutoffs.entry.text == ENTRY_SHIPPED
    assert limits.cutoffs.exit.open
    assert limits.yardstick.alpha == 0.1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"GOV_Z_CUTOFF_ENTRY": "1 + heat"}, "heat is not known"),
        ({"GOV_Z_CUTOFF_EXIT": "__import__('os')"}, "only min, max, abs, sqrt, exp, log can be called"),
        ({"GOV_CUTOFF_PROFILE": "reference", "GOV_Z_CUTOFF_ENTRY": "1"}, "leave one of them out"),
    ],
)
def test_a_cutoff_that_cannot_be_meant_is_refused_at_the_start(given: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(GovernorSettings, "governor", {"QUANTUM_CONFIG_DIR": "absent"} | given)


def test_the_reference_profile_puts_the_published_example_in_force() -> None:
    given = {"QUANTUM_CONFIG_DIR": "absent", "GOV_CUTOFF_PROFILE": "reference"}
    assert load(GovernorSettings, "governor", given).limits.cutoffs.entry.text == ENTRY_REFERENCE


def test_a_half_life_takes_the_place_of_alpha() -> None:
    given = {"QUANTUM_CONFIG_DIR": "absent", "GOV_KILL_HALF_LIFE": "1"}
    assert load(GovernorSettings, "governor", given).limits.yardstick.alpha == 0.5


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
        name: str(value).lower() if isinstance(value, bool) else str("" if value is None else value)
        for name, value in defaults.items()
    }


def test_the_causes_of_a_disarm_are_settings() -> None:
    given = {"QUANTUM_CONFIG_DIR": "absent", "GOV_DISARM_ERRORS": "0", "GOV_DISARM_DRAWDOWN": "0.1"}
    found = load(GovernorSettings, "governor", given).disarm
    assert (found.errors, found.drawdown, found.bursts) == (0, Decimal("0.1"), 100)
