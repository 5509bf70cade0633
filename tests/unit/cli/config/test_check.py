"""`quantum config check`: every mistake is found in one run, at its file and line, with what to do."""

import json
import logging
import os
import re
import stat
from pathlib import Path

import pytest
import structlog

from quantum_common.settings import LIVE_WORDS
from services.ai_engine.model_files import save_model
from services.cli.complaint import Complaint
from services.cli.config import check
from services.cli.config.edit import HALF
from services.cli.config.finding import Level, errors, in_order
from services.cli.config.folder import read_folder
from services.cli.config.place import config_folder
from tests.unit.ai_engine import given_model
from tests.unit.cli.config.given import add, found, put, sound_folder, told

MANY = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,BNBUSDT,ADAUSDT,AVAXUSDT,LINKUSDT,LTCUSDT,BCHUSDT,SUIUSDT,XLMUSDT"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sound_folder(tmp_path)


def test_the_shipped_files_with_keys_beside_them_have_nothing_wrong(folder: Path) -> None:
    assert told(folder) == set()


def test_every_kind_of_wrong_key_is_found_at_its_line(folder: Path) -> None:
    first = add(
        folder, "governor.env", "GOV_HEAT_MAXX=0.1", "P33_QUIET_MS=5", "P33_QIET_MS=5", "nonsense", "ZZZ=1",
        "GOV_HEAT_MAX=0.05", "GOV_HEAT_MAX=0.06", f"QUANTUM_LIVE_CONFIRM={LIVE_WORDS}",
    )  # fmt: skip
    said = told(folder)
    assert {line for line in said if line.startswith("governor.env")} == {
        f"governor.env:{first}: error: GOV_HEAT_MAXX: unknown key; did you mean GOV_HEAT_MAX?",
        (
            f"governor.env:{first + 1}: error: P33_QUIET_MS: is a key of position-state-brain.env, and here "
            "nothing reads it; move it to position-state-brain.env"
        ),
        (
            f"governor.env:{first + 2}: error: P33_QIET_MS: unknown key; did you mean P33_QUIET_MS of "
            "position-state-brain.env?"
        ),
        f"governor.env:{first + 3}: error: not KEY=VALUE: 'nonsense'; write KEY=VALUE, or begin the line with #",
        f"governor.env:{first + 4}: error: ZZZ: unknown key; remove it",
        f"governor.env:{first + 6}: error: GOV_HEAT_MAX: set twice, first at line {first + 5}; keep one of them",
        f"governor.env:{first + 7}: error: QUANTUM_LIVE_CONFIRM: is taken from common.env alone; move it there",
        f"governor.env:{first + 7}: error: QUANTUM_LIVE_CONFIRM: is set while QUANTUM_ENV is paper; take it out",
    }


def test_a_file_that_nobody_reads_is_named_with_the_one_that_was_meant(folder: Path) -> None:
    (folder / "governer.env").write_text("GOV_HEAT_MAX=1\n", encoding="utf-8")
    (folder / "zebra.env").write_text("", encoding="utf-8")
    rest = "warning: nothing reads this file; its keys are not in force"
    assert told(folder) == {f"governer.env: {rest}; did you mean governor.env?", f"zebra.env: {rest}; remove it"}


def test_types_ranges_and_what_is_missing_are_found_in_every_file_at_once(folder: Path) -> None:
    common = add(folder, "common.env", "QUANTUM_RECV_WINDOW_MS=fast", "QUANTUM_LOG_LEVEL=loud")
    bridge = add(folder, "intent-bridge.env", "INTENT_BRIDGE_POSITIONS_MAX=0")
    put(folder, "position-state-brain.env", "P33_ALLOWLIST", "")
    said = {line.partition("; it is")[0] for line in told(folder)}
    assert said == {
        f"common.env:{common}: error: QUANTUM_RECV_WINDOW_MS: fast: must be a whole number",
        f"common.env:{common + 1}: error: QUANTUM_LOG_LEVEL: loud: must be 'debug', 'info', 'warning' or 'error'",
        f"intent-bridge.env:{bridge}: error: INTENT_BRIDGE_POSITIONS_MAX: 0: must be at least 1",
        "position-state-brain.env: error: P33_ALLOWLIST: not set, and it has no default",
    }


def test_a_rule_over_two_keys_is_told_once_at_the_key_that_breaks_it(folder: Path) -> None:
    line = add(folder, "common.env", "QUANTUM_PAPER_URL=http://10.0.0.1:9001")
    assert told(folder) == {
        f"common.env:{line}: error: QUANTUM_PAPER_URL: must be on loopback while QUANTUM_ENV is paper"
    }


