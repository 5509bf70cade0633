"""health, trace, positions, orders, gates, lag and tail on a planted pipeline: what they say, and their status."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from quantum_common.keys import Keys
from quantum_common.messages import Action, Issuer
from quantum_common.reasons import Gate
from quantum_common.state import OrderState, TradingState
from quantum_common.verdicts import Verdict
from services.cli.__main__ import app
from services.cli.complaint import Complaint
from tests.asked import ask, ask_json
from tests.planted import KEYS, Planted, planted
from tests.unit.cli import histories

__all__ = ["planted"]

QUESTIONS = (
    ("health",), ("why",), ("why", "BTCUSDT"), ("trace", "btc1"), ("positions",), ("orders",), ("gates",), ("lag",),
    ("tail", "plan", "--no-follow"),
)  # fmt: skip
CONFIDENCE = Verdict(Gate.LOW_CONFIDENCE, ok=False, value="0.41", limit="0.5")


def blocked(planted: Planted, symbol: str, name: str, age_ms: int, action: Action = Action.OPEN) -> None:
    planted.wish(symbol, name, age_ms, action)
    planted.plan(symbol, name, age_ms - 10, failed=CONFIDENCE, action=action)
    planted.result(symbol, name, age_ms - 20, Gate.LOW_CONFIDENCE, action=action)


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", QUESTIONS, ids=" ".join)
def test_every_question_has_a_good_answer_on_a_good_pipeline(planted: Planted, words: tuple[str, ...]) -> None:
    status, text = ask(*words)
    assert status == 0
    assert "\x1b" not in text  # no colours where it is no terminal
    assert ask(*words, "--json")[0] == 0
    assert json.loads(ask(*words, "--json")[1].splitlines()[0])


def test_without_redis_health_is_no_go_for_people_and_programs(planted: Planted) -> None:
    (planted.folder / "common.env").write_text(f"QUANTUM_REDIS_URL=unix://{planted.folder}/nothing.sock\n")
    status, text = ask("health")
    assert status == 1
    assert text.startswith("NO-GO: redis (1 check, 1 bad")
    assert "nothing trades without it" in text
    assert ask_json("health")[1]["checks"][0]["runbook"] == "docs/runbook.md#check-redis"


@pytest.mark.parametrize("words", QUESTIONS[1:], ids=" ".join)
def test_no_redis_is_one_line_and_status_one(words: tuple[str, ...], tmp_path: Any, planted: Planted) -> None:
    common = (planted.folder / "common.env").read_text(encoding="utf-8")
    (planted.folder / "common.env").write_text(f"{common.partition('=')[0]}=unix://{tmp_path}/nothing.sock\n")
    with pytest.raises(
        Complaint, match=rf"^{words[0]}: redis at .* does not answer: no such file or directory; nothing trades"
    ) as caught:
        ask(*words)
    assert caught.value.status == 1


@pytest.mark.parametrize("words", QUESTIONS[:-1], ids=" ".join)
def test_an_empty_redis_is_answered_too(planted: Planted, words: tuple[str, ...]) -> None:
    planted.redis.flushall()
    status, text = ask(*words)
    assert text
    assert status == {"health": 1, "why": 1, "trace": 1}.get(words[0], 0)


# --- health ----------------------------------------------------------------------------------------------------------


def test_health_ends_with_go_and_the_count_and_tells_programs_the_same(planted: Planted) -> None:
    text = ask("health")[1].rstrip().splitlines()
    assert text[0].startswith("GO: ")
    assert text[-1].rstrip() == text[0].partition("  ")[0]
    told = ask_json("health")[1]
    assert told["verdict"] == "GO"
    assert told["counts"]["bad"] == 0
    assert sum(told["counts"].values()) == len(told["checks"])


def test_health_puts_what_is_bad_first_and_points_to_the_runbook(planted: Planted) -> None:
    planted.state(TradingState.HALTED)
    planted.stopped("governor")
    status, text = ask("health")
    lines = text.splitlines()
    assert status == 1
    assert lines[0].startswith("NO-GO: trading_state, heartbeat governor (")
    assert lines[1].startswith("BAD  trading_state")
    assert "docs/runbook.md#check-trading_state" in lines[2]
    assert lines[-1].startswith("NO-GO: ")


def test_a_quiet_market_is_no_failure_unless_a_limit_is_set(planted: Planted) -> None:
    assert ask("health", "--since", "1s")[0] == 0
    status, told = ask_json("health", "--executions-min", "2")
    assert status == 1
    assert [one["name"] for one in told["checks"] if one["level"] == "BAD"] == ["executions"]


def test_a_position_that_no_setting_knows_of_is_found(planted: Planted) -> None:
    planted.position("DOGEUSDT", "5", "5")
    planted.redis.hset(KEYS.portfolio, "open_positions", 2)
    told = ask_json("health")[1]
    assert [one["subject"] for one in told["checks"] if one["name"] == "close_only"] == ["DOGEUSDT"]


# --- trace -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["btc1", "btc1-i", "qo-btc1"])
def test_every_id_leads_to_the_same_hops_with_their_latencies(planted: Planted, wanted: str) -> None:
    status, told = ask_json("trace", wanted)
    assert status == 0
    assert (told["plan_id"], told["stands"]) == ("btc1", "done")
    hops = [(hop["name"], hop["after_ms"]) for hop in told["hops"]]
    assert hops == [
        ("intent", None), ("plan", 5), ("permit governor", 4), ("permit p33", 1), ("sent", 15), ("ledger", 5),
        ("order", 8), ("result", 2),
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["order_id", "trade_id"])
def test_an_order_and_a_trade_lead_to_their_plan(planted: Planted, field: str) -> None:
    number = {"order_id": "8389765500000000413", "trade_id": "100000037"}
    made = histories.journal(
        0, "2", "100", symbol="ETHUSDT", plan_id="eth1", order_id=int(number["order_id"]),
        trade_id=number["trade_id"], ts_ms=planted.now_ms,
    )  # fmt: skip
    planted.wish("ETHUSDT", "eth1", 5_000)
    planted.plan("ETHUSDT", "eth1", 4_990)
    planted.result("ETHUSDT", "eth1", 4_900, order_id=int(number["order_id"]))
    planted.entry(KEYS.journal, made, 4_950)
    assert ask_json("trace", number[field])[1]["plan_id"] == "eth1"


def test_where_a_plan_stopped_is_shown_with_every_gate(planted: Planted) -> None:
    blocked(planted, "ETHUSDT", "eth1", 10_000)
    status, text = ask("trace", "eth1")
    assert status == 1
    assert text.splitlines()[0].startswith("ETHUSDT OPEN: plan BLOCKED by low_confidence: 0.41 against 0.5")
    assert "ok stale_intent: 40 against 30000" in text
    assert "NO low_confidence: 0.41 against 0.5" in text


def test_an_order_in_doubt_is_shown_as_such(planted: Planted) -> None:
    planted.wish("ETHUSDT", "eth1", 10_000)
    planted.plan("ETHUSDT", "eth1", 9_990)
    for age_ms, issuer in ((9_980, Issuer.GOVERNOR), (9_970, Issuer.P33)):
        planted.permit("ETHUSDT", "eth1", age_ms, issuer)
    record = histories.record(OrderState.SENDING).model_copy(
        update={"plan_id": "eth1", "sent_ms": planted.now_ms - 9_900}
    )
    planted.hash(KEYS.order("eth1"), record)
    status, told = ask_json("trace", "eth1")
    assert (status, told["stands"]) == (1, "waiting")
    assert "its fate is being looked up" in told["hops"][-1]["words"]


def test_an_unknown_id_says_what_was_searched_and_how_far_back(planted: Planted) -> None:
    status, told = ask_json("trace", "feedbeef")
    assert status == 1
    assert {one["stream"]: one["entries"] for one in told["searched"]} == {
        "apply.plan": 1, "apply.result": 1, "ledger.journal": 1, "trade.intent": 1,
    }  # fmt: skip
    assert "back to 2m 0" in ask("trace", "feedbeef")[1]


def test_an_id_that_begins_several_lists_them(planted: Planted) -> None:
    for number in (1, 2):
        blocked(planted, "ETHUSDT", f"same{number}", 10_000 - number * 1_000)
    status, told = ask_json("trace", "same")
    assert status == 1
    assert {one["plan_id"] for one in told["candidates"]} == {"same1", "same2"}


def test_a_trade_that_is_not_ours_is_shown_as_foreign(planted: Planted) -> None:
    foreign = histories.journal(
        0, "2", "100", symbol="ETHUSDT", plan_id="", client_order_id="web_1", trade_id="555000", origin="foreign",
        ts_ms=planted.now_ms,
    )  # fmt: skip
    planted.entry(KEYS.journal, foreign, 1_000)
    status, text = ask("trace", "555000")
    assert status == 1
    assert "a trade without a plan of ours" in text
    assert "web_1: foreign" in text


def test_too_short_an_id_is_refused() -> None:
    with pytest.raises(Complaint, match="at least 4 characters") as caught:
        ask("trace", "abc")
    assert caught.value.status == 2


def test_a_stop_that_closed_the_position_later_is_a_hop_of_its_own_and_no_part_of_the_order(planted: Planted) -> None:
    stop = histories.journal(
        0, "0", "0", plan_id="btc1", client_order_id="qs-btc1", qty=2, price=95, side="SELL", origin="stop",
        ts_ms=planted.now_ms,
    )  # fmt: skip
    planted.entry(KEYS.journal, stop, 1_000)
    told = ask_json("trace", "btc1")[1]
    assert (told["hops"][-1]["name"], told["stands"]) == ("stop", "done")
    [order] = ask_json("orders")[1]["orders"]
    assert (order["avg_price"], order["position_after"]) == ("100", "2")


# --- positions, orders, gates, lag -----------------------------------------------------------------------------------


def test_positions_marks_what_differs_what_is_held_and_what_has_no_stop(planted: Planted) -> None:
    planted.position("ETHUSDT", "3", "1")
    planted.hold("ETHUSDT")
    planted.redis.delete(KEYS.stop("BTCUSDT"))
    status, text = ask("positions")
    assert status == 1
    assert "held: ledger_drift, differs" in text
    rows = {one["symbol"]: one for one in ask_json("positions")[1]["positions"]}
    assert list(rows) == ["ETHUSDT", "BTCUSDT"]  # what is held comes first
    assert (rows["ETHUSDT"]["ledger_position_amt"], rows["ETHUSDT"]["exchange_position_amt"]) == ("1", "3")
    assert (rows["ETHUSDT"]["difference"], rows["BTCUSDT"]["stop_price"]) == ("-2", None)


def test_orders_tells_the_price_of_the_trades_and_the_position_after(planted: Planted) -> None:
    planted.traded("ETHUSDT", "eth1", 60_000)
    told = ask_json("orders")[1]["orders"]
    assert [one["symbol"] for one in told] == ["BTCUSDT", "ETHUSDT"]  # the newest last
    assert told[0] | {"ts_ms": 0} == {
        "ts_ms": 0, "symbol": "BTCUSDT", "order_id": "7", "client_order_id": "qo-btc1", "plan_id": "btc1",
        "action": "OPEN", "side": "BUY", "qty": "2", "filled_qty": "2", "avg_price": "100", "position_after": "2",
        "executed": True, "status": "FILLED", "gate": None, "error": None,
    }  # fmt: skip
    assert [one["plan_id"] for one in ask_json("orders", "ETHUSDT")[1]["orders"]] == ["eth1"]
    assert "no order of SOLUSDT" in ask("orders", "SOLUSDT")[1]


def test_gates_keeps_entries_and_exits_apart_with_an_example(planted: Planted) -> None:
    for number, age_ms in enumerate((50_000, 40_000)):
        blocked(planted, "ETHUSDT", f"eth{number}", age_ms)
    blocked(planted, "BTCUSDT", "out1", 30_000, Action.CLOSE_FULL)
    told = ask_json("gates")[1]
    assert [(one["gate"], one["count"]) for one in told["entries"]["gates"]] == [("low_confidence", 2), ("executed", 1)]
    assert told["entries"]["gates"][0]["share"] == pytest.approx(2 / 3, abs=1e-4)
    assert told["entries"]["gates"][0]["example"] == {
        "plan_id": "eth1",
        "symbol": "ETHUSDT",
        "words": "0.41 against 0.5",
    }
    assert told["exits"]["count"] == 1
    assert ask_json("gates", "--since", "45s")[1]["entries"]["count"] == 1


def test_lag_tells_each_hop_and_a_group_that_is_stuck(planted: Planted) -> None:
    told = ask_json("lag")[1]
    assert {hop: found["p50"] for hop, found in told["hops_ms"].items()} == {
        "intent→plan": 5, "plan→governor": 4, "plan→p33": 5, "permits→sent": 15, "sent→answer": 13, "fill→ledger": 5,
        "intent→sent": 25, "intent→result": 40,
    }  # fmt: skip
    planted.plan("ETHUSDT", "eth1", 60_000)
    planted.read_all((KEYS.plans, "p33"))
    status, told = ask_json("lag")
    assert (status, told["stuck"]) == (1, ["apply.plan/p33"])


# --- tail ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["intent", "plan", "permit", "result", "journal", "apply.plan", Keys().plans])
def test_every_stream_reads_as_lines_under_its_short_and_its_long_name(planted: Planted, name: str) -> None:
    status, text = ask("tail", name, "--no-follow")
    assert status == 0
    assert text.splitlines()[-1].split()[1] == "BTCUSDT"


def test_tail_filters_by_symbol_gate_decision_and_age(planted: Planted) -> None:
    blocked(planted, "ETHUSDT", "eth1", 10_000)

    def shown(*words: str) -> list[str]:
        return [json.loads(line)["plan_id"] for line in ask("tail", *words, "--no-follow", "--json")[1].splitlines()]

    assert shown("plan") == ["btc1", "eth1"]
    assert shown("plan", "--last", "1") == ["eth1"]
    assert shown("plan", "--symbol", "btcusdt") == ["btc1"]
    assert shown("plan", "--gate", "low_confidence") == ["eth1"]
    assert shown("plan", "--decision", "execute") == ["btc1"]
    assert shown("plan", "--since", "1m") == ["eth1"]
    assert shown("permit", "--decision", "refuse") == []
    assert shown("plan", "--last", "0") == []
    assert shown("plan", "--last", "1", "--symbol", "BTCUSDT") == ["btc1"]


def test_a_dead_letter_reads_as_what_is_wrong_with_it(planted: Planted) -> None:
    fields: Any = {"dead_field": "symbol", "dead_reason": "is missing", "plan_id": "x"}
    planted.redis.xadd(KEYS.dead(KEYS.plans), fields)
    assert "symbol: is missing" in ask("tail", "plan.dead", "--no-follow")[1]


def test_a_stream_that_is_none_is_refused_with_those_that_are(planted: Planted) -> None:
    with pytest.raises(Complaint, match="give one of intent, plan, permit") as caught:
        ask("tail", "plans")
    assert caught.value.status == 2


# --- shell completion ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "offered"), [("wh", ["why"]), ("why B", ["BTCUSDT"]), ("tail pl", ["plan", "plan.dead"])]
)
def test_the_shell_completes_verbs_symbols_and_streams(planted: Planted, typed: str, offered: list[str]) -> None:
    words = f"quantum {typed}"
    environ = {"_QUANTUM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = CliRunner().invoke(app, [], prog_name="quantum", env=environ)
    assert done.stdout.split() == offered
