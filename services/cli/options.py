"""What `quantum up` can be told, checked before anything is started."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from quantum_common.clock import epoch_ms
from services.ai_engine.model_files import ModelRefused, load_model
from services.cli.complaint import Complaint

EXIT_USAGE = 2
DEFAULT_MARKET = "synthetic:7"
SPEED_MAX = 10_000
SYMBOLS_MAX = 2_000

_DURATION = re.compile(r"([0-9]{1,7})(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SYMBOL = re.compile(r"[A-Z0-9_]{2,32}")


class Profile(StrEnum):
    """How the AI engine trades: EXPLORE small and without the edge gate, TRADE through every gate."""

    EXPLORE = "explore"
    TRADE = "trade"


class Fsync(StrEnum):
    """When the embedded Redis brings a write to the disk."""

    ALWAYS = "always"
    EVERYSEC = "everysec"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Everything `quantum up` is told. `symbols` names what is traded (empty: all that is listed); `listed` is how many
    contracts a synthetic market lists (0: its default). `model` is the folder of a trained one. `for_s` is None where
    it runs until it is stopped."""

    market: str
    speed: int
    symbols: tuple[str, ...]
    listed: int
    profile: Profile
    model: Path | None
    redis_url: str
    fsync: Fsync
    folder: Path | None
    for_s: float | None
    json: bool
    exchange_options: tuple[str, ...]


def parse_market(text: str) -> str:
    """Given `csv:DIR` or `synthetic:SEED`, return it with an absolute folder. Raise Complaint where it is neither."""
    kind, _, value = text.partition(":")
    if kind == "synthetic" and re.fullmatch(r"[0-9]{1,18}", value):
        return text
    if kind == "synthetic":
        raise Complaint(f"--market {text}: the seed must be a whole number, such as {DEFAULT_MARKET}", EXIT_USAGE)
    if kind != "csv" or not value:
        raise Complaint(f"--market {text}: give csv:DIR or synthetic:SEED, such as {DEFAULT_MARKET}", EXIT_USAGE)
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise Complaint(f"--market {text}: {folder} is not a folder; give the folder of the <SYMBOL>-1m.csv files")
    if not any(path.name.endswith(("-1m.csv", "-1m.csv.gz")) for path in folder.iterdir()):
        raise Complaint(f"--market {text}: no <SYMBOL>-1m.csv or <SYMBOL>-1m.csv.gz in {folder}; give their folder")
    return f"csv:{folder.resolve()}"


def parse_duration(option: str, text: str) -> float:
    """Given `500ms`, `90s`, `2m`, `1h`, `30d` or plain seconds, return seconds. Raise Complaint for anything else."""
    found = _DURATION.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise Complaint(f"{option} {text}: give a duration such as 90s, 10m or 2h", EXIT_USAGE)
    return int(found[1]) * _SECONDS[found[2] or "s"]


def parse_model(folder: Path | None, profile: Profile) -> Path | None:
    """Given a trained model's folder or None, and the profile, return it whole. Raise Complaint where it is none."""
    if folder is None:
        return None
    if profile is not Profile.TRADE:
        raise Complaint(f"--model {folder}: exploring is the first strategy's; add --profile trade", EXIT_USAGE)
    folder = folder.expanduser().resolve()
    try:
        load_model(folder, epoch_ms())
    except ModelRefused as refused:
        raise Complaint(f"--model {refused}") from None
    return folder


def parse_time(option: str, text: str) -> int | None:
    """Given `2025-05-10`, `2025-05-10T12:00` or epoch milliseconds, return milliseconds; None for nothing. A time
    without a zone is UTC. Raise Complaint for anything else."""
    if not text:
        return None
    if text.isdigit() and len(text) == 13:
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Complaint(
            f"{option} {text}: give a UTC time such as 2025-05-10 or 2025-05-10T12:00", EXIT_USAGE
        ) from None
    return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp() * 1000)


def parse_symbols(text: str, market: str) -> tuple[tuple[str, ...], int]:
    """Given names (`BTCUSDT,ETHUSDT`) or, for a synthetic market, a count, return both; the other one is empty.

    Raise Complaint for anything else.
    """
    if not text:
        return (), 0
    if text.isdigit():
        if not market.startswith("synthetic:"):
            raise Complaint(f"--symbols {text}: a count is for synthetic markets; name the symbols", EXIT_USAGE)
        if not 1 <= int(text) <= SYMBOLS_MAX:
            raise Complaint(f"--symbols {text}: give 1 to {SYMBOLS_MAX}, or names such as BTCUSDT,ETHUSDT", EXIT_USAGE)
        return (), int(text)
    return parse_names(text), 0


def parse_names(text: str) -> tuple[str, ...]:
    """Given what `--symbols` says (`BTCUSDT,ETHUSDT`, or nothing), return the names, each once. Raise Complaint."""
    names = tuple(dict.fromkeys(part.strip().upper() for part in text.split(","))) if text else ()
    wrong = [name for name in names if not _SYMBOL.fullmatch(name)]
    if wrong:
        raise Complaint(f"--symbols {text}: {wrong[0]!r} is not a symbol such as BTCUSDT", EXIT_USAGE)
    return names


def parse_redis(url: str) -> str:
    """Given a Redis URL or nothing, return it. Raise Complaint where it cannot be one."""
    if not url:
        return ""
    parts = urlsplit(url)
    try:
        number = re.fullmatch(r"/?[0-9]*", parts.path) is not None
        usable = (parts.scheme == "redis" and bool(parts.hostname) and parts.port != 0 and number) or (
            parts.scheme == "unix" and bool(parts.path)
        )
    except ValueError:
        usable = False
    if not usable:
        raise Complaint(f"--redis {url}: give redis://127.0.0.1:6379 or unix:///path/to/redis.sock", EXIT_USAGE)
    return url


def parse_exchange_options(text: Sequence[str]) -> tuple[str, ...]:
    """Given options for the paper exchange (`loop`, `balance=5000`), return them as its command line takes them."""
    found: list[str] = []
    for option in text:
        name, equals, value = option.removeprefix("--").partition("=")
        if not re.fullmatch(r"[a-z0-9-]+", name):
            raise Complaint(f"--exchange-option {option}: give NAME or NAME=VALUE, such as balance=5000", EXIT_USAGE)
        if name in {"market", "speed", "port", "port-file", "host", "state", "symbols", "key-file"}:
            raise Complaint(f"--exchange-option {option}: quantum up decides {name} itself; leave it out", EXIT_USAGE)
        found.append(f"--{name}")
        if equals:
            found.append(value)
    return tuple(found)
