"""`python -m services.cli.reference FILE`: write docs/settings.md from the settings models, so that it cannot be wrong.

A key's type, default, range and meaning are those that its service checks at the start; its unit is in its name.
"""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from inspect import getdoc
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from quantum_common.settings import CommonSettings, Symbols
from quantum_common.settings_changes import hot
from services.ai_engine.settings import AiSettings
from services.cli.alerts.settings import AlertsSettings
from services.cli.written_page import write_page
from services.governor.settings import GovernorSettings
from services.intent_bridge.settings import BridgeSettings
from services.intent_executor.settings import ExecutorSettings
from services.position_state_brain.settings import P33Settings

SERVICES: dict[str, type[CommonSettings]] = {
    "ai-engine": AiSettings,
    "intent-bridge": BridgeSettings,
    "governor": GovernorSettings,
    "position-state-brain": P33Settings,
    "intent-executor": ExecutorSettings,
}
PROGRAMS: dict[str, type[CommonSettings]] = {**SERVICES, "alerts": AlertsSettings}  # whoever has a file of its own
UNITS = {"ms": "ms", "usdt": "USDT", "usd": "USDT", "bps": "bps", "pct": "percent"}
BOUNDS = (("ge", "{} or more"), ("gt", "more than {}"), ("le", "at most {}"), ("lt", "less than {}"))
PATTERN_MEANT = {"quantum_key_prefix": "`quantum` or `quantum:{N}`"}
TYPES: dict[Any, str] = {bool: "true or false", int: "whole number", str: "text", Path: "path"}
NUMBERS = (Decimal, float)
HEAD = """\
# Settings

This page is written from the settings models by `python -m services.cli.reference docs/settings.md`. Do not edit it:
change the model, then write the page anew.

A service reads `common.env`, then its own file, then the environment. The later one wins. The files are in the folder
that `QUANTUM_CONFIG_DIR` names, else in `/etc/quantum`. An empty value counts as not set. A service refuses a key that
it does not know: `common.env` holds common keys, a service's own file holds its own keys and common ones. A bad key or
value ends the start with exit status 78 and one line that names file, line and key. The folder `etc/quantum` has one
commented file for each service.

A change takes effect when the service starts. Where the column `reload` says yes, a running service takes it up by
`systemctl reload`, or by a SIGHUP; its log says what changed, and what waits for a start. `quantum up` writes its own
copies of the files into its run's folder, in `etc`. Are they right? `quantum config check`
([configuration.md](configuration.md)).

Secrets are never in these files. They are in files of mode 0600, which these keys name.

"""


def render() -> str:
    """Return the whole page."""
    common = set(CommonSettings.model_fields)
    parts = [HEAD + section("Every service", "common.env", CommonSettings, frozenset())]
    parts += [section(service, f"{service}.env", model, common) for service, model in PROGRAMS.items()]
    return "\n".join(parts)


def section(title: str, file: str, model: type[CommonSettings], known: frozenset[str] | set[str]) -> str:
    """Given a settings model, return its part of the page; fields in `known` stand elsewhere."""
    lines = [f"## {title}", "", f"File: `{file}`.", ""]
    lines += [
        "| key | type | default | range | unit | reload | meaning |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, field in model.model_fields.items():
        if name not in known:
            cells = (
                f"`{name.upper()}`", kind(field), default(field), span(name, field), unit(name),
                "yes" if hot(model, name) else "", meaning(field),
            )  # fmt: skip
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    rules = list(across(model, CommonSettings if known else None))
    if rules:
        lines += ["", "Checked across keys:", "", *(f"- {rule}" for rule in rules)]
    return "\n".join(lines) + "\n"


def kind(field: FieldInfo) -> str:
    """Return what a value is."""
    wanted = bare(field)
    if field.annotation in get_args(Symbols) or wanted == get_args(Symbols)[0]:
        return "symbols, comma-separated"
    if get_origin(wanted) is Literal or (isinstance(wanted, type) and issubclass(wanted, StrEnum)):
        return "one of"
    return "decimal number" if wanted in NUMBERS else TYPES.get(wanted, "text")


def bare(field: FieldInfo) -> Any:
    """Return a field's type without `| None`."""
    if get_origin(field.annotation) in {Union, UnionType}:
        return next(one for one in get_args(field.annotation) if one is not type(None))
    return field.annotation


def default(field: FieldInfo) -> str:
    """Return the default as it would be written in a file."""
    if field.is_required():
        return "required"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return "none" if field.default in {None, "", ()} else f"`{field.default}`"


def span(name: str, field: FieldInfo) -> str:
    """Return which values are allowed."""
    wanted = bare(field)
    if get_origin(wanted) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(wanted))
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return ", ".join(f"`{one.value}`" for one in wanted)
    found = [
        words.format(getattr(bound, sign))
        for sign, words in BOUNDS
        for bound in field.metadata
        if getattr(bound, sign, None) is not None
    ]
    return ", ".join(found) or PATTERN_MEANT.get(name, "")


def unit(name: str) -> str:
    """Return the unit that a key's name tells."""
    return next((UNITS[part] for part in reversed(name.split("_")) if part in UNITS), "")


def meaning(field: FieldInfo) -> str:
    """Return the field's description. Raise ValueError where it has none: a key without a meaning is not documented."""
    if not field.description:
        raise ValueError("a settings key has no description")
    return field.description


def across(model: type[CommonSettings], inherited: type[CommonSettings] | None) -> Iterator[str]:
    """Yield what a model's own rules over several keys say of themselves."""
    known = set(inherited.__pydantic_decorators__.model_validators) if inherited else set()
    for name, validator in model.__pydantic_decorators__.model_validators.items():
        if name not in known:
            yield " ".join((getdoc(validator.func) or name).split())


if __name__ == "__main__":
    write_page(render())
