from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from quantum_common.clock import ManualClock
from quantum_common.exchange.port import Bar, ExchangeUnavailable, FundingTerms, SymbolRules
from quantum_common.log import setup
from quantum_common.messages import Action, Intent
from quantum_common.progress import STUCK_AFTER_MS
from quantum_common.state import EngineModel, EngineVerdict, MarketState, Portfolio
from services.ai_engine import service
from services.ai_engine.bars import DeadBar
from services.ai_engine.intake import Universe
from services.ai_engine.memory import ExitMemory
from services.ai_engine.momentum_model import MomentumModel
from services.ai_engine.policy import Policy
from services.ai_engine.ports import Known
from services.ai_engine.service import LATE_MS, Engine
from tests.unit.ai_engine import given

PAST = 300


class BarsOfAWalk:
    """A market: its past, and the bars that close one after the other."""

    def __init__(self, bars: Sequence[Bar], rules: Mapping[str, SymbolRules]) -> None:
        self.bars = list(bars)
        self.listed = rules
        self.waiting: list[Sequence[Bar]] = []
        self.away = 0
        self.away_history = 0

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise ExchangeUnavailable("away", 250)

    async def server_time_ms(self) -> int:
        raise NotImplementedError

    async def rules(self) -> Mapping[str, SymbolRules]:
        self._answer()
        return self.listed

    async def history(self, symbol: str, interval: str, limit: int) -> Sequence[Bar]:
        if self.away_history:
            self.away_history -= 1
            raise ExchangeUnavailable("the rate budget is used up", 1000)
        assert (interval, limit) == ("1m", PAST)
        return [replace(one, symbol=symbol) for one in self.bars[:PAST]]

    async def funding_terms(self) -> Mapping[str, FundingTerms]:
        return {symbol: FundingTerms(symbol, Decimal("0.0001"), 28_800_000) for symbol in self.listed}

    async def next_bars(self) -> Sequence[Bar]:
        return self.waiting.pop(0)


class Shelf:
    """A store in memory, with the guard of the real one; `gone` counts the calls that fail."""

    def __init__(self) -> None:
        self.stands: dict[str, Known] = {}
        self.totals: Portfolio | None = given.portfolio()
        self.states: dict[str, list[MarketState]] = {}
        self.intents: list[Intent] = []
        self.verdicts: dict[str, list[EngineVerdict]] = {}
        self.models: list[EngineModel] = []
        self.dead: list[DeadBar] = []
        self.gone = 0

    async def known(self, symbols: Sequence[str]) -> tuple[Portfolio | None, Mapping[str, Known]]:
        return self.totals, {symbol: self.stands.get(symbol, Known(given.ledger(0), None)) for symbol in symbols}

    async def record_bar(
        self,
        symbol: str,
        state: MarketState,
        intents: Sequence[Intent],
        memory: ExitMemory | None,
        verdict: EngineVerdict | None = None,
    ) -> bool:
        if self.gone:
            self.gone -= 1
            raise ConnectionError("gone")
        states = self.states.setdefault(symbol, [])
        if states and states[-1].bar_close_ms >= state.bar_close_ms:
            return False
        states.append(state)
        self.intents += intents
        if memory is not None:
            self.stands[symbol] = Known(self.stands.get(symbol, Known(given.ledger(0), None)).ledger, memory)
        if verdict is not None:
            self.verdicts.setdefault(symbol, []).append(verdict)
        return True

    async def publish_model(self, state: EngineModel) -> None:
        self.models.append(state)

    async def bury(self, bars: Sequence[DeadBar]) -> None:
        if self.gone:
            self.gone -= 1
            raise ConnectionError("gone")
        self.dead += bars


