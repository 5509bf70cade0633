"""The audit: what is lost, what came twice, what was blocked."""

from decimal import Decimal

from benchmarks.audit import Audit
from benchmarks.ledgers import sums

PLANS, RESULTS, JOURNAL = (f"quantum:stream:{name}" for name in ("apply.plan", "apply.result", "ledger.journal"))


def audited(*entries: tuple[str, dict[str, str]]) -> Audit:
    audit = Audit()
    for stream, fields in entries:
        audit.take(stream, fields)
    return audit


def test_a_plan_with_its_result_and_its_trade_loses_nothing() -> None:
    found = audited(
        (PLANS, {"plan_id": "a"}),
        (RESULTS, {"plan_id": "a", "gate": ""}),
        (JOURNAL, {"symbol": "BTCUSDT", "trade_id": "1"}),
    ).findings()
    assert (found.plans, found.results, found.executed, found.trades) == (1, 1, 1, 1)
    assert (found.lost(1), found.repeated, found.dead) == (0, 0, 0)


def test_a_wish_without_a_plan_and_a_plan_without_a_result_are_lost() -> None:
    found = audited((PLANS, {"plan_id": "a"}), (PLANS, {"plan_id": "b"}), (RESULTS, {"plan_id": "a", "gate": ""}))
    assert found.findings().lost(3) == 2


def test_entries_beyond_the_first_are_repeated() -> None:
    result = (RESULTS, {"plan_id": "a", "gate": ""})
    trade = (JOURNAL, {"symbol": "BTCUSDT", "trade_id": "1"})
    assert audited(result, result, trade, trade, trade).findings().repeated == 3


def test_blocked_results_are_counted_by_their_gate() -> None:
    found = audited(
        (RESULTS, {"plan_id": "a", "gate": "no_position"}), (RESULTS, {"plan_id": "b", "gate": "no_position"})
    ).findings()
    assert found.blocked == {"no_position": 2}
    assert found.executed == 0


def test_dead_letters_are_counted() -> None:
    assert audited((f"{PLANS}.dead", {"plan_id": "a"})).findings().dead == 1


def test_trades_are_summed_with_their_sides() -> None:
    trades = [
        {"side": "BUY", "qty": "0.3", "commission": "0.01", "realizedPnl": "0"},
        {"side": "SELL", "qty": "0.1", "commission": "0.02", "realizedPnl": "-1.5"},
    ]
    assert sums(trades) == (Decimal("0.2"), Decimal("0.4"), Decimal("0.03"), Decimal("-1.5"))
