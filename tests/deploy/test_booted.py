"""The whole chain on a booted systemd, as its operator drives it: systemctl, an editor, journalctl and `quantum`."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from quantum_common.ids import intent_id
from quantum_common.messages import Action, Intent, Side
from services.cli import redis_link
from services.cli.pipeline import METRICS_PORTS
from services.cli.redis_link import RedisAddress
from tests.deploy.box import Box
from tests.deploy.conftest import SERVICES, UNITS, eventually, quantum

pytestmark = pytest.mark.timeout(180)
BRIDGE, EXECUTOR, GOVERNOR = (f"quantum-{name}.service" for name in ("intent-bridge", "intent-executor", "governor"))
ALLOWED = "INTENT_BRIDGE_ALLOWLIST"


def ask(box: Box, symbol: str, action: Action = Action.OPEN) -> str:
    """Write an operator's wish, and return its id."""
    now_ms = time.time_ns() // 1_000_000
    wish = Intent.model_validate(
        {
            "intent_id": intent_id(symbol, action, now_ms, "deploy-test"), "symbol": symbol, "action": action,
            "side": Side.BUY if action is Action.OPEN else Side.SELL, "eval_type": action.eval_type,
            "confidence": "0.9", "expected_edge_bps": "40", "fraction": action.close_fraction,
            "position_size_usd": "300" if action is Action.OPEN else None, "leverage": None, "entry_price": None,
            "stop_loss": None, "take_profit": None, "atr_value": None, "regime": "trend", "model": "operator",
            "model_version": "1", "bar_close_ms": now_ms, "reason": "a test", "source": "operator", "ts_ms": now_ms,
        }
    )  # fmt: skip
    with closing(operator(box)) as redis:
        redis.xadd("quantum:stream:trade.intent", wish.to_fields())
    return wish.intent_id


def operator(box: Box) -> Any:
    """Return a client of the box's Redis, as the operator."""
    password = box.read("/etc/quantum/redis/operator.password").strip()
    socket = f"/proc/{box.pid}/root/run/quantum-redis/redis.sock"
    return redis_link.connect(RedisAddress(f"unix://{socket}", "operator", password))


def newest(box: Box, stream: str, intent: str) -> dict[str, str]:
    """Return the entry of a stream that belongs to a wish, once it is there."""
    with closing(operator(box)) as redis:

        def entries() -> list[dict[str, str]]:
            rows = redis.xrevrange(f"quantum:stream:{stream}", count=20)
            return [fields for _, fields in rows if fields["intent_id"] == intent]

        eventually(lambda: bool(entries()))
        return entries()[0]


def held(box: Box, symbol: str) -> str | None:
    """Return the position of a symbol by our books, None where there is no ledger yet."""
    with closing(operator(box)) as redis:
        amount: str | None = redis.hget(f"quantum:position:ledger:{symbol}", "position_amt")
        return amount


def since(box: Box, moment: str) -> dict[str, int]:
    """Return when each unit came to a state, in microseconds since the boot."""
    name = f"{moment}TimestampMonotonic"
    return {unit: int(box.show(unit, name)[name]) for unit in UNITS}


def restarts(box: Box, unit: str) -> int:
    return int(box.show(unit, "NRestarts")["NRestarts"])


def is_active(box: Box, unit: str) -> bool:
    return box.run("systemctl", "is-active", "--quiet", unit, check=False).returncode == 0


@contextmanager
def edited(box: Box, name: str, before: str, after: str) -> Iterator[None]:
    """Edit one file of /etc/quantum, and put it back in the end."""
    path = f"/etc/quantum/{name}.env"
    text = box.read(path)
    assert before in text
    box.write(path, text.replace(before, after))
    try:
        yield
    finally:
        box.write(path, text)