class Bench:
    """An engine on a walk of 100 bars after its past."""

    def __init__(self, symbols: Sequence[str] = (given.SYMBOL,), policy: Policy | None = None) -> None:
        self.policy = policy or given.policy()
        self.bars = list(given.walk(PAST + 100, seed=4))
        rules = {symbol: replace(given.RULES, symbol=symbol) for symbol in symbols if symbol != "DELISTED"}
        self.market = BarsOfAWalk(self.bars, rules)
        self.store = Shelf()
        self.clock = ManualClock(given.START_MS)
        self.engine = Engine(
            market=self.market, store=self.store, clock=self.clock, log=setup("info", "test"),
            universe=Universe(tuple(symbols), PAST, 3),
            model=MomentumModel(version="v", horizon_bars=self.policy.entry.horizon_bars), policy=self.policy,
        )  # fmt: skip

    async def ready(self) -> "Bench":
        await self.engine.warm_up()
        return self

    async def close(self, *bars: Bar) -> None:
        """Let these bars close at once."""
        self.market.waiting.append(bars)
        await self.engine.step()


def said(logs: list[EventDict], event: str) -> list[EventDict]:
    return [one for one in logs if one["event"] == event]


async def test_the_past_warms_the_features_and_is_published_but_never_decided_on() -> None:
    bench = Bench()
    with capture_logs() as logs:
        await bench.ready()
    assert said(logs, "warm-up done")[0]["cold"] == ""
    await bench.engine.step()
    (state,) = bench.store.states[given.SYMBOL]
    assert state.bar_close_ms == bench.bars[PAST - 1].close_ms
    assert bench.store.intents == []


async def test_every_closed_bar_is_recorded_and_some_lead_to_intents() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    for bar in bench.bars[PAST:]:
        await bench.close(bar)
    closes = [state.bar_close_ms for state in bench.store.states[given.SYMBOL]]
    assert closes == [bar.close_ms for bar in bench.bars[PAST - 1 :]]
    assert bench.store.intents
    assert {intent.action for intent in bench.store.intents} == {Action.OPEN}
    assert bench.engine.progress.handled == PAST + 100


async def test_an_open_position_is_left_when_its_time_is_over() -> None:
    bench = await Bench().ready()
    bench.store.stands[given.SYMBOL] = Known(given.ledger(1.0, entry=float(bench.bars[PAST].close)), None)
    calm = float(bench.bars[PAST - 1].close)
    await bench.engine.step()
    for number in range(PAST, PAST + bench.policy.exit.time_stop_bars):
        await bench.close(given.bar(number, calm))
    last = bench.store.intents[-1]
    assert (last.action, last.bar_close_ms) == (Action.CLOSE_FULL, given.bar(number).close_ms)
    assert last.reason.startswith("time_stop")


async def test_redis_may_go_and_come_back_and_the_bar_is_done_once() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    bench.store.gone = 2
    bench.market.waiting.append([bench.bars[PAST]])
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await bench.engine.step()
    await bench.engine.step()
    closes = [state.bar_close_ms for state in bench.store.states[given.SYMBOL]]
    assert closes[1:] == [bench.bars[PAST].close_ms]


