"""Settings: typed, from `common.env`, the service's own file and the environment, which wins.

Unknown keys in a file are refused, with the nearest known one; every complaint names file, line and key. Secrets come
from files with mode 0600 or from systemd credentials, never from the env files, and are never shown.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from quantum_common.env_file import lines

DEFAULT_CONFIG_DIR = Path("/etc/quantum")
COMMON_FILE = "common.env"
EXIT_CONFIG = 78
_URL_PASSWORD = re.compile(r"(://[^/@]*):[^/@]*@")
_SYMBOL = re.compile(r"^[A-Z0-9_]{2,32}$")
_KEY = re.compile(r"\b[A-Z][A-Z0-9_]+\b")
LIVE_CONFIRM = "QUANTUM_LIVE_CONFIRM"
LIVE_WORDS = "I trade real money on binance"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(Exception):
    """A setting that cannot be used. Its text is one line: file, line, key, what is wrong, what to do."""


class Environment(StrEnum):
    """Where orders go."""

    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"

    @property
    def source(self) -> str:
        """Return how snapshots name this exchange."""
        return {"paper": "paper", "testnet": "binance_testnet", "live": "binance"}[self.value]


class Durability(StrEnum):
    """STRICT trades only on a Redis that loses no acknowledged write; RELAXED says aloud that it may."""

    STRICT = "strict"
    RELAXED = "relaxed"


def _symbols(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = [part.strip().upper() for part in value.split(",")]
    if "" in names:
        raise ValueError("a comma-separated list of symbols must not be empty or have empty parts")
    if strange := next((name for name in names if not _SYMBOL.fullmatch(name)), None):
        raise ValueError(f"{strange} is no symbol; give them comma-separated, such as BTCUSDT,ETHUSDT")
    return tuple(dict.fromkeys(names))


Symbols = Annotated[tuple[Annotated[str, Field(pattern=_SYMBOL.pattern)], ...], BeforeValidator(_symbols)]


class CommonSettings(BaseModel):
    """`common.env`: what every service needs. Field names in lower case are the keys in upper case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Names or patterns of the fields that a reload takes up while the service runs; a subclass adds its own.
    HOT: ClassVar[tuple[str, ...]] = ("quantum_log_level", "quantum_stream_keep_ms")

    # Whether the service signs requests, so that it cannot start without the exchange's keys.
    KEYED: ClassVar[bool] = False

    quantum_env: Environment = Field(Environment.PAPER, description="paper, testnet or live")
    quantum_live_confirm: str = Field(
        "", description=f'"{LIVE_WORDS}", in common.env, while QUANTUM_ENV is live; else left out'
    )
    quantum_redis_url: str = Field("unix:///run/redis/redis.sock", description="unix:///path or redis://host:port")
    quantum_redis_user: str = Field("", description="ACL user; empty: the default user")
    quantum_redis_password_file: Path | None = Field(None, description="file with the ACL user's password, mode 0600")
    quantum_key_prefix: str = Field(
        "quantum", pattern=r"^quantum(:\{\d+\})?$", description="quantum, or quantum:{N} for shard N"
    )
    quantum_paper_url: str = Field("http://127.0.0.1:9001", description="base URL of the paper exchange")
    quantum_api_key_file: Path | None = Field(None, description="file with the exchange's API key, mode 0600")
    quantum_api_secret_file: Path | None = Field(None, description="file with the exchange's API secret, mode 0600")
    quantum_recv_window_ms: int = Field(5000, ge=500, le=60_000, description="how long a signed request stays valid")
    quantum_request_timeout_ms: int = Field(3000, ge=100, le=60_000, description="how long one HTTP answer may take")
    quantum_lease_ms: int = Field(
        8_000, ge=1_000, le=120_000, description="how long an executor or P3.3 that is silent keeps others waiting"
    )
    quantum_durability: Durability = Field(Durability.STRICT, description="strict or relaxed, see docs")
    quantum_stream_keep_ms: int = Field(86_400_000, ge=60_000, description="age to which streams are trimmed")
    quantum_metrics_port: int = Field(
        0, ge=0, le=65_535, description="loopback port of /metrics and /healthz, one a service; 0: none"
    )
    quantum_log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level shown")

    @model_validator(mode="after")
    def _live_is_confirmed(self) -> Self:
        """Real money takes a second line, in common.env: a confirmation, which stands there at no other time."""
        live = self.quantum_env is Environment.LIVE
        if live and self.quantum_live_confirm != LIVE_WORDS:
            raise ValueError(
                f"QUANTUM_ENV is live, and {LIVE_CONFIRM} does not confirm it; to trade real money, write "
                f"{LIVE_CONFIRM}={LIVE_WORDS} into common.env"
            )
        if self.quantum_live_confirm and not live:
            raise ValueError(f"{LIVE_CONFIRM} is set while QUANTUM_ENV is {self.quantum_env}; take it out")
        return self

    @model_validator(mode="after")
    def _lease_outlasts_requests(self) -> Self:
        """Whoever takes a lease over must know that no request of the earlier holder is still valid."""
        if self.quantum_lease_ms < self.quantum_recv_window_ms:
            raise ValueError("QUANTUM_LEASE_MS must be at least QUANTUM_RECV_WINDOW_MS")
        return self

    @model_validator(mode="after")
    def _address_fits_environment(self) -> Self:
        """A paper address is on loopback, so that paper mode can never reach a real exchange."""
        if self.quantum_env is Environment.PAPER and "://" not in self.quantum_paper_url:
            raise ValueError(f"QUANTUM_PAPER_URL lacks http:// before {self.quantum_paper_url}")
        address = urlsplit(self.quantum_paper_url)  # the host itself: `http://127.0.0.1:80@elsewhere` only begins well
        if self.quantum_env is Environment.PAPER and (address.scheme != "http" or address.hostname not in LOOPBACK):
            raise ValueError("QUANTUM_PAPER_URL must be on loopback while QUANTUM_ENV is paper")
        return self