def trade(box: Box, symbol: str) -> None:
    """Open and close again, through the whole chain, and see it in the books."""
    eventually(lambda: held(box, symbol) == "0")  # the first snapshot has been taken, and an earlier test is over
    result = newest(box, "apply.result", ask(box, symbol))
    assert (result["executed"], result["gate"]) == ("True", ""), result["details"]
    eventually(lambda: float(held(box, symbol) or 0) > 0)
    closed = newest(box, "apply.result", ask(box, symbol, Action.CLOSE_FULL))
    assert (closed["executed"], closed["gate"]) == ("True", ""), closed["details"]
    eventually(lambda: held(box, symbol) == "0")


def test_every_unit_runs_and_an_order_is_placed_and_booked(box: Box) -> None:
    assert [unit for unit in UNITS if not is_active(box, unit)] == []
    trade(box, "BTCUSDT")
    eventually(lambda: " handled, the last " in box.show(EXECUTOR, "StatusText")["StatusText"])
    assert box.says("systemctl", "list-units", "--failed", "--no-legend") == ""


def test_units_start_after_what_they_need(box: Box) -> None:
    first_start = ("MESSAGE_ID=39f53479d3a045ac8e11786248231fbf", "JOB_RESULT=done")  # systemd's own word for it
    began = {unit: int(journal(box, f"UNIT={unit}", *first_start)[0]["__MONOTONIC_TIMESTAMP"]) for unit in UNITS}
    first = [began[f"quantum-{name}.service"] for name in ("redis", "paper-exchange")]
    order = [began[f"quantum-{name}.service"] for name in SERVICES]
    assert max(first) <= order[0]
    assert order == sorted(order)
    for unit in UNITS:
        named = " ".join(box.show(unit, "Wants", "Requires", "After", "Before", "PartOf").values()).split()
        assert {name for name in named if name.startswith(("quantum", "redis"))} <= {*UNITS, "quantum.target"}, unit


def test_each_service_is_a_user_of_its_own_and_reads_only_its_own_secrets(box: Box) -> None:
    users = {box.show(unit, "User")["User"] for unit in UNITS}
    assert users == {unit.removesuffix(".service") for unit in UNITS}
    for secret in ("/etc/quantum/redis/governor.password", "/etc/quantum/api-key", "/etc/quantum/redis/users.acl"):
        denied = box.run("runuser", "-u", "quantum-intent-bridge", "--", "cat", secret, check=False)
        assert "Permission denied" in denied.stderr
    given = {unit: box.says("ls", f"/run/credentials/{unit}").split() for unit in UNITS}
    assert given[EXECUTOR] == ["api-key", "api-secret", "redis-password"]
    assert given[GOVERNOR] == given[BRIDGE] == ["redis-password"]
    pid = box.show(EXECUTOR, "MainPID")["MainPID"]
    environ = box.says("cat", f"/proc/{pid}/environ")
    assert box.says("cat", "/etc/quantum/api-key") not in environ


def test_a_reload_takes_up_an_allowlist_while_the_service_runs(box: Box) -> None:
    before = box.show(BRIDGE, "MainPID")
    with edited(box, "intent-bridge", f"{ALLOWED}=BTCUSDT,ETHUSDT", f"{ALLOWED}=BTCUSDT"):
        box.run("systemctl", "reload", BRIDGE)
        eventually(lambda: any("removed=ETHUSDT" in line for line in box.journal(BRIDGE)))
        plan = newest(box, "apply.plan", ask(box, "ETHUSDT"))
        assert (plan["decision"], plan["gate"]) == ("BLOCKED", "symbol_not_in_allowlist")
    box.run("systemctl", "reload", BRIDGE)
    eventually(lambda: any("added=ETHUSDT" in line for line in box.journal(BRIDGE)))
    assert box.show(BRIDGE, "MainPID") == before
    trade(box, "ETHUSDT")


