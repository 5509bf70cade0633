"""`quantum why` on a real Redis in which the cause was planted: stage, gate, value, limit, and since when."""

from collections.abc import Callable
from typing import Any

import pytest

from quantum_common.messages import Action, Issuer
from quantum_common.reasons import Gate
from quantum_common.state import TradingState
from quantum_common.verdicts import Verdict
from tests.asked import ask, ask_json
from tests.planted import KEYS, SYMBOLS, Planted, planted

__all__ = ["planted"]

Plant = Callable[[Planted], object]
EXECUTOR_READS = ((KEYS.plans, "intent-executor"), (KEYS.permits, "intent-executor"))


def low_confidence(p: Planted) -> None:
    p.wish("ETHUSDT", "eth1", 10_000)
    p.plan("ETHUSDT", "eth1", 9_990, failed=Verdict(Gate.LOW_CONFIDENCE, ok=False, value="0.41", limit="0.5"))
    p.result("ETHUSDT", "eth1", 9_980, Gate.LOW_CONFIDENCE)
    p.read_all()


def cutoff(p: Planted) -> None:
    """Three wishes in a row over the governor's cutoff; P3.3 said yes each time."""
    for number, age_ms in enumerate((90_000, 50_000, 10_000)):
        name = f"eth{number}"
        p.wish("ETHUSDT", name, age_ms)
        p.plan("ETHUSDT", name, age_ms - 10)
        over = Verdict(Gate.KILL_SCORE_WARNING_RISK_INCREASE, ok=False, value="z 2.31 of K 0.7563", limit="1.4")
        p.permit("ETHUSDT", name, age_ms - 20, Issuer.GOVERNOR, failed=over)
        p.permit("ETHUSDT", name, age_ms - 25, Issuer.P33)
        p.result("ETHUSDT", name, age_ms - 30, Gate.KILL_SCORE_WARNING_RISK_INCREASE)
    p.read_all()


def permit_missing(p: Planted) -> None:
    p.wish("ETHUSDT", "eth1", 10_000)
    p.plan("ETHUSDT", "eth1", 9_990)
    p.permit("ETHUSDT", "eth1", 9_980, Issuer.P33)
    p.result("ETHUSDT", "eth1", 4_900, Gate.PERMIT_TIMEOUT)
    p.read_all()


def margin(p: Planted) -> None:
    p.wish("ETHUSDT", "eth1", 10_000)
    p.plan("ETHUSDT", "eth1", 9_990)
    for age_ms, issuer in ((9_980, Issuer.GOVERNOR), (9_975, Issuer.P33)):
        p.permit("ETHUSDT", "eth1", age_ms, issuer)
    p.result("ETHUSDT", "eth1", 9_950, Gate.EXCHANGE_REJECTED, error="-2019 Margin is insufficient.")
    p.read_all()


def p33_refuses(p: Planted) -> None:
    p.wish("ETHUSDT", "eth1", 10_000)
    p.plan("ETHUSDT", "eth1", 9_990)
    p.permit("ETHUSDT", "eth1", 9_980, Issuer.GOVERNOR)
    p.permit(
        "ETHUSDT", "eth1", 9_975, Issuer.P33, failed=Verdict(Gate.RECONCILE_REQUIRED_QTY_MISMATCH, ok=False),
        exchange_position_amt=3, ledger_position_amt=1,
    )  # fmt: skip
    p.result("ETHUSDT", "eth1", 9_950, Gate.RECONCILE_REQUIRED_QTY_MISMATCH)
    p.read_all()


def without(p: Planted, file: str, key: str) -> None:
    (p.folder / f"{file}.env").write_text(f"{key}=BTCUSDT,SOLUSDT\n", encoding="utf-8")


