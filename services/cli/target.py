"""Which pipeline a command is about: that of a running `quantum up`, else that of the settings."""

from pathlib import Path

from quantum_common.settings import CommonSettings, SettingsError, config_dir, load, read_secret
from services.cli.complaint import Complaint
from services.cli.redis_link import RedisAddress
from services.cli.run_folder import live_note, running


def environ_of(verb: str, folder: Path | None) -> dict[str, str] | None:
    """Given a run's folder, or None for the newest live run, return what its settings are read with; None where they
    are this machine's own. Raise Complaint where there is neither."""
    if folder is not None:
        note = live_note(folder.expanduser().resolve())
        if note is None:
            raise Complaint(f"{verb}: no quantum up runs in {folder}; start it, or leave --dir out", status=1)
    else:
        note = next(iter(running()), None)
    if note is not None:
        return {"QUANTUM_CONFIG_DIR": str(Path(note.folder) / "etc")}
    if not (config_dir() / "common.env").is_file():
        raise Complaint(
            f"{verb}: no quantum up is running, and {config_dir()} has no common.env that says where Redis is; "
            "quantum up starts a pipeline on paper",
            status=1,
        )
    return None


def settings_of(verb: str, folder: Path | None) -> CommonSettings:
    """Given a command and a run's folder or None, return the settings that it goes by. Raise Complaint."""
    try:
        return load(CommonSettings, "cli", environ_of(verb, folder))
    except SettingsError as error:
        raise Complaint(str(error)) from None


def address_of(settings: CommonSettings) -> RedisAddress:
    """Given settings, return where Redis is and as whom to speak to it. Raise Complaint for a secret out of order."""
    secret = settings.quantum_redis_password_file
    try:
        password = read_secret(secret, "QUANTUM_REDIS_PASSWORD_FILE").get_secret_value() if secret else ""
    except SettingsError as error:
        raise Complaint(str(error)) from None
    return RedisAddress(settings.quantum_redis_url, settings.quantum_redis_user, password)
