"""Incident 33: all intents were dropped, unnoticed: a policy file had expired."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from redis.asyncio import Redis
from structlog.testing import capture_logs

from quantum_common.clock import ManualClock
from quantum_common.keys import Keys
from quantum_common.log import setup
from quantum_common.messages import Action
from quantum_common.state import EngineModel, EngineVerdict, ModelStatus
from services.ai_engine.ensemble import Ensemble
from services.ai_engine.mind import mind_of, universe_of
from services.ai_engine.service import BARS_A_TURN, Engine
from services.ai_engine.store import RedisStore
from tests.unit.ai_engine import given
from tests.unit.ai_engine.given_model import DAY_MS, TRAINED_MS, card, fitted, trees
from tests.unit.ai_engine.test_service import BarsOfAWalk, Turns

KEYS = Keys()
DECISION_MS = 15 * given.MINUTE_MS
PAST = 1441 + 240 + 9 * 1440


class Told(BarsOfAWalk):
    """A market that trends up, with as much of a past as is asked for."""

    looked: Any = None

    async def history(self, symbol: str, interval: str, limit: int) -> Any:
        if self.looked is not None:
            await self.looked()
        return [replace(one, symbol=symbol) for one in self.bars[:limit]]


class Desk:
    """An engine on a real Redis, with a model that always wishes for a long position, or with none."""

    def __init__(
        self, redis: Redis, *, trained: bool = True, symbols: tuple[str, ...] = (given.SYMBOL,), drift_max: float = 10.0
    ) -> None:
        self.redis = redis
        bars = list(given.walk(PAST + 200, seed=4, drift=0.0002))
        told = card(expires_ms=TRAINED_MS + 30 * DAY_MS, symbols=symbols, brier_spread=1.0)
        surely = fitted(members=(trees(low=3.0, high=3.0),), slope=1.0, haircut=1.0, volatility=None)
        model = Ensemble(told, surely, told.version) if trained else None
        settings = given.settings(
            ai_profile="trade", ai_drift_inputs_max=drift_max, ai_entry_spacing_minutes=0, ai_symbols=",".join(symbols)
        )
        mind, universe = mind_of(settings, model), universe_of(settings, model)
        self.market = Told(bars, {symbol: replace(given.RULES, symbol=symbol) for symbol in symbols})
        self.clock = ManualClock(TRAINED_MS)
        self.coming = iter(bars[PAST:])
        self.engine = Engine(
            market=self.market, store=RedisStore(redis, KEYS), clock=self.clock, log=setup("info", "test"),
            universe=universe, model=mind.model, policy=mind.policy, care=mind.care, fitness=mind.fitness,
        )  # fmt: skip

    async def begin(self) -> "Desk":
        fields: Any = given.portfolio().to_fields()
        await self.redis.hset(KEYS.portfolio, mapping=fields)
        await self.hold(0)
        await self.engine.warm_up()
        await self.engine.step()
        return self

    async def hold(self, amount: float) -> None:
        fields: Any = given.ledger(amount, entry=float(self.market.bars[PAST].close)).to_fields()
        await self.redis.hset(KEYS.ledger(given.SYMBOL), mapping=fields)

    async def decide(self) -> EngineVerdict:
        """Let bars close until one is decided on."""
        for bar in self.coming:
            self.market.waiting.append([bar])
            await self.engine.step()
            if (bar.close_ms + 1) % DECISION_MS == 0:
                break
        fields: Any = await self.redis.hgetall(KEYS.engine_verdict(given.SYMBOL))
        return EngineVerdict.from_fields(fields)

    async def watched(self, before_expiry_ms: int) -> tuple[EngineModel, list[str]]:
        """Look after the model so long before it is too old; return what is published and what is said."""
        self.clock.advance(TRAINED_MS + 30 * DAY_MS - before_expiry_ms - self.clock.now_ms())
        with capture_logs() as logs:
            await self.engine.watch()
        fields: Any = await self.redis.hgetall(KEYS.engine_model)
        return EngineModel.from_fields(fields), [
            f"{one['log_level']}: {one['event']}" for one in logs if "model" in str(one["event"])
        ]


async def test_a_model_that_grows_old_says_so_a_day_before_and_then_stops_entries_by_name(redis: Redis) -> None:
    desk = await Desk(redis).begin()
    model, said = await desk.watched(2 * DAY_MS)
    assert (model.status, said) == (ModelStatus.OK, [])
    assert (await desk.decide()).why == "entry"

    model, said = await desk.watched(DAY_MS)
    assert (model.status, said) == (ModelStatus.WARNING, ["warning: the model expires soon"])
    assert model.reason.startswith("too old in 24.0 h")
    assert (await desk.decide()).why == "entry", "a warning stops nothing"

    model, said = await desk.watched(0)
    assert model.status is ModelStatus.EXPIRED
    assert said == ["error: the model has expired: entries stop, exits go on"]
    verdict = await desk.decide()
    assert (verdict.why, verdict.limit) == ("model_expired", Decimal(TRAINED_MS + 30 * DAY_MS))
    assert verdict.value == verdict.limit
    assert (await desk.watched(-DAY_MS))[0].status is ModelStatus.EXPIRED
    assert await redis.xlen(KEYS.intents) == 2, "nothing more was asked for"


async def test_a_start_does_not_judge_the_drift_before_every_symbol_s_past_is_there(redis: Redis) -> None:
    desk = Desk(redis, symbols=(given.SYMBOL, "ETHUSDT"), drift_max=0.01)
    desk.clock = desk.engine.clock = clock = Turns(TRAINED_MS)
    stood: list[ModelStatus] = []

    async def watch() -> None:
        await desk.engine.watch()
        fields: Any = await redis.hgetall(KEYS.engine_model)
        model = EngineModel.from_fields(fields)
        stood.append(model.status)
        seen.append(model.observations)

    seen: list[int] = []
    desk.market.looked = watch
    with capture_logs() as logs:
        await desk.engine.warm_up()
    desk.market.looked = None
    await watch()
    assert stood == [ModelStatus.OK, ModelStatus.OK, ModelStatus.EXPIRED]
    assert 0 == seen[0] < seen[1] < seen[2], "half of the symbols were there, and were drift enough"
    pages = (desk.engine.universe.history_bars - 1) // BARS_A_TURN
    assert clock.turns > 2 * pages, "others had their turns while the model was shown the past, too"
    assert len([one for one in logs if "the model" in str(one["event"])]) == 1, "said once, at the end"


async def test_a_start_says_at_once_that_its_model_is_about_to_be_too_old(redis: Redis) -> None:
    desk = Desk(redis)
    desk.clock.advance(29 * DAY_MS + DAY_MS // 2)
    stood: list[ModelStatus] = []

    async def look() -> None:
        await desk.engine.watch()
        fields: Any = await redis.hgetall(KEYS.engine_model)
        stood.append(EngineModel.from_fields(fields).status)

    desk.market.looked = look
    await desk.engine.warm_up()
    assert stood == [ModelStatus.WARNING]


async def only_guards(desk: Desk, decisions: int) -> None:
    """Hold the engine to opening nothing and guarding what it holds, for so many decisions."""
    for _ in range(decisions):
        await desk.decide()
    entries: Any = await desk.redis.xrange(KEYS.intents)
    actions = [fields["action"] for _, fields in entries]
    assert Action.OPEN not in actions
    assert Action.UPDATE_SL in actions, "a position without a stop gets one"


async def test_exits_go_on_when_the_model_has_expired(redis: Redis) -> None:
    desk = await Desk(redis).begin()
    await desk.watched(-DAY_MS)
    await desk.hold(-1.0)  # against the trend: it is stopped out, or its time is over
    await only_guards(desk, 13)


async def test_exits_go_on_after_a_restart_with_the_model_taken_away(redis: Redis) -> None:
    desk = await Desk(redis, trained=False).begin()
    assert (await desk.decide()).why == "no_model"
    await desk.hold(-1.0)
    await only_guards(desk, 12)


async def test_entries_go_on_when_an_operator_has_set_the_limit_higher(redis: Redis) -> None:
    desk = await Desk(redis).begin()
    care = desk.engine.care
    assert care is not None
    usual, care.limits = care.limits, replace(care.limits, age_ms_max=DAY_MS)
    assert (await desk.watched(20 * DAY_MS))[0].status is ModelStatus.EXPIRED
    assert (await desk.decide()).why == "model_expired"
    care.limits = usual
    model, said = await desk.watched(20 * DAY_MS)
    assert (model.status, said) == (ModelStatus.OK, ["info: the model is fit again"])
    assert (await desk.decide()).why == "entry"


async def test_the_drift_survives_a_restart(redis: Redis) -> None:
    desk = await Desk(redis).begin()
    for _ in range(3):
        await desk.decide()
    before, _ = await desk.watched(2 * DAY_MS)
    again = Desk(redis)
    again.market.bars = again.market.bars[45:]  # the same past, as the exchange tells it three decisions later
    await again.begin()
    after, _ = await again.watched(2 * DAY_MS)
    assert before.observations > 500
    assert (after.drift_inputs, after.observations) == (before.drift_inputs, before.observations)
    assert after.drift_calibration == before.drift_calibration
