"""Settings: every complaint names file, line and key; the environment wins; secrets are kept secret."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import Field

from quantum_common import settings as module
from quantum_common.settings import (
    CommonSettings,
    Environment,
    SettingsError,
    Symbols,
    config_dir,
    credentials,
    load,
    read_secret,
    shown,
    without_password,
)


class Example(CommonSettings):
    """Settings of a service in a test."""

    example_allowlist: Symbols = Field(description="what may be traded")
    example_size: Decimal = Field(Decimal(1), gt=0, description="size in USDT")
    example_count: int = Field(3, ge=1, description="how many")


def loaded(folder: Path, own: str = "EXAMPLE_ALLOWLIST=BTCUSDT\n", common: str = "", **environ: str) -> Example:
    (folder / "example.env").write_text(own, encoding="utf-8")
    (folder / "common.env").write_text(common, encoding="utf-8")
    return load(Example, "example", {"QUANTUM_CONFIG_DIR": str(folder), **environ})


def refused(folder: Path, own: str = "EXAMPLE_ALLOWLIST=BTCUSDT\n", common: str = "", **environ: str) -> str:
    with pytest.raises(SettingsError) as error:
        loaded(folder, own, common, **environ)
    text = str(error.value)
    assert "\n" not in text
    return text.replace(str(folder), "DIR")


def refused_as_it_stands(folder: Path) -> str:
    with pytest.raises(SettingsError) as error:
        load(Example, "example", {"QUANTUM_CONFIG_DIR": str(folder)})
    return str(error.value).replace(str(folder), "DIR")


def test_common_own_file_and_environment_are_read_in_that_order(tmp_path: Path) -> None:
    own = "EXAMPLE_ALLOWLIST=BTCUSDT\nQUANTUM_LOG_LEVEL=warning\nEXAMPLE_COUNT=5\n"
    values = loaded(tmp_path, own, "QUANTUM_LOG_LEVEL=error\nQUANTUM_KEY_PREFIX=quantum:{2}\n", EXAMPLE_COUNT="7")
    assert (values.quantum_log_level, values.quantum_key_prefix, values.example_count) == ("warning", "quantum:{2}", 7)


def test_an_empty_environment_variable_or_file_value_means_not_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, "EXAMPLE_ALLOWLIST=BTCUSDT\nEXAMPLE_COUNT=\n", EXAMPLE_COUNT="").example_count == 3


def test_a_missing_file_is_only_empty(tmp_path: Path) -> None:
    values = load(Example, "example", {"QUANTUM_CONFIG_DIR": str(tmp_path), "EXAMPLE_ALLOWLIST": "ethusdt"})
    assert values.example_allowlist == ("ETHUSDT",)


@pytest.mark.parametrize(
    "line",
    ['EXAMPLE_ALLOWLIST="BTCUSDT,ETHUSDT"', "EXAMPLE_ALLOWLIST='BTCUSDT, ETHUSDT'  # both",
     "export EXAMPLE_ALLOWLIST=BTCUSDT,ETHUSDT", "EXAMPLE_ALLOWLIST = btcusdt,ETHUSDT,BTCUSDT # a comment"],
)  # fmt: skip
def test_quotes_comments_and_spaces_are_no_part_of_a_value(tmp_path: Path, line: str) -> None:
    assert loaded(tmp_path, f"# first\n\n{line}\n").example_allowlist == ("BTCUSDT", "ETHUSDT")


def test_an_unknown_key_is_refused_with_file_line_and_the_nearest_known_key(tmp_path: Path) -> None:
    own = "# a comment\n\nEXAMPLE_ALLOWLIST=BTCUSDT\n\n\nEXAMPLE_CUONT=2\n"
    assert refused(tmp_path, own) == "DIR/example.env:6: EXAMPLE_CUONT: unknown key; did you mean EXAMPLE_COUNT?"


def test_an_unknown_key_that_is_like_none_is_to_be_removed(tmp_path: Path) -> None:
    assert refused(tmp_path, common="ZZZ=1\n") == "DIR/common.env:1: ZZZ: unknown key; remove it"


def test_a_key_set_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    text = refused(tmp_path, "EXAMPLE_COUNT=1\nEXAMPLE_ALLOWLIST=BTCUSDT\nEXAMPLE_COUNT=2\n")
    assert text == "DIR/example.env:3: EXAMPLE_COUNT: set twice, first at DIR/example.env:1"


@pytest.mark.parametrize("line", ["nonsense without equals", "EXAMPLE_COUNT", 'EXAMPLE_COUNT="1'])
def test_a_line_that_is_no_setting_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    assert refused(tmp_path, f"EXAMPLE_ALLOWLIST=BTCUSDT\n{line}\n").startswith(
        f"DIR/example.env:2: not KEY=VALUE: {line!r}"
    )


def test_a_value_out_of_type_names_file_line_key_value_and_meaning(tmp_path: Path) -> None:
    text = refused(tmp_path, "EXAMPLE_ALLOWLIST=BTCUSDT\nEXAMPLE_COUNT=0.5\n")
    assert text.startswith("DIR/example.env:2: EXAMPLE_COUNT=0.5: must be a whole number (")
    assert text.endswith("(how many)")


def test_a_value_of_the_environment_out_of_range_says_so(tmp_path: Path) -> None:
    text = refused(tmp_path, EXAMPLE_COUNT="0")
    assert text.startswith("environment: EXAMPLE_COUNT=0: must be at least 1 (how many)")


def test_a_setting_without_default_must_be_given(tmp_path: Path) -> None:
    expected = "settings: EXAMPLE_ALLOWLIST: not set, and it has no default (what may be traded)"
    assert refused(tmp_path, "") == expected
    assert refused(tmp_path, "EXAMPLE_ALLOWLIST=\n") == expected


@pytest.mark.parametrize("names", ["BTCUSDT,", ",", "BTC USDT", "BTC-USDT", "B"])
def test_a_list_of_symbols_has_no_empty_or_strange_parts(tmp_path: Path, names: str) -> None:
    text = refused(tmp_path, f"EXAMPLE_ALLOWLIST={names}\n")
    assert text.startswith(f"DIR/example.env:1: EXAMPLE_ALLOWLIST={names}: ")
    assert "comma-separated" in text
    assert "pattern" not in text


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "common.env").write_bytes(b"\xff\xfe")
    assert refused_as_it_stands(tmp_path) == "DIR/common.env: cannot be read: it is not UTF-8 text"


def test_a_folder_in_the_place_of_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "example.env").mkdir()
    assert refused_as_it_stands(tmp_path) == "DIR/example.env: cannot be read: Is a directory"


def test_a_rule_over_several_keys_is_told_where_the_first_of_them_stands(tmp_path: Path) -> None:
    assert refused(tmp_path, common="# a comment\nQUANTUM_ENV=live\n").startswith(
        "DIR/common.env:2: QUANTUM_ENV is live, and QUANTUM_LIVE_CONFIRM does not"
    )


@pytest.mark.parametrize("host", ["http://127.0.0.1:9001", "http://localhost:9001", "http://[::1]:9001"])
def test_a_paper_address_on_loopback_is_taken(tmp_path: Path, host: str) -> None:
    assert loaded(tmp_path, QUANTUM_PAPER_URL=host).quantum_paper_url == host


@pytest.mark.parametrize(
    "url",
    ["https://fapi.binance.com", "http://10.0.0.1:9001", "http://127.0.0.1:80@fapi.binance.com",
     "http://localhost.example.com:80", "http://127.0.0.1.example.com:9001", "ws://127.0.0.1:9001"],
)  # fmt: skip
def test_a_paper_address_elsewhere_is_refused(tmp_path: Path, url: str) -> None:
    expected = "environment: QUANTUM_PAPER_URL must be on loopback while QUANTUM_ENV is paper"
    assert refused(tmp_path, QUANTUM_PAPER_URL=url) == expected
    assert loaded(tmp_path, QUANTUM_PAPER_URL=url, QUANTUM_ENV="testnet").quantum_env is Environment.TESTNET


@pytest.mark.parametrize("url", ["127.0.0.1:9001", "localhost:9001"])
def test_a_paper_address_without_its_scheme_says_so(tmp_path: Path, url: str) -> None:
    assert refused(tmp_path, QUANTUM_PAPER_URL=url) == f"environment: QUANTUM_PAPER_URL lacks http:// before {url}"


def test_every_environment_names_its_snapshots() -> None:
    assert [one.source for one in Environment] == ["paper", "binance_testnet", "binance"]


def test_the_folder_is_etc_quantum_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_dir({}) == Path("/etc/quantum")
    monkeypatch.setenv("QUANTUM_CONFIG_DIR", "/elsewhere")
    assert config_dir() == Path("/elsewhere")


def test_settings_are_taken_from_the_process_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTUM_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("EXAMPLE_ALLOWLIST", "BTCUSDT")
    assert load(Example, "example").example_allowlist == ("BTCUSDT",)


def secret(folder: Path, content: bytes = b"key\n", mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_secret_is_read_from_its_file_and_not_shown(tmp_path: Path) -> None:
    value = read_secret(secret(tmp_path), "KEY")
    assert value.get_secret_value() == "key"
    assert "key" not in repr(value)


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [(b"key", 0o640, "others can read it; chmod 600"), (b"key", 0o604, "others can read it"),
     (b" \n", 0o600, "is empty"), (b"\xff\xfe", 0o600, "is not text")],
)  # fmt: skip
def test_a_secret_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes, mode: int, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as refusal:
        read_secret(secret(tmp_path, content, mode), "KEY")
    assert str(refusal.value).startswith(f"settings: KEY={tmp_path}/secret: ")


def test_a_secret_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_secret(tmp_path / "none", "KEY")
    with pytest.raises(SettingsError, match="KEY: not set; give the path"):
        read_secret(None, "KEY")


def test_credentials_are_the_key_and_the_secret(tmp_path: Path) -> None:
    path = secret(tmp_path)
    values = loaded(tmp_path, QUANTUM_API_KEY_FILE=str(path), QUANTUM_API_SECRET_FILE=str(path))
    assert [one.get_secret_value() for one in credentials(values)] == ["key", "key"]


def test_what_is_shown_at_the_start_has_no_password(tmp_path: Path) -> None:
    values = loaded(tmp_path, QUANTUM_REDIS_URL="redis://me:hunter2@127.0.0.1:6379/0")
    assert shown(values)["QUANTUM_REDIS_URL"] == "redis://me:***@127.0.0.1:6379/0"
    assert "hunter2" not in str(shown(values))
    assert shown(loaded(tmp_path))["EXAMPLE_COUNT"] == "3"
    assert without_password("unix:///run/redis.sock") == "unix:///run/redis.sock"


def test_the_exit_status_of_a_setting_to_mend_is_that_of_sysexits() -> None:
    assert module.EXIT_CONFIG == 78