def test_a_reload_says_what_takes_a_restart(box: Box) -> None:
    with edited(box, "common", "#QUANTUM_LEASE_MS=8000", "QUANTUM_LEASE_MS=9000"):
        box.run("systemctl", "reload", GOVERNOR)
        eventually(lambda: any("which takes a restart" in line and "9000" in line for line in box.journal(GOVERNOR)))


def test_a_reload_of_a_wrong_file_fails_aloud_and_changes_nothing(box: Box) -> None:
    before = box.show(BRIDGE, "MainPID")
    with edited(box, "intent-bridge", f"{ALLOWED}=", f"{ALLOWED}=no symbol,"):
        failed = box.run("systemctl", "reload", BRIDGE, check=False)
    assert failed.returncode != 0
    said = [line for line in box.journal(BRIDGE) if "no symbol" in line]
    assert len(said) == 1
    assert said[0].startswith("quantum-intent-bridge: /etc/quantum/intent-bridge.env:")
    assert box.show(BRIDGE, "MainPID") == before
    assert is_active(box, BRIDGE)
    trade(box, "BTCUSDT")


def test_a_killed_service_is_started_again_and_trades_on(box: Box) -> None:
    eventually(lambda: is_active(box, EXECUTOR))
    before = restarts(box, EXECUTOR)
    box.run("systemctl", "kill", "--signal=KILL", EXECUTOR)
    eventually(lambda: restarts(box, EXECUTOR) == before + 1 and is_active(box, EXECUTOR))
    trade(box, "BTCUSDT")


def test_a_service_that_hangs_is_found_by_the_watchdog_and_started_again(box: Box) -> None:
    drop_in = f"/run/systemd/system/{GOVERNOR}.d"
    box.run("mkdir", "-p", drop_in)
    box.write(f"{drop_in}/50-quick.conf", "[Service]\nWatchdogSec=2\n")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", GOVERNOR)
    try:
        before = restarts(box, GOVERNOR)
        box.run("systemctl", "kill", "--signal=STOP", GOVERNOR)
        eventually(lambda: restarts(box, GOVERNOR) == before + 1 and is_active(box, GOVERNOR))
        assert any("Watchdog timeout" in line for line in box.journal(GOVERNOR))
        assert any("Fatal Python error: Aborted" in line for line in box.journal(GOVERNOR)), "where it stood is told"
    finally:
        box.run("rm", "-r", drop_in)
        box.run("systemctl", "daemon-reload")
        box.run("systemctl", "restart", GOVERNOR)
    assert box.show(GOVERNOR, "WatchdogUSec") == {"WatchdogUSec": "30s"}


def test_a_wrong_setting_stops_a_service_for_good_with_one_line(box: Box) -> None:
    box.run("systemctl", "stop", GOVERNOR)
    with edited(box, "governor", "#GOV_HEAT_MAX=0.06", "GOV_HEAT_MAXIMUM=0.06"):
        assert box.run("systemctl", "start", GOVERNOR, check=False).returncode != 0
        state = box.show(GOVERNOR, "ActiveState", "SubState", "ExecMainStatus", "NRestarts")
        assert state.pop("SubState") == "failed", "while a restart is to come it is auto-restart"
        assert state == {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}
        said = [line for line in box.journal(GOVERNOR) if "GOV_HEAT_MAXIMUM" in line]
        assert len(said) == 1
        assert said[0].endswith("unknown key; did you mean GOV_HEAT_MAX?")
    box.run("systemctl", "start", GOVERNOR)


def test_a_stop_goes_against_the_flow_and_a_start_finds_everything_again(box: Box) -> None:
    trade(box, "BTCUSDT")
    with closing(operator(box)) as redis:
        told = redis.xlen("quantum:stream:ledger.journal")
    box.run("systemctl", "stop", "quantum.target")
    eventually(lambda: all(box.show(unit, "ActiveState")["ActiveState"] == "inactive" for unit in UNITS))
    ended = since(box, "InactiveEnter")
    order = [ended[f"quantum-{name}.service"] for name in SERVICES]
    assert order == sorted(order, reverse=True)
    assert ended["quantum-redis.service"] >= order[0]
    assert {box.show(unit, "Result")["Result"] for unit in UNITS} == {"success"}
    box.run("systemctl", "start", "quantum.target")
    eventually(lambda: all(is_active(box, unit) for unit in UNITS))
    with closing(operator(box)) as redis:
        assert redis.xlen("quantum:stream:ledger.journal") >= told > 0
    trade(box, "BTCUSDT")


