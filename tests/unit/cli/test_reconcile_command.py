"""`quantum reconcile` and `ledger rebuild` against a P3.3 at work on a real Redis."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.acl import P33
from quantum_common.state import Hold
from services.cli import operator_requests, target
from services.cli.complaint import Complaint
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.ledger_command import run_rebuild
from services.cli.reconcile_command import run_reconcile, run_release
from tests.unit.position_state_brain.scripted import KEYS, SYMBOL, World, row, trade

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: EmbeddedRedis) -> None:
    """The settings name the tests' Redis, and no run is found."""
    (tmp_path / "common.env").write_text(f"QUANTUM_REDIS_URL={redis_server.url}\n", encoding="utf-8")
    monkeypatch.setenv("QUANTUM_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(target, "running", list)


async def at_work(world: World, command: Callable[[], int]) -> int:
    """Run a command beside a P3.3 that answers, and return its exit status."""
    await world.redis.hset(KEYS.heartbeat("position-state-brain"), "pid", "1")
    running = asyncio.create_task(asyncio.to_thread(command))
    while not running.done():
        await world.brain.requests.answer()
        await asyncio.wait({running}, timeout=0.01)
    return await running


async def held(redis: Redis) -> World:
    world = await World(redis).begin()
    world.account.rows[SYMBOL] = row("3")
    await world.cycles(2)
    assert await world.hold() is not None
    return world


async def test_a_hold_is_shown_with_its_cause_and_released(redis: Redis, capsys: Capture) -> None:
    world = await held(redis)
    assert await asyncio.to_thread(lambda: run_reconcile(None, as_json=False)) == 1
    said = capsys.readouterr().out
    assert f"{SYMBOL}  exchange 3  ledger 0  difference -3  ledger_drift since" in said
    assert "cause: unknown: no trade of the exchange explains the difference" in said
    assert "held (unknown)" in said

    now_ms = world.clock.now_ms()
    with pytest.MonkeyPatch.context() as patch:  # the scripted world's clock is far ahead
        patch.setattr("time.time_ns", lambda: now_ms * 1_000_000)
        assert await at_work(world, lambda: run_release(SYMBOL.lower(), "  looked   at it ", None)) == 0
    assert "ledger_drift released by" in (said := capsys.readouterr().out)
    assert said.rstrip().endswith(": looked at it")
    assert await world.hold() is None
    assert await redis.hgetall(KEYS.requests) == {}


async def test_a_dry_run_says_what_would_be_asked_of_p33_and_asks_nothing(redis: Redis, capsys: Capture) -> None:
    world = await held(redis)
    await world.redis.hset(KEYS.heartbeat(P33), "status", "running")
    capsys.readouterr()  # what P3.3 logged
    assert await asyncio.to_thread(lambda: run_release(SYMBOL, "why", None, dry_run=True)) == 0
    assert await asyncio.to_thread(lambda: run_rebuild(SYMBOL, "why", None, all_=False, dry_run=True)) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"would be released: {SYMBOL}", "dry run: nothing was done",
        f"would be rebuilt: {SYMBOL}", "dry run: nothing was done",
    ]  # fmt: skip
    assert not await redis.exists(KEYS.requests)
    assert await world.hold() is not None


async def test_the_same_as_json(redis: Redis, capsys: Capture) -> None:
    await held(redis)
    capsys.readouterr()  # what P3.3 logged
    assert await asyncio.to_thread(lambda: run_reconcile(None, as_json=True)) == 1
    [found] = json.loads(capsys.readouterr().out)
    assert (found["symbol"], found["difference"], found["hold"]) == (SYMBOL, "-3", "ledger_drift")
    assert [event["kind"] for event in found["events"]] == ["held"]


async def test_where_all_agree_nothing_is_shown(redis: Redis, capsys: Capture) -> None:
    world = await World(redis).begin()
    await world.happen(trade(1, "2"))
    await world.brain.snapshot()
    capsys.readouterr()  # what P3.3 logged
    assert await asyncio.to_thread(lambda: run_reconcile(None, as_json=False)) == 0
    assert capsys.readouterr().out == "nothing is held, and every ledger is what the exchange says\n"


async def test_every_ledger_is_rebuilt_in_one_go(redis: Redis, capsys: Capture) -> None:
    world = await World(redis).begin()
    await world.happen(trade(1, "2"))
    await redis.hset(KEYS.ledger(SYMBOL), "fees", "99")
    with pytest.MonkeyPatch.context() as patch:
        now_ms = world.clock.now_ms()
        patch.setattr("time.time_ns", lambda: now_ms * 1_000_000)
        assert await at_work(world, lambda: run_rebuild(None, "fees were 99", None, all_=True)) == 0
    assert capsys.readouterr().out.rstrip().endswith("fees were 99; changed fees")
    fields: Any = await redis.hgetall(KEYS.ledger(SYMBOL))
    assert fields["fees"] == "0.04"


async def test_what_cannot_be_is_one_line_and_asks_for_nothing(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    async def complains(command: Callable[[], int], words: str, status: int) -> None:
        with pytest.raises(Complaint, match=words) as caught:
            await asyncio.to_thread(command)
        assert caught.value.status == status
        assert "\n" not in str(caught.value)
        assert await redis.hgetall(KEYS.requests) == {}

    await complains(lambda: run_release("no symbol", "x", None), "is not a symbol such as", 2)
    await complains(lambda: run_release(SYMBOL, "   ", None), "--reason takes", 2)
    await complains(lambda: run_release(SYMBOL, "x" * 201, None), "--reason takes", 2)
    await complains(lambda: run_release(SYMBOL, "x", None), "is not on hold", 1)
    await complains(lambda: run_rebuild(None, "x", None, all_=False), "give a symbol such as BTCUSDT, or --all", 2)
    await complains(lambda: run_rebuild(SYMBOL, "x", None, all_=True), "give a symbol such as BTCUSDT, or --all", 2)
    await complains(lambda: run_rebuild(SYMBOL, "x", None, all_=False), "is not running", 1)
    fields: Any = Hold(
        reason="ledger_drift", exchange_position_amt=1, ledger_position_amt=0, since_ms=1, details="unknown: x"
    ).to_fields()
    await redis.hset(KEYS.hold(SYMBOL), mapping=fields)
    await complains(lambda: run_release(SYMBOL, "x", None), "is not running", 1)
    await redis.hset(KEYS.heartbeat("position-state-brain"), "pid", "1")
    monkeypatch.setattr(operator_requests, "ANSWER_WITHIN_S", 0.05)
    await complains(lambda: run_release(SYMBOL, "x", None), "did not answer within", 1)


async def test_a_symbol_without_a_ledger_cannot_be_rebuilt(redis: Redis) -> None:
    world = await World(redis).begin()
    with pytest.raises(Complaint, match="has no ledger"):
        await at_work(world, lambda: run_rebuild("NOSUCHUSDT", "x", None, all_=False))
