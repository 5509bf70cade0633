"""Hops: from stamps in any order to durations, and these against the issue's limits."""

import itertools

import pytest

from benchmarks.hops import HOPS, Hop, Moment, Stamp, Timeline, stamps_of, verdict
from benchmarks.percentiles import NS_PER_MS, Summary
from benchmarks.tap import fields_of, order_stamps, streams_of
from quantum_common.keys import Keys

MS = NS_PER_MS
ONE_PLAN = (
    Stamp(Moment.INTENT, "p", 0),
    Stamp(Moment.PLAN, "p", 2 * MS),
    Stamp(Moment.GOVERNOR, "p", 3 * MS),
    Stamp(Moment.P33, "p", 5 * MS),
    Stamp(Moment.ORDER, "p", 9 * MS),
)


def hop(name: str) -> Hop:
    return next(one for one in HOPS if one.name == name)


def test_the_permits_are_there_with_the_later_one_in_whatever_order_the_stamps_come() -> None:
    for stamps in itertools.permutations(ONE_PLAN):
        timeline = Timeline()
        timeline.add(stamps)
        assert timeline.durations(hop("plan -> both permits")) == [3 * MS]
        assert timeline.durations(hop("intent -> order on the exchange")) == [9 * MS]


def test_one_permit_alone_is_not_both() -> None:
    timeline = Timeline()
    timeline.add([Stamp(Moment.PLAN, "p", 1), Stamp(Moment.P33, "p", 2)])
    assert timeline.summary(hop("plan -> both permits")) is None
    assert timeline.durations(hop("plan -> P3.3's permit")) == [1]


def test_a_moment_that_comes_again_counts_as_its_last() -> None:
    timeline = Timeline()
    timeline.add([Stamp(Moment.LEDGER, "p", 8), Stamp(Moment.LEDGER, "p", 5), Stamp(Moment.ORDER, "p", 1)])
    assert timeline.durations(hop("fill's event at a client -> ledger")) == [7]


def test_each_plan_counts_by_itself() -> None:
    timeline = Timeline()
    timeline.add([Stamp(Moment.INTENT, "a", 0), Stamp(Moment.INTENT, "b", 0), Stamp(Moment.PLAN, "b", 4)])
    assert timeline.durations(hop("intent -> plan")) == [4]


@pytest.mark.parametrize(
    ("p50_ms", "p99_ms", "expected"),
    [(8, 40, "8/40 kept"), (8.1, 20, "8/40 MISSED"), (1, 41, "8/40 MISSED")],
)
def test_a_limit_holds_where_both_percentiles_keep_it(p50_ms: float, p99_ms: float, expected: str) -> None:
    found = Summary(count=2, p50=int(p50_ms * MS), p90=0, p99=int(p99_ms * MS), worst=0)
    assert verdict(hop("intent -> order on the exchange"), found) == expected


def test_a_hop_without_a_limit_or_without_a_measurement_has_no_verdict() -> None:
    found = Summary(count=1, p50=1, p90=1, p99=1, worst=1)
    assert verdict(hop("intent -> plan"), found) == ""
    assert verdict(hop("intent -> order on the exchange"), None) == ""


def test_a_permit_is_stamped_as_its_issuers() -> None:
    moments, keys = streams_of(Keys()), Keys()
    fields = {"plan_id": "p", "issuer": "governor"}
    assert stamps_of(moments, keys.permits, fields, 5) == [Stamp(Moment.GOVERNOR, "p", 5)]


def test_a_journal_entry_tells_the_ledgers_time_and_the_trades() -> None:
    fields = {"plan_id": "p", "trade_ms": "3"}
    assert stamps_of(streams_of(Keys()), Keys().journal, fields, 9 * MS) == [
        Stamp(Moment.LEDGER, "p", 9 * MS),
        Stamp(Moment.TRADED, "p", 3 * MS),
    ]


def test_what_belongs_to_no_plan_is_not_stamped() -> None:
    assert stamps_of(streams_of(Keys()), Keys().journal, {"plan_id": "", "trade_ms": "3"}, 1) == []


def test_only_a_trade_of_one_of_our_orders_is_the_order_on_the_exchange() -> None:
    frame = b'{"e":"ORDER_TRADE_UPDATE","o":{"x":"%s","c":"%s"}}'
    assert order_stamps(frame % (b"TRADE", b"qo-abc"), 4) == [Stamp(Moment.ORDER, "abc", 4)]
    assert order_stamps(frame % (b"NEW", b"qo-abc"), 4) == []
    assert order_stamps(frame % (b"TRADE", b"web_1"), 4) == []
    assert order_stamps(b'{"e":"ACCOUNT_UPDATE","a":{}}', 4) == []


def test_fields_are_read_flat_and_as_the_framework_packs_them() -> None:
    assert fields_of({b"plan_id": b"p"}) == {"plan_id": "p"}
    assert fields_of({b"__data__": b'\x89BIN\r\n\x1a\n\x00{"plan_id":"p"}'}) == {"plan_id": "p"}