def test_live_without_its_confirmation_is_an_error_where_live_stands(folder: Path) -> None:
    line = put(folder, "common.env", "QUANTUM_ENV", "live")
    wrong = [one for one in told(folder) if "does not confirm it" in one]
    assert [one.split(" ")[0] for one in wrong] == [f"common.env:{line}:"]


def test_lists_that_differ_say_which_symbol_is_missing_where_and_what_that_comes_to(folder: Path) -> None:
    line = put(folder, "position-state-brain.env", "P33_ALLOWLIST", MANY.removesuffix(",XLMUSDT"))
    assert told(folder) == {
        (
            f"position-state-brain.env:{line}: error: P33_ALLOWLIST: lacks XLMUSDT, which INTENT_BRIDGE_ALLOWLIST and "
            "INTENT_EXECUTOR_ALLOWLIST have: entries end at p33_symbol_not_in_allowlist; quantum allowlist "
            "add XLMUSDT, or remove XLMUSDT"
        )
    }


def test_the_engine_s_symbols_outside_the_allowlists_and_the_other_way_round_are_warnings(folder: Path) -> None:
    line = put(folder, "ai-engine.env", "AI_SYMBOLS", MANY.replace("BTCUSDT", "WAVESUSDT"))
    assert told(folder) == {
        (
            f"ai-engine.env:{line}: warning: AI_SYMBOLS: has WAVESUSDT, which no allowlist has: close-only; "
            "quantum allowlist add WAVESUSDT, or take out here"
        ),
        (
            f"ai-engine.env:{line}: warning: AI_SYMBOLS: lacks BTCUSDT, which an allowlist has: nothing ever wishes "
            "for them; add here, or quantum allowlist remove BTCUSDT"
        ),
    }


def test_a_mistake_elsewhere_does_not_hide_what_services_disagree_on(folder: Path) -> None:
    add(folder, "common.env", "QUANTUM_LEASE_MS=soon", "QUANTUM_PAPER_URL=http://10.0.0.1:1")
    put(folder, "position-state-brain.env", "P33_ALLOWLIST", "BTCUSDT")
    assert sum("P33_ALLOWLIST: lacks" in line for line in told(folder)) == 1


def test_many_missing_symbols_are_one_line_a_list_with_who_has_them(folder: Path) -> None:
    put(folder, "position-state-brain.env", "P33_ALLOWLIST", "BTCUSDT,ETHUSDT")
    put(folder, "intent-executor.env", "INTENT_EXECUTOR_ALLOWLIST", "BTCUSDT,SOLUSDT")
    put(folder, "intent-bridge.env", "INTENT_BRIDGE_ALLOWLIST", "BTCUSDT,SOLUSDT,XRPUSDT")
    put(folder, "ai-engine.env", "AI_SYMBOLS", "BTCUSDT")
    said = {line.split(" ", 3)[2]: line.split(" ", 3)[3] for line in told(folder)}
    assert said == {
        "P33_ALLOWLIST:": "lacks SOLUSDT, which INTENT_BRIDGE_ALLOWLIST and INTENT_EXECUTOR_ALLOWLIST have; XRPUSDT, "
        "which INTENT_BRIDGE_ALLOWLIST has: entries end at p33_symbol_not_in_allowlist; quantum allowlist add "
        "SOLUSDT XRPUSDT, or remove SOLUSDT XRPUSDT",
        "INTENT_EXECUTOR_ALLOWLIST:": "lacks XRPUSDT, which INTENT_BRIDGE_ALLOWLIST has; ETHUSDT, which P33_ALLOWLIST "
        "has: entries end at executor_symbol_not_in_allowlist; quantum allowlist add XRPUSDT ETHUSDT, or remove "
        "XRPUSDT ETHUSDT",
        "INTENT_BRIDGE_ALLOWLIST:": "lacks ETHUSDT, which P33_ALLOWLIST has: entries end at symbol_not_in_allowlist; "
        "quantum allowlist add ETHUSDT, or remove ETHUSDT",
        "AI_SYMBOLS:": "lacks SOLUSDT, XRPUSDT, ETHUSDT, which an allowlist has: nothing ever wishes for them; add "
        "here, or quantum allowlist remove SOLUSDT XRPUSDT ETHUSDT",
    }


