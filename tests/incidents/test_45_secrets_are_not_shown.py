"""Incident 45: API keys in the repository."""

import re
from pathlib import Path

import pytest

from quantum_common.settings import CommonSettings, SettingsError, read_secret, shown

ROOT = Path(__file__).resolve().parents[2]


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * 64)
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_secret(file, "QUANTUM_API_KEY_FILE")


def test_what_is_logged_at_the_start_has_paths_and_no_secrets(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("hunter2")
    file.chmod(0o600)
    settings = CommonSettings(
        quantum_api_key_file=file, quantum_api_secret_file=file, quantum_redis_url="redis://u:hunter2@127.0.0.1:1"
    )
    assert "hunter2" not in str(shown(settings))
    assert "hunter2" not in repr(read_secret(file, "KEY"))


def test_no_env_file_of_ours_has_a_key_for_a_secret_itself() -> None:
    for file in (ROOT / "etc" / "quantum").glob("*.env"):
        for line in file.read_text(encoding="utf-8").splitlines():
            key, _, value = line.lstrip("#").partition("=")
            if re.fullmatch(r"[A-Z0-9_]*(KEY|SECRET|PASSWORD)", key):
                raise AssertionError(f"{file.name}: {key}={value}: a secret belongs in a file of its own")
