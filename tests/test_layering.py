"""Over the imports: who may know whom. A decision knows no clock, no chance and no Redis; no service knows another."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for top in ("quantum_common", "services") for path in (ROOT / top).rglob("*.py")
)
DAEMONS = ("ai_engine", "intent_bridge", "governor", "intent_executor", "position_state_brain")
WORLD = {
    "redis", "asyncio", "time", "os", "random", "uvloop", "socket", "subprocess", "threading", "secrets", "uuid",
    "aiohttp", "httpx", "websockets", "binance", "pathlib",
}  # fmt: skip
# The modules of a service that are not for deciding.
EDGES = {"__init__", "__main__", "wiring", "store", "settings", "watch_store", "model_files"}
ASYNC = {
    "service",
    "ports",
    "bookkeeper",
    "watch",
    "fate",
    "stops",
    "warden",
    "muted",
    "drifts",
    "requests",
    "reservations",
}  # await their ports
ADAPTERS = {
    f"quantum_common.{name}"
    for name in (
        "redis_client", "scripts", "daemon", "runtime", "durability", "keys", "exchange.connect", "metrics", "probes",
        "meter",
    )
} | {"redis", "binance", "aiohttp", "prometheus_client"}  # fmt: skip
LINES_MAX, FUNCTION_LINES_MAX = 300, 70


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def imports(module: str) -> set[str]:
    """Every module that a module imports, also inside functions; `from a import b` counts as both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def reaches(module: str, names: set[str]) -> set[str]:
    """What of `names` a module imports, itself or a part of it."""
    return {name for name in names for one in imports(module) if one == name or one.startswith(name + ".")}


def of_service(service: str) -> Iterator[tuple[str, str]]:
    """The modules of a service, with their short names."""
    for module in MODULES:
        if module.startswith(f"services/{service}/"):
            yield module, Path(module).stem


def deciding() -> list[str]:
    """Every module of a daemon that decides: all but the edges, and `decide` among them whatever it is."""
    return [module for one in DAEMONS for module, name in of_service(one) if name not in EDGES]


def test_every_daemon_has_the_shape_of_the_house() -> None:
    for service in DAEMONS:
        assert {name for _, name in of_service(service)} >= {
            "__init__", "__main__", "decide", "ports", "service", "settings", "store", "wiring",
        }, service  # fmt: skip


@pytest.mark.parametrize("module", deciding())
def test_nothing_that_decides_or_serves_knows_the_world(module: str) -> None:
    assert not reaches(module, WORLD)


@pytest.mark.parametrize("module", deciding())
def test_nothing_that_decides_or_serves_knows_an_adapter(module: str) -> None:
    assert not reaches(module, ADAPTERS)


@pytest.mark.parametrize("module", [one for one in deciding() if Path(one).stem not in ASYNC])
def test_what_is_pure_awaits_nothing(module: str) -> None:
    awaits = [
        node.lineno for node in ast.walk(tree(module)) if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert not awaits, f"{module}:{awaits}"


@pytest.mark.parametrize("module", deciding())
def test_nobody_asks_the_system_for_the_time(module: str) -> None:
    asked = [
        node.lineno
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today", "monotonic", "time_ns"}
    ]
    assert not asked, f"{module}:{asked}"
    assert not reaches(module, {"quantum_common.clock.epoch_ms", "quantum_common.clock.SystemClock"})


@pytest.mark.parametrize("service", [*DAEMONS, "paper_exchange"])
def test_no_service_imports_another(service: str) -> None:
    others = {f"services.{one}" for one in (*DAEMONS, "paper_exchange", "backtest", "cli") if one != service}
    for module, _ in of_service(service):
        assert not reaches(module, others), module


def test_the_paper_exchange_knows_of_the_common_part_only_the_exchange_s_side_and_plain_things() -> None:
    pipeline = {
        f"quantum_common.{name}" for name in ("keys", "stream", "scripts", "redis_client", "daemon", "runtime", "state")
    }
    for module, _ in of_service("paper_exchange"):
        assert not reaches(module, pipeline | {"redis"}), module


def test_the_backtest_knows_every_service_and_neither_the_machine_nor_the_command_line() -> None:
    for module, _ in of_service("backtest"):
        assert not reaches(module, (WORLD - {"pathlib"}) | {"services.cli"}), module


def test_only_who_counts_knows_prometheus() -> None:
    knowing = [module for module in MODULES if reaches(module, {"prometheus_client"})]
    assert knowing == ["quantum_common/metrics.py"]


@pytest.mark.parametrize("name", ["decide", "outbox"])
def test_what_decides_on_alerts_knows_nothing_of_the_world(name: str) -> None:
    assert not reaches(f"services/cli/alerts/{name}.py", WORLD | ADAPTERS)


def test_what_is_common_knows_no_service() -> None:
    for module in MODULES:
        if module.startswith("quantum_common/"):
            assert not reaches(module, {"services"}), module


def test_no_service_knows_the_library_of_the_exchange() -> None:
    for module in MODULES:
        if not module.startswith(("quantum_common/exchange/", "services/cli/", "services/paper_exchange/")):
            assert not reaches(module, {"binance"}), module


def calls(module: str, *names: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names
        for node in ast.walk(tree(module))
    )


def test_only_the_consumer_reads_groups() -> None:
    assert [one for one in MODULES if calls(one, "xreadgroup", "xautoclaim", "xclaim")] == ["quantum_common/stream.py"]


def test_only_the_frame_of_a_daemon_and_two_programs_run_an_event_loop() -> None:
    def runs(module: str) -> bool:
        return any(
            isinstance(node, ast.Attribute)
            and node.attr in {"run", "Runner", "run_until_complete", "run_forever", "new_event_loop"}
            and isinstance(node.value, ast.Name)
            and node.value.id in {"asyncio", "uvloop", "loop"}
            for node in ast.walk(tree(module))
        )

    running = {one for one in MODULES if runs(one)}
    assert {one for one in running if not one.startswith(("services/cli/", "services/paper_exchange/"))} == {
        "quantum_common/daemon.py"
    }


def test_every_start_is_short() -> None:
    for service in DAEMONS:
        code = (ROOT / "services" / service / "__main__.py").read_text(encoding="utf-8")
        assert len(code.splitlines()) <= 20, service


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_can_be_read_in_one_sitting(module: str) -> None:
    lines = len((ROOT / module).read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_MAX, f"{module}: {lines} lines"
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{module}:{node.lineno} {node.name}: {length} lines"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_named_utils_and_no_error_is_swallowed(module: str) -> None:
    assert Path(module).stem not in {"utils", "helpers", "misc", "common"}
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{module}:{node.lineno} except without a type"
            assert not all(isinstance(part, ast.Pass) for part in node.body), f"{module}:{node.lineno} except: pass"
