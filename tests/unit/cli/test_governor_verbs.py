"""The governor's verbs on a real Redis: the trading state, flatten, explain, what-if, recordings."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis as blocking
from typer.testing import CliRunner

from quantum_common.keys import Keys
from quantum_common.messages import Action, GovernorEvent, Intent, JournalEntry, Permit, Plan, Record, Side
from quantum_common.reasons import Gate
from quantum_common.state import GovernorState, TradingState
from services.cli import formula_check, trading_state, whatif
from services.cli.__main__ import app
from services.cli.complaint import Complaint
from services.cli.decision_log import Outcome, Recorded, decisions, from_recording, from_redis, outcomes, round_trips
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.explain import explained, run_explain
from services.cli.record_command import run_record
from services.cli.recording import CURSORS, Recorder, recorded
from services.cli.redis_link import RedisAddress, connect
from services.governor.decide import decide, decided
from services.governor.reservations import Reserved
from tests.unit.governor.builders import FLIPPED, NOW_MS, limits, market, plan, portfolio, result, snapshot, view

KEYS = Keys()
STREAM = KEYS.plans


@pytest.fixture
def link(redis_server: EmbeddedRedis) -> Iterator[blocking.Redis]:
    client = connect(RedisAddress(redis_server.url))
    yield client
    client.close()


@pytest.fixture
def etc(redis_server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of this machine that name the tests' Redis; no run is up."""
    (tmp_path / "common.env").write_text(f"QUANTUM_REDIS_URL={redis_server.url}\n")
    monkeypatch.setenv("QUANTUM_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr("services.cli.target.running", list)
    return tmp_path


def put(link: blocking.Redis, stream: str, *records: Record, at_ms: int = NOW_MS) -> None:
    for number, record in enumerate(records):
        fields: dict[Any, Any] = record.to_fields()
        link.xadd(stream, fields, id=f"{at_ms + number}-0")


def governed(link: blocking.Redis) -> tuple[GovernorState, list[GovernorEvent]]:
    fields: Any = link.hgetall(KEYS.governor_state)
    events: Any = link.xrange(KEYS.governor_events)
    return GovernorState.from_fields(fields), [GovernorEvent.from_fields(one) for _, one in events]


@pytest.mark.parametrize(
    ("verb", "wanted"),
    [("halt", TradingState.HALTED), ("reduce", TradingState.REDUCING), ("resume", TradingState.ACTIVE)],
)
def test_a_person_sets_the_trading_state_and_says_why(
    verb: str, wanted: TradingState, link: blocking.Redis, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trading_state.run_state(verb, wanted, "  a  reason ", None) == 0
    state, [event] = governed(link)
    assert (state.trading_state, state.reason, state.by) == (wanted, "a reason", event.by)
    assert (event.trading_state, event.reason, event.details) == (wanted, "a reason", f"quantum {verb}")
    assert capsys.readouterr().out.startswith(f"no state -> {wanted}: ")


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    link: blocking.Redis, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields: dict[Any, Any] = snapshot("0.5").to_fields()
    link.hset(KEYS.snapshot("BTCUSDT"), mapping=fields)
    assert trading_state.run_state("halt", TradingState.HALTED, "why", None, dry_run=True) == 0
    assert trading_state.run_flatten("why", 9.0, None, dry_run=True) == 0
    assert capsys.readouterr().out.splitlines() == [
        "no state -> HALTED: nothing passes, exits neither", "dry run: nothing was done",
        "no state -> REDUCING: only exits pass", "would be closed: BTCUSDT 0.5", "dry run: nothing was done",
    ]  # fmt: skip
    assert not link.exists(KEYS.governor_state, KEYS.governor_events, KEYS.intents)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_a_state_without_a_reason_is_not_set(reason: str, link: blocking.Redis, etc: Path) -> None:
    with pytest.raises(Complaint, match="--reason"):
        trading_state.run_state("halt", TradingState.HALTED, reason, None)
    assert not link.exists(KEYS.governor_state)


def test_a_flatten_asks_for_a_full_close_of_every_position(
    link: blocking.Redis, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for symbol, amount in (("BTCUSDT", "0.5"), ("ETHUSDT", "-2"), ("SOLUSDT", "0")):
        fields: dict[Any, Any] = snapshot(amount).to_fields()
        link.hset(KEYS.snapshot(symbol), mapping=fields)
    assert trading_state.run_flatten("enough", 0.0, None) == 1
    rows: Any = link.xrange(KEYS.intents)
    wishes = [Intent.from_fields(fields) for _, fields in rows]
    assert [(one.symbol, one.side, one.action, one.source, one.reason) for one in wishes] == [
        ("BTCUSDT", Side.SELL, Action.CLOSE_FULL, "operator", "enough"),
        ("ETHUSDT", Side.BUY, Action.CLOSE_FULL, "operator", "enough"),
    ]
    assert governed(link)[0].trading_state is TradingState.REDUCING
    assert capsys.readouterr().out.splitlines()[-3:] == ["left: BTCUSDT 0.5", "left: ETHUSDT -2", "not flat yet"]


def test_a_flatten_of_a_flat_account_is_done_at_once(link: blocking.Redis, etc: Path) -> None:
    assert trading_state.run_flatten("enough", 9.0, None) == 0
    assert not link.exists(KEYS.intents)


def test_a_flat_symbol_has_nothing_to_close() -> None:
    with pytest.raises(ValueError, match="is flat"):
        trading_state.closing_intent("BTCUSDT", Decimal(0), "", 1)


@pytest.mark.parametrize(
    ("lines", "status", "words"),
    [
        ("", 0, "between -12.0000 and 2.0000 on 192 corners"),
        ("GOV_CUTOFF_PROFILE=reference", 1, "runs the wrong way: as portfolio_heat"),
        ("GOV_Z_CUTOFF_EXIT=1 / drawdown_pct", 1, "  and 43 more"),
    ],
)
def test_the_check_says_what_is_wrong_with_a_cutoff(
    lines: str, status: int, words: str, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (etc / "governor.env").write_text(f"{lines}\n")
    assert formula_check.run_check(None) == status
    assert words in capsys.readouterr().out


def test_a_formula_that_cannot_be_read_is_one_line(etc: Path) -> None:
    (etc / "governor.env").write_text("GOV_Z_CUTOFF_ENTRY=1 +\n")
    with pytest.raises(Complaint, match=r"governor\.env:1: GOV_Z_CUTOFF_ENTRY=1 \+"):
        formula_check.run_check(None)


def judged(one: Plan, **seen: Any) -> Permit:
    return decide(one, view("0" if one.action is Action.OPEN else "0.01", **seen), limits(), NOW_MS)


def closed(plan_id: str, pnl: str, amount: str = "0") -> JournalEntry:
    return JournalEntry(
        kind="fill", symbol="BTCUSDT", trade_id="1", order_id=1, plan_id=plan_id, client_order_id="", side=Side.SELL,
        qty=Decimal(1), price=Decimal(1), fee=Decimal("0.1"), realized_pnl=Decimal(pnl), funding=None,
        position_amt=Decimal(amount), avg_entry_price=Decimal(0), origin="", trade_ms=NOW_MS, lag_ms=0, cause="",
        timestamp=1, ts_ms=NOW_MS,
    )  # fmt: skip


@pytest.fixture
def history(link: blocking.Redis) -> Sequence[Plan]:
    """Two entries that passed, calm and nervous, and an exit; the calm one is closed with a gain."""
    calm, nervous, leaving = plan(plan_id="calm"), plan(plan_id="nervous"), plan("CLOSE_FULL", plan_id="leaving")
    put(link, KEYS.plans, calm, nervous, leaving)
    put(link, KEYS.permits, judged(calm), judged(nervous, market=market(**FLIPPED)), judged(leaving))
    put(link, KEYS.results, result(calm, executed=True), result(nervous, executed=False, gate=Gate.EXCHANGE_REJECTED))
    put(link, KEYS.journal, closed("calm", "0", "0.01"), closed("leaving", "7"))
    return calm, nervous, leaving


def test_recorded_plans_are_decided_again_under_other_settings(link: blocking.Redis, history: Sequence[Plan]) -> None:
    source = from_redis(link, KEYS, NOW_MS - 10)
    tally = whatif.decide_again(decisions(source, KEYS), limits(z_cutoff_entry="0"), outcomes(source, KEYS))
    assert dict(tally.pairs) == {("passed", "passed"): 2, ("passed", "kill_score_warning_risk_increase"): 1}
    assert (tally.now_refused_usdt, tally.now_passing_usdt, tally.exits_refused) == (Decimal(500), Decimal(0), 0)
    assert tally.made == {"kept": [Decimal("6.8")]}
    lines = whatif.shown(tally, {"GOV_Z_CUTOFF_ENTRY": "0"})
    assert lines[0] == "with GOV_Z_CUTOFF_ENTRY=0"
    assert "of the entries that still pass, 1 are closed: 1 won, 6.8 USDT in all" in lines


def test_what_was_refused_and_would_pass_is_counted(link: blocking.Redis) -> None:
    one = plan(qty=Decimal("0.11"))
    refused = decide(one, view(), limits(z_cutoff_entry="-9"), NOW_MS)
    put(link, KEYS.plans, one)
    put(
        link,
        KEYS.permits,
        refused,
        refused.model_copy(update={"details": "{}"}),
        refused.model_copy(update={"details": "?"}),
    )
    tally = whatif.decide_again(decisions(from_redis(link, KEYS, 0), KEYS), limits(), {})
    assert (tally.now_passing_usdt, tally.smaller, tally.undecidable) == (Decimal(5_500), 1, 2)
    assert "2 permits of an older build hold no inputs" in whatif.shown(tally, {})


def test_what_if_runs_from_the_command(
    link: blocking.Redis, etc: Path, history: Sequence[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    assert whatif.run_whatif(10**9, ["GOV_Z_CUTOFF_ENTRY=open"], None, None) == 0
    assert "exits refused now: 0" in capsys.readouterr().out
    link.flushall()
    assert whatif.run_whatif(60, [], None, None) == 0
    assert "no decision is recorded in that time" in capsys.readouterr().out


@pytest.mark.parametrize(
    "given", ["GOV_X=1", "GOV_HEAT_MAX", "QUANTUM_ENV=live", "GOV_KILL_HALF_LIFE=3", "GOV_HEAT_MAX=9"]
)
def test_what_cannot_be_set_is_one_line(given: str, etc: Path) -> None:
    with pytest.raises(Complaint, match=r"governor whatif: .*GOV_|governor whatif: --set"):
        whatif.run_whatif(60, [given], None, None)


def test_decisions_are_made_again_by_the_ten_thousand() -> None:
    one = plan()
    each = Recorded(one, judged(one), view())
    tally = whatif.decide_again([each] * 5_000, limits(), {})
    assert tally.decided == 5_000
    assert "a second" in whatif.shown(tally, {})[-1]


def test_a_verdict_is_explained_and_made_again(
    link: blocking.Redis, etc: Path, history: Sequence[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_explain("nervous", None, None) == 0
    said = capsys.readouterr().out
    for words in (
        "plan nervous: OPEN BTCUSDT BUY 0.01 at 50000, stop unknown, from ai-engine",
        "ok  kill_score_warning_risk_increase: z 0.8137 of K 0.7595 against 1.7500",
        "score: K 0.759511 of regime_flip 1.000000, sigma_spike 0.000000, ts_drop 0.300000, age_penalty 0.000000",
        "again, by the settings of now: permitted 0.01; the same",
        "result: not executed: exchange_rejected, filled 0",
    ):
        assert words in said
    (etc / "governor.env").write_text("GOV_Z_CUTOFF_ENTRY=-1\n")
    assert run_explain("nervous", None, None) == 1
    assert "refused, kill_score_warning_risk_increase; NOT THE SAME" in capsys.readouterr().out


def test_a_permit_without_inputs_says_so() -> None:
    one = plan()
    lines, same = explained(Recorded(one, judged(one), None), None, limits())
    assert same
    assert lines[-1] == "no inputs stand on this permit; it cannot be decided again"


def test_what_is_not_there_cannot_be_explained(link: blocking.Redis, etc: Path, history: Sequence[Plan]) -> None:
    with pytest.raises(Complaint, match="no plan nobody"):
        run_explain("nobody", None, None)
    put(link, KEYS.plans, plan(plan_id="young"), at_ms=NOW_MS + 99)
    with pytest.raises(Complaint, match="has not decided young"):
        run_explain("young", None, None)


def test_a_reservation_and_a_refusal_are_told() -> None:
    one = plan()
    held = decided(plan(plan_id="other", symbol="ETHUSDT"), view(), limits(), NOW_MS).reservation
    assert held is not None
    seen = view(reserved=(Reserved(held),), portfolio=portfolio(drawdown_pct=Decimal("0.5")), market=None, ledger=None)
    lines, same = explained(Recorded(one, decide(one, seen, limits(), NOW_MS), seen), None, limits())
    assert same
    assert "  reserved: ETHUSDT 500 USDT by other" in [line.replace("500.00", "500") for line in lines]
    assert "  market: absent" in lines


def test_a_round_trip_is_what_the_opening_plan_made() -> None:
    trips = round_trips([closed("a", "0", "1"), closed("b", "2", "0.5"), closed("c", "3"), closed("", "1")])
    assert trips == {"a": Decimal("4.7")}


def quiet(words: str) -> None:
    raise AssertionError(words)


def test_a_recording_holds_what_the_streams_held_and_goes_on_where_it_ended(
    link: blocking.Redis, tmp_path: Path, history: Sequence[Plan]
) -> None:
    first = Recorder(link, KEYS, tmp_path, quiet)
    first.run(lambda: False, 0.05)
    put(link, STREAM, plan(plan_id="later"), at_ms=NOW_MS + 3_600_000)
    link.xtrim(STREAM, minid=f"{NOW_MS + 2}-0")
    again = Recorder(link, KEYS, tmp_path, quiet)
    again.run(lambda: False, 0.05)
    kept = [fields["plan_id"] for _, fields in recorded(tmp_path, STREAM)]
    assert kept == ["calm", "nervous", "leaving", "later"]
    assert [fields["plan_id"] for _, fields in recorded(tmp_path, STREAM, NOW_MS + 1)] == [
        "nervous",
        "leaving",
        "later",
    ]
    assert len(list(tmp_path.glob("quantum.apply.plan-*.jsonl.gz"))) == 2
    source = from_recording(tmp_path, KEYS, 0)
    assert [one.plan.plan_id for one in decisions(source, KEYS)] == ["calm", "nervous", "leaving"]
    assert outcomes(source, KEYS)["calm"] == Outcome(executed=True, made_usdt=Decimal("6.8"))


def test_a_torn_end_is_cut_off_and_recorded_again(
    link: blocking.Redis, tmp_path: Path, history: Sequence[Plan]
) -> None:
    Recorder(link, KEYS, tmp_path, quiet).run(lambda: False, 0.05)
    [path] = tmp_path.glob("quantum.apply.plan-*.jsonl.gz")
    path.write_bytes(path.read_bytes() + gzip.compress(b'["1790000000009-0",{}]\n')[:-7])
    cursors = orjson.loads((tmp_path / CURSORS).read_bytes()) | {STREAM: f"{NOW_MS}-0"}
    (tmp_path / CURSORS).write_bytes(orjson.dumps(cursors))
    Recorder(link, KEYS, tmp_path, quiet).run(lambda: False, 0.05)
    assert [fields["plan_id"] for _, fields in recorded(tmp_path, STREAM)] == ["calm", "nervous", "leaving"]


def test_a_gap_and_an_absent_redis_are_said(link: blocking.Redis, tmp_path: Path, history: Sequence[Plan]) -> None:
    Recorder(link, KEYS, tmp_path, quiet).run(lambda: False, 0.05)
    link.xtrim(STREAM, maxlen=0)
    put(link, STREAM, plan(plan_id="later"), at_ms=NOW_MS + 60_000)
    said: list[str] = []
    Recorder(link, KEYS, tmp_path, said.append).run(lambda: False, 0.05)
    assert len(said) == 1
    assert "may be missing" in said[0]


def test_a_folder_that_is_no_recording_is_said(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="holds no recording"):
        list(recorded(tmp_path, STREAM))
    (tmp_path / CURSORS).write_text("?")
    with pytest.raises(Complaint, match="is not the cursors of a recording"):
        Recorder(blocking.Redis(), KEYS, tmp_path, quiet)


def test_an_unknown_view_is_not_decided() -> None:
    each = Recorded(plan(), judged(plan()), None)
    assert whatif.decide_again([each, replace(each, view=view())], limits(), {}).undecidable == 1


def test_every_verb_is_there_and_does_what_it_says(
    link: blocking.Redis, etc: Path, tmp_path: Path, history: Sequence[Plan]
) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words))
        return done.exit_code, done.output

    for verb, wanted in (("halt", "HALTED"), ("reduce", "REDUCING"), ("resume", "ACTIVE")):
        status, said = run(verb, "--reason", "a look")
        assert (status, wanted in said) == (0, True)
    assert run("flatten", "--reason", "the end", "--wait", "1s") == (0, "ACTIVE -> REDUCING: only exits pass\nflat\n")
    assert run("governor", "check")[0] == 0
    assert run("governor", "explain", "calm")[0] == 0
    assert "decisions in" in run("governor", "whatif", "--since", "9999999h", "--set", "GOV_HEAT_MAX=0.01")[1]
    assert [event.trading_state for event in governed(link)[1]] == ["HALTED", "REDUCING", "ACTIVE", "REDUCING"]


def test_a_recording_by_command_can_be_asked_what_if(
    link: blocking.Redis, etc: Path, tmp_path: Path, history: Sequence[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "kept"
    assert run_record(into, 0.05, None) == 0
    assert f"entries recorded in {into}" in capsys.readouterr().out
    link.flushall()
    assert whatif.run_whatif(10**9, [], into, None) == 0
    assert "3 decisions" in capsys.readouterr().out
    assert run_explain("calm", into, None) == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(Complaint, match="cannot be written"):
        run_record(tmp_path / "file", 0.05, None)


def test_a_redis_that_is_away_is_one_line(etc: Path, tmp_path: Path) -> None:
    (etc / "common.env").write_text(f"QUANTUM_REDIS_URL=unix://{tmp_path}/absent.sock\n")
    asked: list[Callable[[], int]] = [
        lambda: trading_state.run_state("halt", TradingState.HALTED, "why", None),
        lambda: trading_state.run_flatten("why", 0.0, None),
        lambda: whatif.run_whatif(60, [], None, None),
        lambda: run_explain("calm", None, None),
        lambda: run_record(tmp_path / "kept", 0.05, None),
    ]
    for ask in asked:
        with pytest.raises(Complaint, match=r"redis|does not answer"):
            ask()
