"""The values: each service's settings as it would read them itself, with every complaint and not only the first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError, create_model

from quantum_common.env_file import Line
from quantum_common.settings import COMMON_FILE, CommonSettings, plainly, without_password
from services.cli.config.finding import Finding, at, in_file
from services.cli.config.folder import COMMON_KEYS, MODELS, ConfigFolder

KEY = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
Values = Mapping[str, CommonSettings]


@dataclass(frozen=True, slots=True)
class Read:
    """The settings of every service; `sound` are those that could start. Where some are wrong, `settings` holds the
    rest of them, defaults in the place of what is wrong, and nothing in the place of what has no default."""

    settings: Values
    sound: frozenset[str]
    findings: tuple[Finding, ...]


def read_values(folder: ConfigFolder) -> Read:
    """Given a folder, read each service's settings. What is wrong in common.env is found by every service, and told
    once."""
    settings: dict[str, CommonSettings] = {}
    sound: set[str] = set()
    found: list[Finding] = []
    for service, model in MODELS.items():
        lines = {key: line for key, line in folder.of(service).items() if key.lower() in model.model_fields}
        given = {key.lower(): line.value for key, line in lines.items()}
        try:
            settings[service] = model.model_validate(given)
            sound.add(service)
        except ValidationError as error:
            complaints = error.errors(include_url=False)
            found += [_explained(one, model, folder, service, lines) for one in complaints]
            wrong = {str(one["loc"][0]) for one in complaints if one["loc"]}
            settings[service] = _rest(model, {name: text for name, text in given.items() if name not in wrong})
    return Read(settings, frozenset(sound), tuple(dict.fromkeys(found)))


def _rest(model: type[CommonSettings], given: Mapping[str, str]) -> CommonSettings:
    """Given the texts of fields that are right by themselves, return settings of them, no rule over several asked."""
    fields: Any = {name: (model.model_fields[name].annotation, model.model_fields[name]) for name in given}
    alone = create_model("Alone", **fields).model_validate(given)
    return model.model_construct(**{name: getattr(alone, name) for name in given})


def _explained(
    error: Any, model: type[CommonSettings], folder: ConfigFolder, service: str, lines: Mapping[str, Line]
) -> Finding:
    """Given one complaint of pydantic's, return it as a finding at the line that it is about."""
    problem = plainly(error)
    if not error["loc"]:
        return _across(problem, folder, service, lines)
    name = str(error["loc"][0])
    key, meaning = name.upper(), f"it is: {model.model_fields[name].description}"
    if error["type"] == "missing":
        home = folder.path / COMMON_FILE if key in COMMON_KEYS else folder.file(service)
        return in_file(home, key, "not set, and it has no default", meaning)
    return at(lines[key], f"{without_password(lines[key].value)}: {problem}", meaning)


def _across(problem: str, folder: ConfigFolder, service: str, lines: Mapping[str, Line]) -> Finding:
    """Given a rule over several keys that does not hold, return it at the first key named that a file sets."""
    line = next((lines[key] for key in KEY.findall(problem) if key in lines), None)
    if line is None:
        return in_file(folder.file(service), "", problem)
    return at(line, problem.removeprefix(f"{line.key} "))
