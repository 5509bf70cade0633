"""The checklist on a real Redis: a healthy pipeline is GO, and each planted trouble is named by its check."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from quantum_common.keys import SERVICES
from quantum_common.messages import Issuer
from quantum_common.reasons import Gate
from quantum_common.state import TradingState
from services.cli.health.check import Check, Level, fit
from services.cli.health.collect import collect
from services.cli.health.judge import judge
from services.cli.health.limits import limits_of
from services.cli.health.picture import Picture
from tests.planted import BUILD, KEYS, Planted, planted

__all__ = ["planted"]


def checklist(planted: Planted) -> tuple[Check, ...]:
    limits = limits_of("health", None)
    picture = collect(planted.redis, KEYS, limits.symbols, planted.now_ms - limits.window_ms)
    return judge(picture, limits, planted.now_ms)


def test_a_healthy_pipeline_is_fit_and_every_check_has_a_figure(planted: Planted) -> None:
    found = checklist(planted)
    assert fit(found)
    assert all(one.figure for one in found)
    assert len({(one.name, one.subject) for one in found}) == len(found)
    assert {one.name for one in found if one.level is Level.WARN} == {
        "redis_persistence"
    }  # the tests' Redis does not fsync


Break = Callable[[Planted], object]
CASES: dict[str, tuple[Break, tuple[str, str], Level]] = {
    "halted": (lambda p: p.state(TradingState.HALTED), ("trading_state", ""), Level.BAD),
    "no state": (lambda p: p.redis.delete(KEYS.governor_state), ("trading_state", ""), Level.BAD),
    "a service is down": (lambda p: p.stopped("governor"), ("heartbeat", "governor"), Level.BAD),
    "a service hangs": (lambda p: p.beat("governor", ts_ms=p.now_ms - 9_000), ("heartbeat", "governor"), Level.BAD),
    "a service waits": (
        lambda p: p.beat("intent-executor", status="waiting for the lease"),
        ("heartbeat", "intent-executor"), Level.WARN,
    ),
    "the executor sends nothing": (lambda p: p.beat("intent-executor", mode="shadow"), ("mode", ""), Level.WARN),
    "builds differ": (lambda p: p.beat("governor", version=f"{BUILD}x"), ("build", ""), Level.BAD),
    "another build runs than is installed": (
        lambda p: [p.beat(service, version="0.0+old") for service in SERVICES], ("build", ""), Level.WARN,
    ),
    "bars stopped": (
        lambda p: [p.bars(symbol, 900_000) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")], ("bars", ""), Level.BAD,
    ),
    "one symbol has no bars": (lambda p: p.bars("SOLUSDT", 900_000), ("bars", ""), Level.WARN),
    "model expired": (lambda p: p.model(status="expired"), ("model", ""), Level.BAD),
    "no model": (lambda p: p.model(status="none", expires_ms=""), ("model", ""), Level.BAD),
    "model expires today": (lambda p: p.model(expires_ms=p.now_ms + 3_600_000), ("model", ""), Level.WARN),
    "snapshot is missing": (
        lambda p: p.redis.delete(KEYS.snapshot("SOLUSDT")), ("snapshot_coverage", ""), Level.BAD,
    ),
    "snapshot is stale": (lambda p: p.position("SOLUSDT", "0", "0", age_ms=60_000), ("snapshot_age", ""), Level.BAD),
    "held": (lambda p: p.hold("ETHUSDT"), ("drift", "ETHUSDT"), Level.BAD),
    "ledger differs": (lambda p: p.position("BTCUSDT", "2", "1"), ("drift", "BTCUSDT"), Level.BAD),
    "no stop": (lambda p: p.redis.delete(KEYS.stop("BTCUSDT")), ("protective_stop", "BTCUSDT"), Level.BAD),
    "banned": (
        lambda p: p.redis.hset(KEYS.budget, "closed_until_ms", p.now_ms + 60_000), ("rate_budget", "ban"), Level.BAD,
    ),
    "weight used up": (
        lambda p: p.redis.hset(KEYS.budget, "REQUEST_WEIGHT:60000", f"{p.now_ms // 60_000}:2300"),
        ("rate_budget", "weight/1m"), Level.WARN,
    ),
    "a permit is missing": (
        lambda p: (p.plan("ETHUSDT", "eth1", 60_000), p.permit("ETHUSDT", "eth1", 59_990, Issuer.P33), p.read_all()),
        ("permits", ""), Level.BAD,
    ),
    "nobody executes": (
        lambda p: (p.plan("ETHUSDT", "eth1", 60_000), p.read_all((KEYS.plans, "intent-executor"))),
        ("consumer", "apply.plan/intent-executor"), Level.BAD,
    ),
    "a cursor is behind the trim": (
        lambda p: (p.plan("ETHUSDT", "eth1", 900), p.plan("ETHUSDT", "eth2", 800), p.redis.xtrim(KEYS.plans, 0)),
        ("consumer", "apply.plan/governor"), Level.BAD,
    ),
    "unlisted symbol": (
        lambda p: (
            p.wish("WAVESUSDT", "wav1", 60_000),
            p.result("WAVESUSDT", "wav1", 59_000, Gate.SYMBOL_NOT_IN_ALLOWLIST), p.read_all(),
        ),
        ("unlisted", ""), Level.WARN,
    ),
    "dead letters": (
        lambda p: p.redis.xadd(KEYS.dead(KEYS.intents), {"dead_reason": "is missing"}),
        ("dead_letters", "trade.intent"), Level.WARN,
    ),
    "unreadable record": (lambda p: p.redis.hset(KEYS.ledger("ETHUSDT"), "side", "UP"), ("records", ""), Level.BAD),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_trouble_is_named_by_its_check_and_says_what_to_do(planted: Planted, case: str) -> None:
    break_, (name, subject), level = CASES[case]
    break_(planted)
    found = {(one.name, one.subject): one for one in checklist(planted)}
    assert found[name, subject].level is level
    assert found[name, subject].words


# A key of Redis' settings, what it is set to given the bytes in use, the check that finds it, and part of its figure.
SETTINGS: dict[str, tuple[str, Callable[[int], str | int], str, str]] = {
    "nothing is kept": ("appendonly", lambda _: "no", "redis_persistence", "appendonly no"),
    "memory runs out": ("maxmemory", lambda used: used * 10 // 8, "redis_memory", " %"),
    "memory has no bound": ("maxmemory", lambda _: 0, "redis_memory", "MiB"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_a_redis_that_is_set_wrongly_is_named_with_what_to_set(planted: Planted, case: str) -> None:
    key, wrong, name, figure = SETTINGS[case]
    was: Any = planted.redis.config_get(key)
    memory: Any = planted.redis.info("memory")
    try:
        planted.redis.config_set(key, wrong(memory["used_memory"]))
        found = {one.name: one for one in checklist(planted)}[name]
    finally:
        planted.redis.config_set(key, was[key])
    assert found.level is Level.WARN  # these settings allow a relaxed Redis
    assert figure in found.figure
    assert key in found.words


@pytest.mark.parametrize(
    ("off", "subject", "figure"),
    [
        (lambda picture: replace(picture, redis_offset_ms=-900), "redis", "-900 ms"),
        (lambda picture: replace(picture, exchange_offset_ms=2_500), "exchange", "+2500 ms"),
    ],
)
def test_a_clock_that_is_off_is_a_warning_that_names_which(
    planted: Planted, off: Callable[[Picture], Picture], subject: str, figure: str
) -> None:
    limits = limits_of("health", None)
    picture = collect(planted.redis, KEYS, limits.symbols, planted.now_ms - limits.window_ms)
    found = {(one.name, one.subject): one for one in judge(off(picture), limits, planted.now_ms)}
    clock = found["clock", subject]
    assert (clock.level, clock.figure) == (Level.WARN, figure)
    assert "time service" in clock.words


def test_rates_are_of_the_time_that_could_be_read_where_there_is_more_than_that(planted: Planted) -> None:
    for number in range(40):
        planted.result("ETHUSDT", f"eth{number}", 60_000 - number * 1_000)
    limits = limits_of("health", None)
    picture = collect(planted.redis, KEYS, limits.symbols, planted.now_ms - limits.window_ms, entries_max=30)
    found = {one.name: one.figure for one in judge(picture, limits, planted.now_ms)}
    assert found["executions"].startswith("30 in 50.0 s, 36.0 a minute")
