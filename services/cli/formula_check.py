"""`quantum governor check`: the cutoffs that are in force, and what is wrong with them on the corners."""

import sys
from collections.abc import Sequence
from pathlib import Path

from quantum_common.settings import SettingsError, load
from services.cli.complaint import Complaint
from services.cli.target import environ_of
from services.governor.cutoffs import STRAINS, corners, entry_faults, undefined
from services.governor.formula import Formula
from services.governor.settings import GovernorSettings

VERB = "governor check"
FAULTS_SHOWN = 5


def cutoff_faults(settings: GovernorSettings) -> dict[str, list[str]]:
    """Given the governor's settings, return by key what is wrong with each cutoff; a sound one has nothing."""
    cutoffs = settings.cutoffs
    return {
        "GOV_Z_CUTOFF_ENTRY": entry_faults(cutoffs.entry, settings.gov_heat_max, settings.gov_drawdown_max),
        "GOV_Z_CUTOFF_EXIT": undefined(cutoffs.exit, settings.gov_heat_max, settings.gov_drawdown_max),
    }


def governor_settings(verb: str, folder: Path | None) -> GovernorSettings:
    """Given a command and a run's folder or None, return the governor's settings there. Raise Complaint."""
    try:
        return load(GovernorSettings, "governor", environ_of(verb, folder))
    except SettingsError as error:
        raise Complaint(str(error)) from None


def run_check(folder: Path | None) -> int:
    """Print each cutoff with its values and its faults; return 1 where there is a fault. Raise Complaint."""
    settings = governor_settings(VERB, folder)
    faults = cutoff_faults(settings)
    lines = [f"profile: {settings.gov_cutoff_profile}"]
    for key, cutoff in (("GOV_Z_CUTOFF_ENTRY", settings.cutoffs.entry), ("GOV_Z_CUTOFF_EXIT", settings.cutoffs.exit)):
        lines += [f"{key}={cutoff.text}", *_judged(cutoff, settings, faults[key])]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if any(faults.values()) else 0


def _judged(cutoff: Formula, settings: GovernorSettings, faults: Sequence[str]) -> list[str]:
    if faults:
        more = [f"  and {len(faults) - FAULTS_SHOWN} more"] if len(faults) > FAULTS_SHOWN else []
        return [f"  {fault}" for fault in faults[:FAULTS_SHOWN]] + more
    if cutoff.open:
        return ["  open: nothing is refused by it"]
    values = [cutoff.value(corner) for corner in corners(settings.gov_heat_max, settings.gov_drawdown_max)]
    return [f"  between {min(values):.4f} and {max(values):.4f} on {len(values)} corners of {', '.join(STRAINS)}"]
