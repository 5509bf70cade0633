"""What is read for a scrape, on a real Redis: each probe shows what stands there, and nothing that does not."""

from decimal import Decimal
from typing import Any

from redis.asyncio import Redis

from quantum_common import probes
from quantum_common.clock import ManualClock
from quantum_common.exchange.budget import BudgetState, Cost, Kind
from quantum_common.keys import Keys
from quantum_common.metrics import Metrics, Probe
from quantum_common.state import EngineModel, ModelStatus

KEYS = Keys()
NOW_MS = 1_800_000_000_000


async def shown(*these: Probe) -> dict[str, float]:
    """What a scrape shows of these probes, without the label of the service."""
    metrics = Metrics("x")
    metrics.probes += these
    rows = (await metrics.render()).decode().replace(',service="x"', "").replace('service="x",', "")
    rows = rows.replace('{service="x"}', "")
    return {row.rpartition(" ")[0]: float(row.rpartition(" ")[2]) for row in rows.splitlines() if row[:8] == "quantum_"}


async def test_how_far_behind_a_group_is_and_for_how_long(redis: Redis) -> None:
    stream = KEYS.plans
    await redis.xgroup_create(stream, "governor", id="0", mkstream=True)
    for number in range(3):
        await redis.xadd(stream, {"n": str(number)}, id=f"{NOW_MS - 7_000 + number}-0")
    await redis.xreadgroup("governor", "one", {stream: ">"}, count=2)
    seen = await shown(probes.consumer(redis, "governor", (stream, KEYS.results), ManualClock(NOW_MS)))
    labels = '{stream="apply.plan"}'
    assert seen[f"quantum_consumer_lag{labels}"] == 1
    assert seen[f"quantum_consumer_pending{labels}"] == 2
    assert seen[f"quantum_consumer_oldest_pending_seconds{labels}"] == 7
    assert seen[f"quantum_consumer_behind_trim{labels}"] == 0
    assert not [name for name in seen if "apply.result" in name], "there is no such stream yet"
    assert seen["quantum_redis_up"] == 1


async def test_a_cursor_behind_what_was_trimmed_is_shown_and_no_lag_is_made_up(redis: Redis) -> None:
    stream = KEYS.plans
    await redis.xgroup_create(stream, "g", id="0", mkstream=True)
    ids = [str(await redis.xadd(stream, {"n": "1"})) for _ in range(4)]
    await redis.xreadgroup("g", "one", {stream: ">"}, count=1)
    await redis.xdel(stream, ids[2])
    await redis.xtrim(stream, maxlen=1, approximate=False)
    seen = await shown(probes.consumer(redis, "g", (stream,), ManualClock(NOW_MS)))
    assert seen['quantum_consumer_behind_trim{stream="apply.plan"}'] == 1
    assert 'quantum_consumer_lag{stream="apply.plan"}' not in seen


async def test_a_cursor_that_a_trim_alone_has_passed_is_shown(redis: Redis) -> None:
    stream = KEYS.plans
    await redis.xgroup_create(stream, "g", id="0", mkstream=True)
    for _ in range(4):
        await redis.xadd(stream, {"n": "1"})
    await redis.xreadgroup("g", "one", {stream: ">"}, count=1)
    probe = probes.consumer(redis, "g", (stream,), ManualClock(NOW_MS))
    behind = 'quantum_consumer_behind_trim{stream="apply.plan"}'
    assert (await shown(probe))[behind] == 0
    await redis.xtrim(stream, maxlen=2, approximate=False)
    assert (await shown(probe))[behind] == 1


async def test_positions_their_drift_their_hold_and_their_missing_stop(redis: Redis) -> None:
    for symbol, amount, booked in (("BTCUSDT", "0.5", "0.2"), ("ETHUSDT", "0", "0")):
        await redis.hset(
            KEYS.snapshot(symbol), mapping={"position_amt": amount, "unrealized_pnl": "-1.5", "ts_ms": str(NOW_MS)}
        )
        await redis.hset(KEYS.ledger(symbol), "position_amt", booked)
    await redis.hset(KEYS.hold("BTCUSDT"), "reason", "ledger_drift")
    allowed = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "WAVESUSDT")
    seen = await shown(probes.positions(redis, KEYS, lambda: allowed, lambda: ("BTCUSDT",)))
    assert seen['quantum_position_drift{symbol="BTCUSDT"}'] == 0.3, "in decimals, not in floats"
    assert seen['quantum_position_drift{symbol="ETHUSDT"}'] == 0
    assert [seen[f'quantum_position_held{{symbol="{name}"}}'] for name in allowed] == [1, 0, 0, 0]
    assert seen['quantum_position_unprotected{symbol="BTCUSDT"}'] == 1
    assert seen['quantum_position_unprotected{symbol="ETHUSDT"}'] == 0
    assert seen['quantum_snapshot_timestamp_seconds{symbol="ETHUSDT"}'] == NOW_MS / 1000
    assert seen["quantum_snapshot_coverage_ratio"] == 0.5
    await redis.hset(KEYS.stop("BTCUSDT"), "client_id", "s")
    again = await shown(probes.positions(redis, KEYS, lambda: allowed, lambda: ()))
    assert again['quantum_position_unprotected{symbol="BTCUSDT"}'] == 0