_PLAIN = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "decimal_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_pattern_mismatch": "has not the form that it must have",
}


@dataclass(frozen=True)
class _Origin:
    """Where a value was read."""

    path: Path | None
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.path else "environment"


_Settings = TypeVar("_Settings", bound=CommonSettings)


def config_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the env files: QUANTUM_CONFIG_DIR, or /etc/quantum."""
    values = os.environ if environ is None else environ
    return Path(values.get("QUANTUM_CONFIG_DIR", "") or DEFAULT_CONFIG_DIR)


def load(settings: type[_Settings], service: str, environ: Mapping[str, str] | None = None) -> _Settings:
    """Given a settings class and the service's name, read common.env, <service>.env and the environment.

    Raise SettingsError for a file that cannot be parsed, an unknown key, or a value out of type or range.
    """
    values = os.environ if environ is None else environ
    folder = config_dir(values)
    known = {name.upper() for name in settings.model_fields}
    found: dict[str, tuple[str, _Origin]] = {}
    for file in (COMMON_FILE, f"{service}.env"):
        found |= _read_file(folder / file, known)
    found |= {key: (values[key], _Origin(None, 0)) for key in known if values.get(key)}
    said = found.get(LIVE_CONFIRM)
    if said is not None and said[0] and said[1].path != folder / COMMON_FILE:
        raise SettingsError(f"{said[1]}: {LIVE_CONFIRM}: is taken from {folder / COMMON_FILE} alone; move it there")
    try:
        return settings.model_validate({key.lower(): value for key, (value, _) in found.items() if value != ""})
    except ValidationError as error:
        raise SettingsError(_explain(error, settings.model_fields, found)) from None


def load_daemon(settings: type[_Settings], service: str) -> _Settings:
    """As `load`, for what trades: its two files must be there. Without them every key would have its default, and a
    mistyped folder would read as a paper account that waits for ever. Raise SettingsError."""
    folder = config_dir()
    if not folder.is_dir():
        do = "set QUANTUM_CONFIG_DIR to the folder of the env files, or have quantum deploy make /etc/quantum"
        raise SettingsError(f"{folder}: no such folder; {do}")
    for file in (COMMON_FILE, f"{service}.env"):
        if not (folder / file).is_file():
            raise SettingsError(
                f"{folder / file}: no such file; take it from etc/quantum, or correct QUANTUM_CONFIG_DIR; an empty "
                "file stands for the defaults"
            )
    return load(settings, service)


def _read_file(path: Path, known: set[str]) -> dict[str, tuple[str, _Origin]]:
    """Given an env file, return its keys with their values and lines; a missing file has none."""
    if not path.exists():
        return {}
    found: dict[str, tuple[str, _Origin]] = {}
    try:
        for line in lines(path):
            if line.problem:
                raise SettingsError(f"{line.where}: {line.problem}")
            if line.key not in known:
                near = difflib.get_close_matches(line.key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else "; remove it"
                raise SettingsError(f"{line.where}: {line.key}: unknown key{hint}")
            if line.key in found:
                raise SettingsError(f"{line.where}: {line.key}: set twice, first at {found[line.key][1]}")
            found[line.key] = (line.value, _Origin(path, line.number))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: cannot be read: it is not UTF-8 text") from None
    return found


def _explain(error: ValidationError, fields: Mapping[str, FieldInfo], found: Mapping[str, tuple[str, _Origin]]) -> str:
    """Given pydantic's complaint, return one line: where, which key, what is wrong, what the key means."""
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        problem = plainly(first)
        named = next((found[key][1] for key in _KEY.findall(problem) if key in found), "settings")
        return f"{named}: {problem}"
    name = str(first["loc"][0])
    key = name.upper()
    value, origin = found.get(key, ("", _Origin(None, 0)))
    meaning = fields[name].description if name in fields else None
    problem = "not set, and it has no default" if first["type"] == "missing" else plainly(first)
    shown = f"={without_password(value)}" if value else ""
    return f"{origin if value else 'settings'}: {key}{shown}: {problem}" + (f" ({meaning})" if meaning else "")


