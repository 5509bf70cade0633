import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio import Redis

from quantum_common.clock import SystemClock
from quantum_common.exchange.budget import Budget
from quantum_common.exchange.port import Bar, ConfigurationRefused
from quantum_common.keys import Keys
from quantum_common.log import setup
from quantum_common.runtime import Runtime
from quantum_common.settings import SettingsError
from services.ai_engine import wiring
from services.ai_engine.model_files import save_model
from services.ai_engine.service import Engine
from services.ai_engine.settings import AiSettings
from tests.unit.ai_engine import given
from tests.unit.ai_engine.given_model import card, fitted
from tests.unit.ai_engine.test_service import PAST, BarsOfAWalk


class Session(BarsOfAWalk):
    """A market whose bars close as fast as they are asked for; after the last one the daemon is told to stop."""

    def __init__(self, runtime: Runtime[AiSettings], last: Exception | None = None) -> None:
        super().__init__(list(given.walk(PAST + 20, seed=4)), {given.SYMBOL: given.RULES})
        self.runtime = runtime
        self.last = last
        self.coming = list(self.bars[PAST:])

    async def next_bars(self) -> Sequence[Bar]:
        if self.coming:
            return [self.coming.pop(0)]
        if self.last is not None:
            raise self.last
        self.runtime.stop.set()
        await asyncio.Event().wait()  # as a market stream does that nobody feeds any more
        raise AssertionError


def runtime_of(redis: Redis) -> Runtime[AiSettings]:
    return Runtime(
        "ai-engine", given.settings(ai_profile="explore", ai_history_bars=PAST), redis, Keys(), setup("info", "test"),
        SystemClock(),
    )  # fmt: skip


@contextlib.contextmanager
def exchange(monkeypatch: pytest.MonkeyPatch, market: Session) -> Any:
    asked: list[tuple[Any, ...]] = []

    @contextlib.asynccontextmanager
    async def opened(*arguments: Any) -> AsyncIterator[SimpleNamespace]:
        asked.append(arguments)
        yield SimpleNamespace(market=market, session=SimpleNamespace(budget=Budget()))

    monkeypatch.setattr(wiring, "open_exchange", opened)
    yield asked


async def test_the_engine_records_every_bar_and_ends_at_the_stop_though_it_waits_for_a_bar(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = runtime_of(redis)
    market = Session(runtime)
    with exchange(monkeypatch, market) as asked:
        await wiring.start(runtime)
    ((_, keys, symbols, *_),) = asked
    assert keys is None, "public market data needs no key"
    assert symbols == (given.SYMBOL,)
    state: Any = await redis.hgetall(runtime.keys.market_state(given.SYMBOL))
    assert int(state["bar_close_ms"]) == market.bars[-1].close_ms
    assert runtime.progress.handled == PAST + 20


async def test_what_the_exchange_refuses_for_good_ends_the_engine(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = runtime_of(redis)
    with (
        exchange(monkeypatch, Session(runtime, last=ConfigurationRefused("no"))),
        pytest.raises(ConfigurationRefused),
    ):
        await wiring.start(runtime)


async def test_a_reload_takes_up_what_decisions_weigh_and_makes_another_version(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = runtime_of(redis)
    market = Session(runtime)
    engines: list[Engine] = []

    class Kept(Engine):
        async def warm_up(self) -> None:
            engines.append(self)
            await super().warm_up()
            before = self.model.version
            assert runtime.take_up is not None
            runtime.take_up(runtime.settings.model_copy(update={"ai_slippage_bps": Decimal(3)}))
            assert self.policy.costs.slippage_bps == 3
            assert self.model.version != before

    monkeypatch.setattr(wiring, "Engine", Kept)
    with exchange(monkeypatch, market):
        await wiring.start(runtime)
    assert engines


async def test_a_model_that_must_not_be_used_ends_the_start_before_anything_is_asked(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime = runtime_of(redis)
    runtime.settings = given.settings(ai_profile="trade", ai_model_dir=tmp_path / "none")
    with exchange(monkeypatch, Session(runtime)) as asked, pytest.raises(SettingsError, match="AI_MODEL_DIR"):
        await wiring.start(runtime)
    assert asked == []


async def test_a_trained_model_s_limits_follow_a_reload(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now_ms = SystemClock().now_ms()
    save_model(tmp_path / "model", fitted(), card(trained_ms=now_ms, expires_ms=now_ms + 86_400_000 * 9))
    runtime = runtime_of(redis)
    runtime.settings = given.settings(ai_profile="trade", ai_model_dir=tmp_path / "model")
    market = Session(runtime)
    seen: list[Engine] = []

    class Kept(Engine):
        async def warm_up(self) -> None:
            seen.append(self)
            self.market = market
            assert runtime.take_up is not None
            runtime.take_up(runtime.settings.model_copy(update={"ai_model_age_days_max": 2}))
            runtime.stop.set()

    monkeypatch.setattr(wiring, "Engine", Kept)
    with exchange(monkeypatch, market):
        await wiring.start(runtime)
    (engine,) = seen
    assert engine.care is not None
    assert engine.care.expires_ms == now_ms + 2 * 86_400_000
    assert engine.universe.leader == "BTCUSDT"
