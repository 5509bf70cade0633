"""The documentation says what there is: settings, links, commands, paths, reasons and alarms."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from quantum_common.meanings import MEANINGS
from quantum_common.reasons import Gate
from quantum_common.settings import CommonSettings
from services.cli import reference, streams_page
from services.cli.__main__ import app
from services.paper_exchange.faults import FaultKind
from services.paper_exchange.options import KEY_VARIABLE, SECRET_VARIABLE, _parser
from services.paper_exchange.protocol.gateway import ENDPOINTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
TOPS = ("quantum_common", "services", "tests", "benchmarks", "docs", "etc", "deploy")
OTHER_VARIABLES = {"QUANTUM_CONFIG_DIR", KEY_VARIABLE, SECRET_VARIABLE}
PREFIXES = ("ALERTS", "QUANTUM", "AI", "INTENT_BRIDGE", "GOV", "P33", "INTENT_EXECUTOR", "EXECUTOR")
KEY = re.compile(rf"\b(?:{'|'.join(PREFIXES)})_[A-Z0-9_]*[A-Z0-9]\b")


def code(page: Path) -> list[str]:
    """The lines of fenced blocks, and what stands between backticks elsewhere."""
    found: list[str] = []
    fenced = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            found.append(line.partition(" # ")[0])
        else:
            found += re.findall(r"`([^`]+)`", line)
    return found


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def alarms() -> Iterator[tuple[str, str]]:
    """Every text that the daemons log as an error, with its module."""
    daemons = [ROOT / "quantum_common", *(ROOT / "services" / name.replace("-", "_") for name in reference.SERVICES)]
    daemons.append(ROOT / "services" / "cli" / "alerts")
    for path in sorted(one for folder in daemons for one in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            logs = node.func.attr in {"error", "critical"} and ast.unparse(node.func.value).endswith("log")
            if logs and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value), path.relative_to(ROOT).as_posix()


def options_of(command: Any) -> set[str]:
    """The options of a verb and of its own verbs, if it has some."""
    inner = getattr(command, "commands", {}).values()
    return {option for one in command.params for option in (*one.opts, *one.secondary_opts)}.union(
        *map(options_of, inner)
    )


def test_the_page_of_the_settings_is_what_the_models_say() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == reference.render(), "stale: python -m services.cli.reference docs/settings.md"


def test_the_page_of_the_streams_is_what_the_contracts_say() -> None:
    page = (ROOT / "docs" / "streams.md").read_text(encoding="utf-8")
    assert page == streams_page.render(), "stale: make docs"


def test_every_meaning_is_of_a_field_that_there_is() -> None:
    models = (*streams_page.STREAMS.values(), *streams_page.RECORDS.values())
    own = {f"{model.__name__}.{wire}" for model in models for wire in model.wire_names()}
    told = {wire for model in models for wire in model.wire_names()}
    assert set(MEANINGS) - own - told == set()
    assert {key for model in models for key, *_ in streams_page.fields(model)} == told


def test_a_type_that_has_no_name_is_not_passed_over() -> None:
    with pytest.raises(TypeError, match="a type without a name"):
        streams_page.kind(bytes)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, part = target.partition("#")
        other = (page.parent / file).resolve() if file else page
        assert other.exists(), f"{name}: {target}"
        assert not part or part in map(anchor, headings(other)), f"{name}: {target}"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # the app has several verbs: a group
    for line in code(ROOT / name):
        for target in re.findall(r"(?:^|[ ;(/])make ([a-z][a-z-]*)", line):
            assert target in targets, f"{name}: {line}"
        for verb, rest in re.findall(r"(?:^|[ ;(/])quantum ([a-z][a-z-]*)(?= |$)([^|;#]*)", line):
            assert verb in verbs, f"{name}: {line}"
            options = options_of(verbs[verb]) | {"--help"}
            if verb != "redis":  # what follows there is Redis' own
                assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= options, f"{name}: {line}"


@pytest.mark.parametrize("name", NAMES)
def test_every_module_and_path_exists(name: str) -> None:
    for line in code(ROOT / name):
        for module in re.findall(r"\bpython3? -m ((?:services|tests|benchmarks)[\w.]*)", line):
            assert importlib.util.find_spec(module) is not None, f"{name}: {line}"
        for path in re.findall(rf"^(?:{'|'.join(TOPS)})/[\w./*-]*$", line):
            assert list(ROOT.glob(path.rstrip("/"))), f"{name}: {path}"


@pytest.mark.parametrize("name", NAMES)
def test_every_settings_key_exists(name: str) -> None:
    models: tuple[type[CommonSettings], ...] = (CommonSettings, *reference.PROGRAMS.values())
    known = {field.upper() for model in models for field in model.model_fields} | OTHER_VARIABLES
    for line in code(ROOT / name):
        for key in KEY.findall(line):
            assert key in known, f"{name}: {key}"


def test_the_page_of_the_paper_exchange_names_every_option_fault_and_endpoint() -> None:
    page = ROOT / "docs" / "paper_exchange.md"
    told = set(re.findall(r"[\w/-]+", " ".join(code(page))))
    options = {option for action in _parser({})._actions for option in action.option_strings} - {"-h", "--help"}
    assert options - told == set()
    assert {kind.value for kind in FaultKind} - told == set()
    assert {path.split("/", 3)[3] for _, path in ENDPOINTS} - told == set()


def test_every_reason_has_its_section_in_the_runbook_and_no_other_has() -> None:
    told = headings(ROOT / "docs" / "runbook.md")
    codes = [found[1] for heading in told if (found := re.fullmatch(r"`([a-z0-9_]+)`", heading))]
    assert sorted(codes) == sorted(gate.value for gate in Gate)


def test_every_alarm_has_its_section_in_the_runbook_and_no_other_has() -> None:
    told = {
        found[1] for heading in headings(ROOT / "docs" / "runbook.md") if (found := re.fullmatch(r'"(.+)"', heading))
    }
    logged = dict(alarms())
    assert logged, "no alarm was found in the code at all"
    assert set(logged) - told == set(), "alarms without a section"
    assert told - set(logged) == set(), "sections without an alarm"