def test_a_service_of_another_exchange_or_shard_than_the_rest_is_found(folder: Path) -> None:
    line = add(folder, "governor.env", "QUANTUM_KEY_PREFIX=quantum:{1}", "QUANTUM_ENV=testnet")
    assert told(folder) == {
        (
            f"governor.env:{line}: error: QUANTUM_KEY_PREFIX: is quantum:{{1}} for governor, and quantum for the "
            "others; set it in common.env alone"
        ),
        (
            f"governor.env:{line + 1}: error: QUANTUM_ENV: is testnet for governor, and paper for the others; "
            "set it in common.env alone"
        ),
    }


def test_snapshots_that_come_too_rarely_for_those_who_read_them_are_found(folder: Path) -> None:
    add(folder, "position-state-brain.env", "P33_SNAPSHOT_EVERY_MS=6000")
    said = told(folder)
    assert {line.split(": ")[2] for line in said} == {"INTENT_BRIDGE_SNAPSHOT_AGE_MS_MAX", "P33_STALE_AFTER_MS"}
    assert all(": warning: " in line for line in said)


def test_a_formula_that_has_no_value_somewhere_is_found(folder: Path) -> None:
    line = add(folder, "governor.env", "GOV_Z_CUTOFF_EXIT=1 / (max_heat - portfolio_heat)")
    [said] = told(folder)
    assert said.startswith(f"governor.env:{line}: error: GOV_Z_CUTOFF_EXIT: undefined with portfolio_heat 0.06")
    assert said.endswith("; quantum governor check shows all")


def test_a_formula_that_cannot_be_read_is_found_and_does_not_end_the_check(folder: Path) -> None:
    line = add(folder, "governor.env", "GOV_Z_CUTOFF_EXIT=2 +", "GOV_HEAT_MAX=7")
    assert {one.line for one in found(folder)} == {line, line + 1}


def test_a_model_that_the_engine_would_refuse_is_found_at_its_line(folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    line = add(folder, "ai-engine.env", f"AI_MODEL_DIR={model}")
    [one] = found(folder)
    assert (one.path.name, one.line, one.key) == ("ai-engine.env", line, "AI_MODEL_DIR")
    save_model(model, given_model.fitted(), given_model.card(symbols=("BTCUSDT",), expires_ms=4_000_000_000_000))
    [one] = found(folder)
    assert (one.level, one.line) == (Level.WARNING, line)
    assert "does not know these symbols" in one.problem
    for name in model.iterdir():
        name.write_bytes(name.read_bytes() + b" ")
    [one] = found(folder)
    assert str(model) in one.problem


def test_what_is_said_of_a_model_is_found_whatever_this_process_logs_elsewhere(folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    add(folder, "ai-engine.env", f"AI_MODEL_DIR={model}")
    save_model(model, given_model.fitted(), given_model.card(symbols=("BTCUSDT",), expires_ms=4_000_000_000_000))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        [one] = found(folder)
    finally:
        structlog.reset_defaults()
    assert "does not know these symbols" in one.problem


def test_keys_that_are_missing_open_empty_or_the_same_are_found(folder: Path) -> None:
    (folder / "api-secret").unlink()
    (folder / "api-key").chmod(0o644)
    assert told(folder) == {
        (
            "common.env: error: QUANTUM_API_KEY_FILE: api-key has mode 0644: others can read it; chmod 600 api-key; "
            "replace what it holds, if others were here"
        ),
        (
            "common.env: error: QUANTUM_API_SECRET_FILE: not set, and api-secret, which the units load, is not "
            "there; give the path of a file with mode 0600"
        ),
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"\n", "is empty"), (b"\xff\xfe", "is not plain text"), (b"k" * 64, "does not hold a key of the paper exchange")],
)
def test_a_key_that_cannot_be_used_is_found(folder: Path, content: bytes, problem: str) -> None:
    (folder / "api-key").write_bytes(content)
    assert any(problem in str(one) for one in found(folder))
    assert errors(found(folder)) >= 1


def test_a_paper_key_beside_a_real_exchange_is_found(folder: Path) -> None:
    put(folder, "common.env", "QUANTUM_ENV", "testnet")
    assert any("holds a key of the paper exchange, but QUANTUM_ENV is testnet" in line for line in told(folder))


def test_a_key_named_by_a_setting_is_the_one_that_is_looked_at(folder: Path) -> None:
    line = add(
        folder, "common.env", f"QUANTUM_API_KEY_FILE={folder}/absent", f"QUANTUM_API_SECRET_FILE={folder}/absent"
    )
    assert {one.line for one in found(folder)} == {line, line + 1}
    assert any("is the file of the key too" in str(one) for one in found(folder))