async def test_the_account(redis: Redis) -> None:
    assert await shown(probes.portfolio(redis, KEYS)) == {"quantum_redis_up": 1}
    fields: Any = {
        "equity_usd": "9995.1", "peak_equity_usd": "10000", "drawdown_pct": "0.00049", "gross_exposure_usd": "1477",
        "exposure_utilization": "0.07", "portfolio_heat": "0.0004", "open_positions": "6", "ts_ms": str(NOW_MS),
    }  # fmt: skip
    await redis.hset(KEYS.portfolio, mapping=fields)
    seen = await shown(probes.portfolio(redis, KEYS))
    assert seen["quantum_portfolio_equity_usdt"] == 9995.1
    assert seen["quantum_portfolio_drawdown_ratio"] == 0.00049
    assert seen["quantum_portfolio_open_positions"] == 6
    assert seen["quantum_portfolio_timestamp_seconds"] == NOW_MS / 1000


async def test_the_one_trading_state(redis: Redis) -> None:
    none = await shown(probes.trading_state(redis, KEYS))
    assert sum(value for name, value in none.items() if name.startswith("quantum_trading_state{")) == 0
    await redis.hset(KEYS.governor_state, mapping={"trading_state": "HALTED", "since_ms": str(NOW_MS)})
    seen = await shown(probes.trading_state(redis, KEYS))
    assert [seen[f'quantum_trading_state{{state="{state}"}}'] for state in ("ACTIVE", "REDUCING", "HALTED")] == [
        0,
        0,
        1,
    ]
    assert seen["quantum_trading_state_timestamp_seconds"] == NOW_MS / 1000


async def test_bars_and_the_model(redis: Redis) -> None:
    await redis.hset(KEYS.market_state("BTCUSDT"), "bar_close_ms", str(NOW_MS))
    model = EngineModel(
        name="ensemble", version="3", status=ModelStatus.WARNING, reason="drift", trained_ms=NOW_MS,
        expires_ms=NOW_MS + 1_000, age_ms=1, drift_inputs=Decimal("0.1"), drift_inputs_limit=Decimal("0.25"),
        drift_calibration=None, drift_calibration_limit=None, observations=5, pays=None, ts_ms=NOW_MS,
    )  # fmt: skip
    fields: Any = model.to_fields()
    await redis.hset(KEYS.engine_model, mapping=fields)
    seen = await shown(probes.bars(redis, KEYS, ("BTCUSDT", "ETHUSDT")), probes.model(redis, KEYS))
    assert seen['quantum_last_bar_timestamp_seconds{symbol="BTCUSDT"}'] == NOW_MS / 1000
    assert 'quantum_last_bar_timestamp_seconds{symbol="ETHUSDT"}' not in seen
    assert seen['quantum_model_info{name="ensemble",version="3"}'] == 1
    assert [seen[f'quantum_model_status{{status="{one}"}}'] for one in ModelStatus] == [0, 1, 0, 0]
    assert seen["quantum_model_expires_timestamp_seconds"] == NOW_MS / 1000 + 1
    assert seen['quantum_model_drift{of="inputs"}'] == 0.1
    assert seen['quantum_model_drift_limit{of="inputs"}'] == 0.25
    assert 'quantum_model_drift{of="calibration"}' not in seen


async def test_the_exchange_s_limits_and_whose_turn_it_is() -> None:
    state = BudgetState().spent(Cost(weight=1_700), NOW_MS)

    async def probe(metrics: Metrics) -> None:
        probes.show_budget(metrics, state, NOW_MS)

    seen = await shown(probe)
    assert seen['quantum_rate_budget_used{kind="weight",window="1m"}'] == 1_700
    assert seen['quantum_rate_budget_limit{kind="weight",window="1m"}'] == 2_400
    assert seen['quantum_rate_budget_wait_seconds{lane="open"}'] > 0, "entries stop at 70 %"
    assert seen['quantum_rate_budget_wait_seconds{lane="close"}'] == 0
    state = state.exhausted(Kind.WEIGHT, NOW_MS)
    assert (await shown(probe))['quantum_rate_budget_wait_seconds{lane="close"}'] > 0