async def test_work_on_bars_that_hangs_is_no_progress_and_idle_waiting_is(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    later_ms = bench.clock.now_ms() + 10 * STUCK_AFTER_MS
    assert bench.engine.progress.stuck(later_ms) == "", "no bar is due"
    seen: list[str] = []
    record = bench.store.record_bar

    async def slow(*given: Any) -> bool:
        seen.append(bench.engine.progress.stuck(later_ms))
        return await record(*given)

    monkeypatch.setattr(bench.store, "record_bar", slow)
    await bench.close(bench.bars[PAST])
    assert [words.partition(" has not")[0] for words in seen] == ["the work on closed bars"]
    assert bench.engine.progress.stuck(later_ms) == ""


async def test_a_bar_that_waited_too_long_is_recorded_and_not_acted_upon() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    bench.store.stands[given.SYMBOL] = Known(given.ledger(1.0, entry=float(bench.bars[PAST].close) * 1.5), None)
    bench.store.gone = 1
    bench.market.waiting.append([bench.bars[PAST]])
    with pytest.raises(ConnectionError):
        await bench.engine.step()
    bench.clock.advance(LATE_MS + 1)
    with capture_logs() as logs:
        await bench.engine.step()
    assert said(logs, "too late to decide on a bar")
    assert bench.store.intents == []
    assert bench.store.states[given.SYMBOL][-1].bar_close_ms == bench.bars[PAST].close_ms


async def test_of_bars_that_come_at_once_only_the_newest_is_decided_on() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    await bench.close(*bench.bars[PAST : PAST + 5])
    closes = [state.bar_close_ms for state in bench.store.states[given.SYMBOL]]
    assert closes[1:] == [bench.bars[PAST + 4].close_ms]
    whole = given.fed(bench.bars[: PAST + 5])[-1]
    assert bench.store.states[given.SYMBOL][-1].sigma == Decimal(f"{whole.sigma:.15f}")


async def test_a_bar_recorded_by_an_earlier_run_is_skipped_and_said() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    await bench.close(bench.bars[PAST])
    again = Bench()
    again.store = bench.store
    again.engine.store = bench.store
    await again.ready()
    await again.engine.step()
    before = list(bench.store.intents)
    with capture_logs() as logs:
        await again.close(bench.bars[PAST])
    assert said(logs, "bars were recorded before and are not done again")
    assert bench.store.intents == before


async def test_missing_late_and_foreign_bars_are_told_apart() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    with capture_logs() as logs:
        await bench.close(bench.bars[PAST + 3], bench.bars[PAST], replace(bench.bars[PAST + 4], symbol="OTHER"))
        await bench.close(bench.bars[PAST + 40])
    missing = said(logs, "bars are missing")
    assert [one["missing"] for one in missing] == [{given.SYMBOL: 3}, {given.SYMBOL: 36}]
    assert [one["cold_again"] for one in missing] == ["", given.SYMBOL]
    assert bench.store.states.keys() == {given.SYMBOL}


async def test_a_bar_that_contradicts_itself_is_refused_by_name_and_counted() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    with capture_logs() as logs:
        await bench.close(replace(bench.bars[PAST], high=Decimal(1)))
    assert said(logs, "bars contradict themselves and are not used")[0]["faults"] == {given.SYMBOL: "high_below_low"}
    assert bench.engine.progress.dead == 1
    (letter,) = bench.store.dead
    assert (letter.symbol, letter.open_ms, letter.dead_reason) == (
        given.SYMBOL, bench.bars[PAST].open_ms, "high_below_low",
    )  # fmt: skip
    assert len(bench.store.states[given.SYMBOL]) == 1


async def test_a_dead_letter_waits_for_redis_and_is_written_once() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    bench.store.gone = 1
    bench.market.waiting.append([replace(bench.bars[PAST], volume=Decimal("NaN"))])
    with pytest.raises(ConnectionError):
        await bench.engine.step()
    assert bench.store.dead == []
    await bench.close(bench.bars[PAST])
    await bench.close(bench.bars[PAST + 1])
    assert [one.volume for one in bench.store.dead] == ["NaN"]


async def test_every_decided_bar_says_why() -> None:
    bench = await Bench().ready()
    await bench.engine.step()
    assert bench.store.verdicts == {}, "the past is not decided on"
    for bar in bench.bars[PAST:]:
        await bench.close(bar)
    said = bench.store.verdicts[given.SYMBOL]
    assert [one.bar_close_ms for one in said] == [bar.close_ms for bar in bench.bars[PAST:]]
    assert {one.model_version for one in said} == {"v"}
    asked = [one.bar_close_ms for one in said if one.why == "entry"]
    assert asked == [intent.bar_close_ms for intent in bench.store.intents]
    turns = [one for one in said if one.why == "not_its_turn"]
    assert turns
    assert all(one.value is not None and one.limit is not None and one.value > one.limit for one in turns)


async def test_between_two_decisions_the_last_one_stands() -> None:
    policy = given.policy()
    bench = await Bench(policy=replace(policy, decision_ms=5 * given.MINUTE_MS)).ready()
    await bench.engine.step()
    for bar in bench.bars[PAST + 1 : PAST + 21]:
        await bench.close(bar)
    said = bench.store.verdicts[given.SYMBOL]
    assert said[0].why == "between_decisions", "nothing was decided yet"
    decided = [
        bar.close_ms for bar in bench.bars[PAST + 1 : PAST + 21] if (bar.close_ms + 1) % (5 * given.MINUTE_MS) == 0
    ]
    assert sorted({one.decided_bar_ms for one in said if one.why != "between_decisions"}) == decided
    assert all(one.bar_close_ms - one.decided_bar_ms < 5 * given.MINUTE_MS for one in said)
    assert {intent.bar_close_ms for intent in bench.store.intents} <= set(decided)


async def test_an_exchange_that_is_away_is_waited_for() -> None:
    bench = Bench()
    bench.market.away, bench.market.away_history = 3, 2
    with capture_logs() as logs:
        await bench.ready()
    assert bench.clock.now_ms() == given.START_MS + 3 * 250 + 2 * 1000
    assert said(logs, "warm-up done")


async def test_filters_that_cannot_be_had_leave_the_last_ones() -> None:
    bench = await Bench().ready()
    bench.market.away = 1
    await bench.engine.refresh()
    assert bench.engine.rules == bench.market.listed


async def test_a_symbol_that_is_not_listed_is_named_and_left_alone() -> None:
    bench = Bench([given.SYMBOL, "DELISTED"])
    with capture_logs() as logs:
        await bench.ready()
    assert said(logs, "warm-up done")[0]["unlisted"] == "DELISTED"
    await bench.engine.step()
    assert bench.store.states.keys() == {given.SYMBOL}


async def test_hundreds_of_symbols_that_close_together_are_all_recorded() -> None:
    symbols = [f"C{number:03d}USDT" for number in range(150)]
    bench = await Bench(symbols).ready()
    await bench.engine.step()
    await bench.close(*(replace(bench.bars[PAST], symbol=symbol) for symbol in symbols))
    assert {len(states) for states in bench.store.states.values()} == {2}
    assert len(bench.store.states) == 150
    askers = {intent.symbol for intent in bench.store.intents}
    assert len(askers) < 150 / 2  # equal bars, and still they take turns


class Turns(ManualClock):
    """A clock that counts how often somebody else was given a turn."""

    turns = 0

    async def sleep_ms(self, duration_ms: int) -> None:
        self.turns += duration_ms == 0
        await super().sleep_ms(duration_ms)


async def test_a_long_past_is_taken_in_turns_with_others_and_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await Bench().ready()
    await whole.engine.step()
    monkeypatch.setattr(service, "BARS_A_TURN", 100)
    bench = Bench()
    bench.clock = bench.engine.clock = Turns(given.START_MS)
    await bench.ready()
    assert bench.clock.turns == PAST // 100 - 1
    await bench.engine.step()
    assert bench.store.states == whole.store.states
    monkeypatch.setattr(service, "BARS_A_TURN", 2)
    with capture_logs() as logs:
        await bench.close(*bench.bars[PAST + 1 : PAST + 10 : 3])
    (hole,) = said(logs, "bars are missing")
    assert hole["missing"] == {given.SYMBOL: 1 + 2 + 2}, "after a long absence too"
    assert bench.clock.turns == PAST // 100 - 1 + 1
    assert bench.store.states[given.SYMBOL][-1].bar_close_ms == bench.bars[PAST + 7].close_ms


async def test_a_market_that_falls_silent_is_said_once_and_so_is_its_return() -> None:
    bench = await Bench().ready()
    await bench.engine.step()

    async def watched(minutes: int) -> list[Any]:
        bench.clock.advance(minutes * given.MINUTE_MS)
        with capture_logs() as logs:
            await bench.engine.watch()
        return [one["event"] for one in logs]

    assert await watched(2) == []
    assert await watched(2) == ["no bars; the market state is stale"]
    assert await watched(1) == []
    await bench.close(bench.bars[PAST])
    assert await watched(0) == ["bars again"]
    assert {(one.name, one.status) for one in bench.store.models} == {("momentum", "ok")}