def test_a_redis_that_dies_comes_back_and_the_daemons_go_on(box: Box) -> None:
    daemons = [f"quantum-{name}.service" for name in SERVICES]
    eventually(lambda: all(is_active(box, unit) for unit in UNITS))
    before = [box.show(unit, "MainPID") for unit in daemons]
    box.run("systemctl", "kill", "--signal=KILL", "quantum-redis.service")
    eventually(lambda: restarts(box, "quantum-redis.service") > 0 and is_active(box, "quantum-redis.service"))
    trade(box, "BTCUSDT")
    assert [box.show(unit, "MainPID") for unit in daemons] == before


def journal(box: Box, *asked: str) -> list[dict[str, Any]]:
    """Return the entries of the journal that fit."""
    lines = box.says("journalctl", *asked, "-o", "json", "--no-pager").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_the_journal_holds_what_a_service_says_as_fields_and_finds_a_plan_by_its_id(box: Box) -> None:
    started = journal(box, "-u", GOVERNOR, "EVENT=starting")[0]
    assert started["MESSAGE"].startswith("starting build=")
    assert (started["SERVICE"], started["SYSLOG_IDENTIFIER"]) == ("governor", "quantum-governor")
    assert (started["PRIORITY"], started["_SYSTEMD_UNIT"], started["_TRANSPORT"]) == ("6", GOVERNOR, "journal")
    assert json.loads(started["SETTINGS"])["QUANTUM_ENV"] == "paper"
    trade(box, "BTCUSDT")
    with closing(operator(box)) as redis:
        plan = redis.xrevrange("quantum:stream:apply.result", count=1)[0][1]["plan_id"]
    eventually(lambda: {one["SERVICE"] for one in journal(box, f"PLAN_ID={plan}")} >= {EXECUTOR[8:-8]})
    told = journal(box, f"PLAN_ID={plan}", "SYMBOL=BTCUSDT", "EVENT=result")
    assert [one["_SYSTEMD_UNIT"] for one in told] == [EXECUTOR]


def test_every_daemon_serves_its_metrics_on_loopback_from_inside_its_cage(box: Box) -> None:
    for name, port in METRICS_PORTS.items():
        page = box.says("curl", "-sS", "--max-time", "5", f"http://127.0.0.1:{port}/metrics")
        assert f'quantum_running{{service="{name}"}} 1.0' in page, name
        assert f'quantum_redis_up{{service="{name}"}} 1.0' in page, name
        assert box.says("curl", "-sS", "--max-time", "5", f"http://127.0.0.1:{port}/healthz").strip() == "running"


def test_limits_hold_for_every_unit(box: Box) -> None:
    for unit in UNITS:
        limits = box.show(unit, "MemoryMax", "TasksMax", "LimitCORE", "Restart", "RestartPreventExitStatus")
        assert limits.pop("MemoryMax").isdigit(), unit
        assert limits == {
            "TasksMax": "64", "LimitCORE": "0", "Restart": "on-failure", "RestartPreventExitStatus": "78 243",
        }, unit  # fmt: skip


def test_systemd_has_nothing_to_say_about_the_units(box: Box) -> None:
    done = box.run("systemd-analyze", "verify", *UNITS, "quantum.target", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_second_deploy_finds_nothing_to_do(box: Box) -> None:
    assert quantum(box, "deploy", "--link").splitlines()[-1:] == ["nothing to do"]