def test_a_password_file_that_others_can_read_is_found_for_the_service_whose_it_is(folder: Path) -> None:
    path = folder / "governor.password"
    path.write_text("hunter2\n", encoding="utf-8")
    path.chmod(0o640)
    line = add(folder, "governor.env", f"QUANTUM_REDIS_PASSWORD_FILE={path}")
    [one] = found(folder)
    assert (one.path.name, one.line, one.key) == ("governor.env", line, "QUANTUM_REDIS_PASSWORD_FILE")
    assert "hunter2" not in str(one)


def test_an_env_file_that_others_can_write_is_found(folder: Path) -> None:
    (folder / "cli.env").chmod(0o666)
    (folder / "governor.env").chmod(0o664)
    assert {line.partition(";")[0] for line in told(folder)} == {
        "cli.env: error: mode 0666: everybody can write it", "governor.env: error: mode 0664: its group can write it",
    }  # fmt: skip


def test_a_file_of_somebody_else_is_a_warning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(folder / "api-key", 12_345, -1)
    assert {str(one.level) for one in found(folder)} == {Level.WARNING}
    assert any("belongs to user 12345" in line for line in told(folder))
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert not any("belongs to" in line for line in told(folder))


def test_what_may_not_be_looked_at_is_said_and_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    assert {str(one.level) for one in found(folder)} == {Level.WARNING}
    assert any("cannot be looked at as" in line for line in told(folder))


def test_a_change_of_several_files_that_was_cut_off_is_found(folder: Path) -> None:
    (folder / f"intent-bridge.env{HALF}").write_text("", encoding="utf-8")
    [line] = told(folder)
    assert line.startswith(f"intent-bridge.env{HALF}: error: a change of several files was cut off here")


def test_findings_are_told_once_by_file_and_line_with_a_sum(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(folder, "common.env", "QUANTUM_LEASE_MS=soon")
    add(folder, "cli.env", "QUANTUM_LEASE_MS=later")
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.env")]
    keys = sum(len(re.findall(r"^[A-Z0-9_]+=", text, re.MULTILINE)) for text in texts)
    assert check.run_check(folder, offline=True, as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].rpartition("/")[2] for line in lines[:2]] == ["cli.env", "common.env"]
    assert lines[2] == f"{folder}: {len(texts)} files, {keys} keys, 12 symbols: 2 errors"
    assert lines[3] == "the exchange and Redis were not asked (--offline)"


def test_a_sound_folder_ends_with_0_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert check.run_check(folder, offline=True, as_json=False) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_the_findings_as_json_have_a_field_for_each_part(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = add(folder, "governor.env", "GOV_HEAT_MAXX=1")
    assert check.run_check(folder, offline=True, as_json=True) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer == {
        "folder": str(folder), "ok": False,
        "findings": [{
            "level": "error", "file": f"{folder}/governor.env", "line": line, "key": "GOV_HEAT_MAXX",
            "problem": "unknown key", "remedy": "did you mean GOV_HEAT_MAX?",
        }],
    }  # fmt: skip


def test_warnings_alone_are_no_bad_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(folder, "position-state-brain.env", "P33_SNAPSHOT_EVERY_MS=6000")
    assert check.run_check(folder, offline=True, as_json=False) == 0
    assert capsys.readouterr().out.splitlines()[-2].endswith("2 warnings")


@pytest.mark.parametrize("spoil", ["none", "empty", "unreadable"])
def test_a_folder_that_cannot_be_read_is_one_line_and_78(tmp_path: Path, spoil: str) -> None:
    place = tmp_path / "quantum"
    if spoil != "none":
        place.mkdir()
    if spoil == "unreadable":
        (place / "common.env").write_bytes(b"\xff\xfe")
    with pytest.raises(Complaint) as complaint:
        read_folder(config_folder("config check", place))
    assert complaint.value.status == 78
    assert str(complaint.value).startswith(str(place))


def test_a_run_s_folder_stands_for_the_env_files_in_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    folder.rename(tmp_path / "run" / "etc")
    assert config_folder("config check", tmp_path / "run") == tmp_path / "run" / "etc"


def test_the_folder_of_the_environment_comes_before_a_running_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTUM_CONFIG_DIR", "/elsewhere")
    assert config_folder("config check", None) == Path("/elsewhere")


def test_the_same_finding_is_told_once(folder: Path) -> None:
    (folder / "cli.env").chmod(stat.S_IRUSR | stat.S_IWOTH)
    once = found(folder)
    assert in_order(once + once) == in_order(once)