# The gates: what was planted, the stage that it stopped at, the gate, value and limit, and how long it has been so.
GATES: dict[str, tuple[Plant, str, str, str, str, int]] = {
    "low confidence": (low_confidence, "intent-bridge", "low_confidence", "0.41", "0.5", 10_000),
    "over the cutoff": (
        cutoff, "governor", "kill_score_warning_risk_increase", "z 2.31 of K 0.7563", "1.4", 90_000,
    ),
    "a permit is missing": (permit_missing, "intent-executor", "permit_timeout", "no word of governor", "", 10_000),
    "exchange refuses": (
        margin, "exchange", "exchange_rejected", "-2019 Margin is insufficient.", "", 10_000,
    ),
    "ledger differs": (
        p33_refuses, "position-state-brain", "reconcile_required_qty_mismatch", "exchange 3, ledger 1", "", 10_000,
    ),
    "the model is not sure": (
        lambda p: p.verdict("ETHUSDT", "weak_signal", value="0.52", limit="0.55"),
        "ai-engine", "weak_signal", "0.52", "0.55", 20_000,
    ),
    "the edge does not pay": (
        lambda p: p.verdict("ETHUSDT", "edge_below_cost", value="9.1", limit="14"),
        "ai-engine", "edge_below_cost", "9.1", "14", 20_000,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GATES)
def test_it_names_the_gate_that_decided_with_value_limit_and_since_when(planted: Planted, case: str) -> None:
    plant, stage, gate, value, limit, age_ms = GATES[case]
    plant(planted)
    status, told = ask_json("why", "ETHUSDT")
    line = told["symbols"]["ETHUSDT"]["entries"]
    assert (line["stage"], line["gate"], line["value"], line["limit"]) == (stage, gate, value, limit)
    assert abs(planted.now_ms - line["since_ms"] - age_ms) < 1_000
    assert status == (0 if stage == "ai-engine" else 1)  # the engine's own no is no trouble
    text = ask("why", "ETHUSDT")[1].splitlines()[0]
    assert gate in text
    assert value in text


# Causes that are no gate: what was planted, how the first line begins, what stands in it, and whether exits pass.
CAUSES: dict[str, tuple[Plant, str, str, bool]] = {
    "halted": (lambda p: p.state(TradingState.HALTED, "a look"), "NOTHING PASSES: trading_state", "a look", False),
    "reducing": (lambda p: p.state(TradingState.REDUCING), "NO ENTRIES: trading_state", "quantum resume", True),
    "executor is down": (
        lambda p: p.stopped("intent-executor"), "NOTHING PASSES: heartbeat intent-executor", "systemctl", False,
    ),
    "executor is stuck": (
        lambda p: (p.plan("ETHUSDT", "eth1", 60_000), p.read_all(*EXECUTOR_READS)),
        "NOTHING PASSES: consumer apply.plan/intent-executor", "it runs and does not move", False,
    ),
    "model expired": (lambda p: p.model(status="expired", reason="too old"), "NO ENTRIES: model", "too old", True),
    "no bars": (
        lambda p: [p.bars(symbol, 900_000) for symbol in SYMBOLS], "NOTHING PASSES: bars", "quantum-ai-engine", False,
    ),
    "redis is full": (
        lambda p: p.redis.config_set("maxmemory", p.redis.info("memory")["used_memory"] + 4096),
        "NOTHING PASSES: redis_memory", "raise maxmemory", False,
    ),
    "stale portfolio": (
        lambda p: p.redis.hset(KEYS.portfolio, "ts_ms", p.now_ms - 90_000), "NO ENTRIES: portfolio", "P3.3", True,
    ),
    "banned": (
        lambda p: p.redis.hset(KEYS.budget, "closed_until_ms", p.now_ms + 60_000),
        "NOTHING PASSES: rate_budget", "the exchange forbade", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CAUSES)
def test_what_stops_every_symbol_is_the_first_line(planted: Planted, case: str) -> None:
    plant, begins, holds, exits_pass = CAUSES[case]
    memory: Any = planted.redis.config_get("maxmemory")
    try:
        plant(planted)
        status, text = ask("why")
        told = ask_json("why")[1]
    finally:
        planted.redis.config_set("maxmemory", memory["maxmemory"])
    first = text.splitlines()[0]
    assert status == 1
    assert first.startswith(begins)
    assert holds in first
    assert told["for_all"][0]["exits"] is not exits_pass
    held = told["symbols"]["BTCUSDT"]  # the one that has a position
    assert held["entries"]["how"] == "stopped"
    assert (held["exits"]["how"] == "stopped") is not exits_pass


def test_a_flat_symbol_has_nothing_to_close_while_nothing_passes(planted: Planted) -> None:
    planted.wish("ETHUSDT", "out1", 10_000, Action.CLOSE_FULL)
    planted.plan("ETHUSDT", "out1", 9_990, action=Action.CLOSE_FULL)
    planted.result("ETHUSDT", "out1", 9_980, action=Action.CLOSE_FULL)
    planted.read_all()
    assert ask_json("why")[1]["symbols"]["ETHUSDT"]["exits"]["how"] == "trades"
    planted.state(TradingState.HALTED)
    told = ask_json("why")[1]["symbols"]
    assert (told["ETHUSDT"]["exits"]["how"], told["BTCUSDT"]["exits"]["how"]) == ("no_wish", "stopped")


OWN: dict[str, tuple[Plant, str, str]] = {
    "held": (lambda p: p.hold("ETHUSDT"), "hold", "quantum reconcile"),
    "not in one list": (lambda p: without(p, "position-state-brain", "P33_ALLOWLIST"), "allowlist", "P33_ALLOWLIST"),
    "nobody asks": (lambda p: without(p, "ai-engine", "AI_SYMBOLS"), "allowlist", "AI_SYMBOLS"),
    "no snapshot": (lambda p: p.redis.delete(KEYS.snapshot("ETHUSDT")), "snapshot", "no snapshot"),
    "stale snapshot": (
        lambda p: p.position("ETHUSDT", "0", "0", age_ms=65_000), "snapshot", "1m 05s old against 10.0 s",
    ),
    "its bars stopped": (lambda p: p.bars("ETHUSDT", 900_000), "bars", "no closed bar for 15m"),
}  # fmt: skip


@pytest.mark.parametrize("case", OWN)
def test_what_stops_one_symbol_is_told_of_that_one_alone(planted: Planted, case: str) -> None:
    plant, stage, holds = OWN[case]
    plant(planted)
    status, told = ask_json("why")
    assert told["for_all"] == []
    line = told["symbols"]["ETHUSDT"]["entries"]
    assert (status, line["how"], line["stage"]) == (1, "stopped", stage)
    assert holds in line["words"]
    assert told["symbols"]["SOLUSDT"]["entries"]["stage"] != stage


def test_a_pipeline_that_trades_says_so_and_ends_well(planted: Planted) -> None:
    status, text = ask("why")
    assert status == 0
    assert text.splitlines()[0] == "TRADING: 1 entries and 0 exits executed in the last 10m 00s"


def test_an_exit_that_was_stopped_is_told_apart_from_the_entries(planted: Planted) -> None:
    close = Action.CLOSE_FULL
    planted.wish("BTCUSDT", "out1", 10_000, close)
    refused = Verdict(Gate.STALE_INTENT, ok=False, value="400000 ms", limit="300000 ms")
    planted.plan("BTCUSDT", "out1", 9_990, failed=refused, action=close)
    planted.result("BTCUSDT", "out1", 9_980, Gate.STALE_INTENT, action=close)
    planted.read_all()
    status, told = ask_json("why", "BTCUSDT")
    assert status == 1
    assert told["symbols"]["BTCUSDT"]["entries"]["how"] == "trades"
    line = told["symbols"]["BTCUSDT"]["exits"]
    assert (line["stage"], line["value"], line["limit"]) == ("intent-bridge", "400000 ms", "300000 ms")


def test_a_plan_that_waits_says_for_whom(planted: Planted) -> None:
    planted.wish("ETHUSDT", "eth1", 6_000)
    planted.plan("ETHUSDT", "eth1", 5_990)
    planted.permit("ETHUSDT", "eth1", 5_980, Issuer.P33)
    planted.read_all()
    line = ask_json("why", "ETHUSDT")[1]["symbols"]["ETHUSDT"]["entries"]
    assert (line["how"], line["stage"]) == ("waits", "governor")
    assert "governor owes it" in line["words"]


def test_a_symbol_that_nobody_knows_is_answered_by_what_it_lacks(planted: Planted) -> None:
    status, text = ask("why", "doge")
    assert status == 1
    assert (
        "DOGE is not in AI_SYMBOLS, INTENT_BRIDGE_ALLOWLIST, P33_ALLOWLIST, INTENT_EXECUTOR_ALLOWLIST: "
        "quantum allowlist add DOGE --engine --reload"
    ) in text
