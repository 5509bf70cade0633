"""The env files of a run: what was shipped, with this run's keys set, and an environment that cannot pull it apart."""

from pathlib import Path

from quantum_common.settings import CommonSettings, Environment, load, read_secret
from services.cli.env_files import FILES, OURS, child_environment, write_env_files, write_secret


def test_the_shipped_files_with_a_runs_keys_are_what_a_service_loads(tmp_path: Path) -> None:
    write_env_files(tmp_path, {"common": {"QUANTUM_REDIS_URL": "unix:///tmp/a.sock", "QUANTUM_ENV": "paper"}})
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.env" for name in FILES}
    settings = load(CommonSettings, "up", {"QUANTUM_CONFIG_DIR": str(tmp_path)})
    assert settings.quantum_redis_url == "unix:///tmp/a.sock"
    assert settings.quantum_env is Environment.PAPER


def test_a_secret_is_readable_by_us_alone_and_can_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")
    path.chmod(0o644)
    assert write_secret(path, "new") == path
    assert read_secret(path, "KEY").get_secret_value() == "new"


def test_the_environment_wins_but_for_what_ties_the_run_together(tmp_path: Path) -> None:
    given = {"QUANTUM_ENV": "live", "QUANTUM_REDIS_URL": "redis://elsewhere:1", "AI_SIZE_USD_MAX": "5", "PATH": "/bin"}
    environment, ignored = child_environment(tmp_path, given)
    assert ignored == ["QUANTUM_ENV", "QUANTUM_REDIS_URL"]
    assert environment["AI_SIZE_USD_MAX"] == "5"
    assert environment["QUANTUM_CONFIG_DIR"] == str(tmp_path)
    assert not (OURS - {"QUANTUM_CONFIG_DIR"}) & environment.keys()
