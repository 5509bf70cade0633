"""Metrics: what is counted as it happens, what is read for a scrape, and what is left out where it cannot be."""

import asyncio
import re
from collections.abc import Mapping

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from quantum_common import metric_catalogue as catalogue
from quantum_common.keys import SERVICES, short
from quantum_common.meter import SILENT, Hop, Meter
from quantum_common.metric_catalogue import CATALOGUE, Kind
from quantum_common.metrics import Metrics
from quantum_common.reasons import Gate

NAME = re.compile(r"^quantum_[a-z0-9]+(_[a-z0-9]+)*$")
Series = Mapping[str, float]


async def scraped(metrics: Metrics) -> Series:
    """Every series of a scrape, by its name and labels."""
    rows = (await metrics.render()).decode().splitlines()
    return {row.rpartition(" ")[0]: float(row.rpartition(" ")[2]) for row in rows if not row.startswith("#")}


async def test_a_service_counts_its_entries_decisions_and_facts() -> None:
    metrics = Metrics("governor")
    metrics.handled("quantum:stream:apply.plan", 3)
    metrics.handled("quantum:{1}:stream:apply.plan", 7_000)
    metrics.dead("quantum:stream:apply.plan")
    metrics.lost("quantum:stream:apply.plan", 4)
    metrics.decided("ENTRY", Gate.TRADING_HALTED)
    metrics.decided("EXIT", None)
    metrics.booked("fill")
    seen = await scraped(metrics)
    plan = '{service="governor",stream="apply.plan"}'
    assert seen[f"quantum_messages_handled_total{plan}"] == 2
    assert seen[f"quantum_messages_dead_total{plan}"] == 1
    assert seen[f"quantum_messages_lost_total{plan}"] == 4
    assert seen['quantum_decisions_total{eval_type="ENTRY",gate="trading_halted",service="governor"}'] == 1
    assert seen['quantum_decisions_total{eval_type="EXIT",gate="passed",service="governor"}'] == 1
    assert seen['quantum_facts_booked_total{kind="fill",service="governor"}'] == 1
    assert seen['quantum_message_age_seconds_bucket{le="0.005",service="governor",stream="apply.plan"}'] == 1
    assert seen[f"quantum_message_age_seconds_sum{plan}"] == pytest.approx(7.003)
    assert not [name for name in seen if "_created" in name]


async def test_what_has_not_happened_yet_is_counted_as_0_and_not_left_out() -> None:
    metrics = Metrics("governor")
    metrics.expect(["quantum:stream:apply.plan"])
    seen = await scraped(metrics)
    for name in ("handled_total", "dead_total", "lost_total"):
        assert seen[f'quantum_messages_{name}{{service="governor",stream="apply.plan"}}'] == 0


async def test_a_stretch_that_two_clocks_make_negative_counts_as_nothing() -> None:
    metrics = Metrics("position-state-brain")
    metrics.hop(Hop.FILL_TO_LEDGER, -5)
    metrics.hop(Hop.FILL_TO_LEDGER, 250)
    seen = await scraped(metrics)
    labels = 'hop="fill_to_ledger",service="position-state-brain"'
    assert seen[f"quantum_hop_seconds_sum{{{labels}}}"] == 0.25
    assert seen['quantum_hop_seconds_bucket{hop="fill_to_ledger",le="0.001",service="position-state-brain"}'] == 1


async def test_gauges_are_read_anew_for_each_scrape_and_what_is_gone_is_not_shown() -> None:
    metrics, symbols = Metrics("position-state-brain"), ["BTCUSDT", "ETHUSDT"]

    async def probe(to: Metrics) -> None:
        for symbol in symbols:
            to.set(catalogue.POSITION, 1.5, symbol)

    metrics.probes.append(probe)
    held = 'quantum_position_amount{service="position-state-brain",symbol="%s"}'
    assert {held % "BTCUSDT", held % "ETHUSDT"} <= set(await scraped(metrics))
    symbols.remove("ETHUSDT")
    seen = await scraped(metrics)
    assert (held % "BTCUSDT" in seen, held % "ETHUSDT" in seen) == (True, False)
    assert seen['quantum_redis_up{service="position-state-brain"}'] == 1


async def test_without_redis_the_scrape_says_so_and_shows_what_it_still_knows() -> None:
    metrics = Metrics("governor")
    away = False

    async def knows(to: Metrics) -> None:
        to.set(catalogue.RUNNING, 1)

    async def asks(to: Metrics) -> None:
        if away:
            raise RedisConnectionError("gone")
        to.set(catalogue.STATE_SINCE, 1)

    metrics.probes += (knows, asks)
    metrics.decided("EXIT", None)
    await scraped(metrics)
    away = True
    seen = await scraped(metrics)
    assert seen['quantum_redis_up{service="governor"}'] == 0
    assert seen['quantum_running{service="governor"}'] == 1
    assert 'quantum_trading_state_timestamp_seconds{service="governor"}' not in seen, "nobody vouches for it now"
    assert seen['quantum_decisions_total{eval_type="EXIT",gate="passed",service="governor"}'] == 1


async def test_a_redis_that_hangs_does_not_hang_the_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantum_common.metrics.PROBE_WITHIN_S", 0.01)
    metrics = Metrics("governor")

    async def hangs(_: Metrics) -> None:
        await asyncio.Event().wait()

    metrics.probes.append(hangs)
    assert (await scraped(metrics))['quantum_redis_up{service="governor"}'] == 0


async def test_a_probe_that_is_broken_is_not_taken_for_redis() -> None:
    metrics = Metrics("governor")

    async def broken(_: Metrics) -> None:
        raise ZeroDivisionError("a bug")

    metrics.probes.append(broken)
    with pytest.raises(ZeroDivisionError):
        await metrics.render()


async def test_rendering_gives_way_to_the_work_of_the_service() -> None:
    metrics, turns = Metrics("governor"), 0
    for hop in Hop:
        metrics.hop(hop, 1)
    for metric in (catalogue.HANDLED, catalogue.DEAD, catalogue.LOST):
        metrics._child(metric, "apply.plan").inc()

    async def work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    await metrics.render()
    working.cancel()
    assert turns >= len(metrics._families) > 3


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_names_follow_the_conventions_of_prometheus(metric: catalogue.Metric) -> None:
    assert NAME.match(metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    if metric.kind is Kind.HISTOGRAM:
        assert metric.name.endswith("_seconds")
    assert not metric.name.endswith(("_ms", "_pct", "_usd", "_count", "_sum", "_bucket"))
    assert metric.meaning.endswith(".")
    assert set(metric.services) <= set(SERVICES)
    assert "service" not in metric.labels


def test_no_two_metrics_have_one_name() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE) > 40


def test_whoever_is_not_asked_to_count_counts_nothing() -> None:
    for meter in (SILENT, Metrics("x")):
        takes: Meter = meter
        takes.handled("s", 1)
        takes.dead("s")
        takes.lost("s", 1)
        takes.decided("ENTRY", None)
        takes.hop(Hop.ORDER_TO_ACK, 1)
        takes.booked("fill")
    assert short("quantum:{3}:stream:trade.intent") == "trade.intent"
