import re
from pathlib import Path

import pytest

from quantum_common.settings import LIVE_WORDS, CommonSettings, SettingsError, load
from services.ai_engine.policy import ProfileName
from services.ai_engine.settings import AiSettings

ENV_FILE = Path(__file__).parents[3] / "etc" / "quantum" / "ai-engine.env"


def load_with(tmp_path: Path, **environ: str) -> AiSettings:
    return load(AiSettings, "ai-engine", {"QUANTUM_CONFIG_DIR": str(tmp_path)} | environ)


def test_explore_runs_on_the_paper_exchange(tmp_path: Path) -> None:
    found = load_with(tmp_path, AI_SYMBOLS="BTCUSDT", AI_PROFILE="explore")
    assert found.policy.profile is ProfileName.EXPLORE
    assert not found.policy.entry.edge_gate


@pytest.mark.parametrize("environment", ["testnet", "live"])
def test_explore_is_refused_outside_the_paper_exchange(tmp_path: Path, environment: str) -> None:
    if environment == "live":
        (tmp_path / "common.env").write_text(f"QUANTUM_LIVE_CONFIRM={LIVE_WORDS}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"AI_PROFILE=explore .* refused while QUANTUM_ENV is") as refused:
        load_with(tmp_path, AI_SYMBOLS="BTCUSDT", AI_PROFILE="explore", QUANTUM_ENV=environment)
    assert "\n" not in str(refused.value)


def test_the_cautious_profile_is_the_default(tmp_path: Path) -> None:
    assert load_with(tmp_path, AI_SYMBOLS="BTCUSDT").policy.entry.edge_gate


def test_a_missing_universe_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"AI_SYMBOLS: not set, .*comma-separated") as refused:
        load_with(tmp_path)
    assert "\n" not in str(refused.value)


def test_an_interval_that_is_not_served_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="AI_DECISION_INTERVAL=5m"):
        load_with(tmp_path, AI_SYMBOLS="BTCUSDT", AI_DECISION_INTERVAL="5m")


def test_the_env_file_documents_every_key_with_its_default() -> None:
    text = ENV_FILE.read_text(encoding="utf-8")
    shown = dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", text, re.MULTILINE))
    own = {name: field for name, field in AiSettings.model_fields.items() if name not in CommonSettings.model_fields}
    assert shown.keys() == {name.upper() for name in own} | {"QUANTUM_METRICS_PORT"}
    defaults = {name.upper(): str(field.default or "") for name, field in own.items() if not field.is_required()}
    assert {key: value for key, value in shown.items() if key in defaults} == defaults


def test_the_env_file_as_it_stands_sets_nothing_but_the_universe_and_the_port_of_the_metrics(tmp_path: Path) -> None:
    (tmp_path / "ai-engine.env").write_text(ENV_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_with(tmp_path, AI_SYMBOLS="BTCUSDT") == AiSettings.model_validate(
        {"ai_symbols": "BTCUSDT", "quantum_metrics_port": 8041}
    )
