from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from quantum_common.log import setup
from quantum_common.settings import SettingsError
from quantum_common.state import ModelStatus
from services.ai_engine.ensemble import Ensemble
from services.ai_engine.intake import Intake, Universe
from services.ai_engine.mind import mind_of, universe_of
from services.ai_engine.model_files import save_model
from services.ai_engine.settings import AiSettings
from services.ai_engine.wiring import trained_model
from tests.unit.ai_engine import given
from tests.unit.ai_engine.given_model import DAY_MS, TRAINED_MS, card, ensemble, fitted


def saved(folder: Path, **changed: Any) -> AiSettings:
    """Settings that name a model in a folder; what is changed is of its card."""
    save_model(folder / "model", fitted(), card(**changed))
    return given.settings(ai_profile="trade", ai_model_dir=folder / "model")


def loaded(settings: AiSettings, now_ms: int = TRAINED_MS) -> Ensemble | None:
    return trained_model(settings, now_ms, setup("info", "test"))


def test_the_profile_and_the_model_decide_who_decides() -> None:
    explore = mind_of(given.settings(ai_profile="explore"), None)
    assert (explore.model.name, explore.fitness.status, explore.care) == ("momentum", ModelStatus.OK, None)
    nothing = mind_of(given.settings(ai_profile="trade"), None)
    assert (nothing.model.name, nothing.fitness.status, nothing.care) == ("none", ModelStatus.NONE, None)
    assert nothing.model.predict(given.features()) is None
    trained = mind_of(given.settings(ai_profile="trade"), ensemble())
    assert (trained.model.name, trained.fitness.status) == ("ensemble", ModelStatus.OK)
    assert trained.care is not None
    assert trained.policy.entry.horizon_bars == trained.policy.exit.time_stop_bars == 240
    assert trained.policy.sizing.smallest_only, "its card does not say that it pays"


@pytest.mark.parametrize(("pays", "cost_bps", "fee_bps", "smallest"), [
    (True, 12.0, 5, False),  # judged at what the settings say
    (True, 12.0, 4, False),  # and at more than that
    (True, 10.0, 5, True),  # at less: it was never shown to pay these
    (False, 12.0, 5, True),
])  # fmt: skip
def test_a_model_that_paid_only_at_lower_costs_does_not_pay(
    pays: bool, cost_bps: float, fee_bps: int, smallest: bool
) -> None:
    settings = given.settings(ai_profile="trade", ai_taker_fee_bps=Decimal(fee_bps), ai_slippage_bps=Decimal(1))
    one = ensemble()
    found = mind_of(settings, replace(one, card=one.card.model_copy(update={"pays": pays, "cost_bps": cost_bps})))
    assert found.policy.sizing.smallest_only is smallest
    assert found.care is not None
    assert found.care.card.pays is not smallest


def test_a_change_of_any_number_makes_another_version() -> None:
    one, other = (
        mind_of(given.settings(ai_profile="trade", ai_edge_margin_bps=Decimal(bps)), ensemble()).model.version
        for bps in (2, 3)
    )
    assert one != other


def test_exploring_decides_every_minute_and_trading_at_the_model_s_interval() -> None:
    explore, trade = (mind_of(given.settings(ai_profile=profile), None).policy for profile in ("explore", "trade"))
    assert (explore.decision_ms, trade.decision_ms) == (given.MINUTE_MS, 15 * given.MINUTE_MS)


def test_a_model_needs_its_leader_and_a_past() -> None:
    settings = given.settings(ai_symbols="SOLUSDT,ETHUSDT", ai_profile="trade")
    plain, trained = universe_of(settings, None), universe_of(settings, ensemble())
    assert (plain.followed, plain.history_bars) == (("SOLUSDT", "ETHUSDT"), 1000)
    assert trained.followed == ("BTCUSDT", "SOLUSDT", "ETHUSDT"), "the leader's past is read first"
    assert trained.symbols == ("SOLUSDT", "ETHUSDT")
    assert trained.history_bars == 1441 + 240 + 9 * 1440


def test_the_leader_is_looked_at_and_never_due() -> None:
    universe = Universe(("ETHUSDT",), 300, 3, trained=True, leader="BTCUSDT")
    taken = Intake(universe, given.policy()).take(
        [given.bar(0), replace(given.bar(0), symbol="ETHUSDT"), replace(given.bar(0), symbol="OTHER")], 1
    )
    assert taken.due.keys() == {"ETHUSDT"}
    assert taken.count == 2


def test_inputs_are_made_for_a_trained_model_alone() -> None:
    for trained in (True, False):
        universe = Universe((given.SYMBOL,), 300, 3, trained=trained)
        taken = Intake(universe, given.policy()).take(given.walk(1500, seed=2), 1)
        assert bool(taken.decisions) is trained


def test_a_sound_model_is_taken(tmp_path: Path) -> None:
    model = loaded(saved(tmp_path))
    assert model is not None
    assert model.card.symbols == ("BTCUSDT", "ETHUSDT")
    assert loaded(given.settings(ai_profile="trade")) is None


def test_symbols_that_a_model_does_not_know_are_named(tmp_path: Path) -> None:
    settings = saved(tmp_path).model_copy(update={"ai_symbols": ("BTCUSDT", "SOLUSDT", "ADAUSDT")})
    log = setup("info", "test")
    with capture_logs() as logs:
        assert trained_model(settings, TRAINED_MS, log) is not None
    assert [one["symbols"] for one in logs] == ["ADAUSDT,SOLUSDT"]


@pytest.mark.parametrize(
    ("changed", "settings", "now_ms", "complaint"),
    [
        ({}, {}, TRAINED_MS + 31 * DAY_MS, r"card\.json: expired 1\.0 days ago"),
        ({}, {"ai_model_age_days_max": 3}, TRAINED_MS + 4 * DAY_MS, "too old since 1.0 days by AI_MODEL_AGE_DAYS_MAX"),
        ({"decision_ms": 3_600_000}, {}, TRAINED_MS, "decides every 60 minutes, and AI_DECISION_INTERVAL is 15m"),
        ({"symbols": ("XRPUSDT",)}, {}, TRAINED_MS, "knows none of AI_SYMBOLS"),
        ({"inputs_hash": "0" * 16}, {}, TRAINED_MS, "its inputs"),
    ],
)
def test_a_model_that_must_not_be_used_is_refused_in_one_line(
    tmp_path: Path, changed: dict[str, Any], settings: dict[str, Any], now_ms: int, complaint: str
) -> None:
    told = saved(tmp_path, **changed).model_copy(update=settings)
    with pytest.raises(SettingsError, match=complaint) as refused:
        loaded(told, now_ms)
    assert str(refused.value).startswith("settings: AI_MODEL_DIR: ")
    assert "\n" not in str(refused.value)


def test_a_corrupt_model_is_refused(tmp_path: Path) -> None:
    settings = saved(tmp_path)
    file = tmp_path / "model" / "model.json"
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(SettingsError, match="does not match its checksum"):
        loaded(settings)


def test_a_model_is_for_the_profile_trade(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="AI_MODEL_DIR is not used while AI_PROFILE=explore"):
        given.settings(ai_profile="explore", ai_model_dir=tmp_path)
