"""Alert rules and dashboard: every name is exported, every link leads somewhere, and their own linter agrees."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quantum_common.meter import Hop
from quantum_common.metric_catalogue import CATALOGUE, Kind
from quantum_common.reasons import Gate
from quantum_common.state import ModelStatus, TradingState
from services.cli import metrics_page
from tests.unit.test_docs import anchor, headings

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "quantum.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "quantum.json"
NAME = re.compile(r"\b(?:quantum_[a-z0-9_]+|process_[a-z_]+)\b")
SUFFIXES = {Kind.COUNTER: ("",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
EXPORTED = {metric.name + suffix: metric for metric in CATALOGUE for suffix in SUFFIXES[metric.kind]}
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
VALUES: Mapping[str, set[str]] = {
    "hop": {hop.value for hop in Hop},
    "state": {state.value for state in TradingState},
    "status": {status.value for status in ModelStatus},
    "eval_type": {"ENTRY", "EXIT"},
    "lane": {"close", "resolve", "snapshot", "open"},
    "gate": {gate.value for gate in Gate} | {"passed"},
}
ALERT = re.compile(r"^ {6}- alert: (\w+)$", re.MULTILINE)
EXPR = re.compile(r"^ {8}expr: (.+)$", re.MULTILINE)
RUNBOOK = re.compile(r"^ {10}runbook: (\S+)$", re.MULTILINE)

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus"
)


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of rules and dashboard, with where it stands."""
    rules = RULES.read_text(encoding="utf-8")
    yield from zip(ALERT.findall(rules), EXPR.findall(rules), strict=True)
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for note in dashboard()["annotations"]["list"]:
        yield note["name"], note["expr"]


ALL = list(expressions())


@pytest.mark.parametrize(("where", "expression"), ALL, ids=[where for where, _ in ALL])
def test_every_metric_and_label_that_is_asked_for_is_exported(where: str, expression: str) -> None:
    asked = set(NAME.findall(expression))
    assert asked or "up{" in expression, where
    assert asked - PROCESS <= EXPORTED.keys()
    for name, matchers in re.findall(r"(quantum_\w+)\{([^}]*)\}", expression):
        labels = {"service", "le", *EXPORTED[name].labels}
        for label, value in re.findall(r"(\w+)!?=\"([^\"]*)\"", matchers):
            assert label in labels, f"{name} has no label {label}"
            assert value in VALUES.get(label, {value}), f"{label} is never {value}"
            if label == "service":
                assert value in EXPORTED[name].services
    known = {"service", "le", "job", *(label for name in asked - PROCESS for label in EXPORTED[name].labels)}
    for _, names in re.findall(r"\b(by|on) \(([^)]*)\)", expression):
        assert {name.strip() for name in names.split(",")} <= known, where


def test_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    asked = {name for _, expression in ALL for name in NAME.findall(expression)}
    shown = {EXPORTED[name].name for name in asked - PROCESS}
    assert {metric.name for metric in CATALOGUE} - shown == set()


def test_every_rule_leads_to_its_section_of_the_runbook() -> None:
    text = RULES.read_text(encoding="utf-8")
    links = RUNBOOK.findall(text)
    assert len(links) == len(ALERT.findall(text)) == len(set(ALERT.findall(text)))
    for link in links:
        page, _, part = link.partition("#")
        assert part in map(anchor, headings(ROOT / page)), link


def test_every_check_that_can_be_told_has_its_section_of_the_runbook() -> None:
    """The alerts link to `docs/runbook.md#alert-NAME` whatever the check."""
    names = set()
    for path in [
        *(ROOT / "services" / "cli" / "health").glob("*.py"),
        ROOT / "services" / "cli" / "alerts" / "look.py",
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "Check"
                and isinstance(node.args[0], ast.Constant)
            ):
                names.add(str(node.args[0].value))
    assert len(names) > 15
    told = set(map(anchor, headings(ROOT / "docs" / "runbook.md")))
    assert {name for name in names if f"alert-{name}" not in told} == set()


def test_the_page_of_the_metrics_is_what_the_catalogue_says() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == metrics_page.render(), "stale: python -m services.cli.metrics_page docs/metrics.md"


def test_the_dashboard_has_the_shape_that_grafana_imports() -> None:
    board = dashboard()
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= board.keys()
    [variable] = board["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    everything = board["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    rows = [panel["title"] for panel in everything if panel["type"] == "row"]
    assert rows == ["Now", "Flow", "Gates", "Latencies", "Positions and drift", "Budget", "Model", "Services"]
    for panel in panels():
        assert panel["title"]
        assert panel["targets"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]


def test_no_two_panels_of_the_dashboard_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def promtool(*arguments: str) -> None:
    program = str(shutil.which("promtool"))
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_the_rules_and_the_scrape_configuration() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


@needs_promtool
def test_the_rules_do_what_their_tests_say() -> None:
    promtool("test", "rules", str(PROMETHEUS / "quantum.rules.test.yml"))


@needs_promtool
def test_promtool_can_read_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:expression{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, (_, expression) in enumerate(ALL)
    ]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML
    promtool("check", "rules", str(file))
