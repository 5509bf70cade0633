"""The bridge's settings: what is refused, and that the shipped file says what the code does."""

from pathlib import Path

import pytest

from quantum_common.settings import LIVE_WORDS, SettingsError, load
from services.intent_bridge.settings import BridgeSettings

SHIPPED = Path(__file__).parents[3] / "etc" / "quantum"


def test_without_an_allowlist_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="INTENT_BRIDGE_ALLOWLIST: not set, and it has no default"):
        load(BridgeSettings, "intent-bridge", {"QUANTUM_CONFIG_DIR": str(tmp_path)})


def test_entries_without_an_edge_are_refused_where_the_money_is_real(tmp_path: Path) -> None:
    (tmp_path / "common.env").write_text(f"QUANTUM_LIVE_CONFIRM={LIVE_WORDS}\n", encoding="utf-8")
    wanted = {
        "QUANTUM_ENV": "live", "INTENT_BRIDGE_ALLOWLIST": "BTCUSDT", "INTENT_BRIDGE_REQUIRE_EDGE": "false",
        "QUANTUM_CONFIG_DIR": str(tmp_path),
    }  # fmt: skip
    with pytest.raises(SettingsError, match="INTENT_BRIDGE_REQUIRE_EDGE=false is refused while QUANTUM_ENV is live"):
        load(BridgeSettings, "intent-bridge", wanted)
    paper = load(BridgeSettings, "intent-bridge", wanted | {"QUANTUM_ENV": "paper", "QUANTUM_CONFIG_DIR": "absent"})
    assert not paper.limits.require_edge


def test_a_reservation_must_outlive_the_order_that_it_stands_for() -> None:
    wanted = {
        "QUANTUM_CONFIG_DIR": "absent", "INTENT_BRIDGE_ALLOWLIST": "BTCUSDT", "QUANTUM_RECV_WINDOW_MS": "9000",
        "QUANTUM_LEASE_MS": "9000",
    }  # fmt: skip
    with pytest.raises(SettingsError, match="INTENT_BRIDGE_SETTLE_MS must be at least QUANTUM_RECV_WINDOW_MS"):
        load(BridgeSettings, "intent-bridge", wanted)


def test_the_edge_asked_for_is_the_cost_times_its_factor() -> None:
    settings = load(
        BridgeSettings, "intent-bridge",
        {"QUANTUM_CONFIG_DIR": "absent", "INTENT_BRIDGE_ALLOWLIST": "btcusdt, ETHUSDT",
         "INTENT_BRIDGE_COST_BPS": "10", "INTENT_BRIDGE_EDGE_OVER_COST_MIN": "1.5"},
    )  # fmt: skip
    assert settings.limits.edge_bps_min == 15
    assert settings.limits.allowlist == {"BTCUSDT", "ETHUSDT"}


def test_the_shipped_file_names_every_key_with_its_default() -> None:
    defaults = {
        name.upper(): field.default for name, field in BridgeSettings.model_fields.items()
        if name.startswith("intent_bridge_")
    }  # fmt: skip
    written = dict(
        line.removeprefix("#").split("=", 1)
        for line in (SHIPPED / "intent-bridge.env").read_text().splitlines()
        if line.removeprefix("#").startswith("INTENT_BRIDGE_")
    )
    assert written.pop("INTENT_BRIDGE_ALLOWLIST")
    assert written == {
        name: str(value).lower() for name, value in defaults.items() if name != "INTENT_BRIDGE_ALLOWLIST"
    }