def plainly(error: ErrorDetails) -> str:
    """Given one complaint of pydantic's, return what is wrong in an operator's words."""
    words = error["msg"].removeprefix("Value error, ")
    if plain := _PLAIN.get(error["type"]):
        return plain.format_map(error.get("ctx", {}))
    return re.sub("^(Input|String) should ", "must ", words)


def read_secret(path: Path | None, key: str) -> SecretStr:
    """Given a secret's file, return its content. Raise SettingsError where it is missing, empty or open to others."""
    if path is None:
        raise SettingsError(f"settings: {key}: not set; give the path of a file with mode 0600")
    try:
        mode = path.stat().st_mode & 0o077
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"settings: {key}={path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"settings: {key}={path}: is not text") from None
    if mode:
        raise SettingsError(f"settings: {key}={path}: others can read it; chmod 600 {path}")
    if not text:
        raise SettingsError(f"settings: {key}={path}: is empty")
    return SecretStr(text)


def credentials(settings: CommonSettings) -> tuple[SecretStr, SecretStr]:
    """Given settings, return the exchange's API key and secret. Raise SettingsError where one cannot be used."""
    return (
        read_secret(settings.quantum_api_key_file, "QUANTUM_API_KEY_FILE"),
        read_secret(settings.quantum_api_secret_file, "QUANTUM_API_SECRET_FILE"),
    )


def shown(settings: CommonSettings) -> dict[str, Any]:
    """Given settings, return them as a service shows them once at its start. Secrets are only paths anyway, but for
    a password in Redis' URL, which is left out."""
    values = {
        name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in settings.model_dump().items()
        if value not in (None, "")
    }
    return values | {"QUANTUM_REDIS_URL": without_password(settings.quantum_redis_url)}


def without_password(url: str) -> str:
    """Given a URL, return it as it may be logged."""
    return _URL_PASSWORD.sub(r"\1:***@", url)
