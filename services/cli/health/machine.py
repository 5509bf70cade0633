"""Redis, clocks and the exchange's rate limits: what everything else stands on. Pure."""

from collections.abc import Iterator

from quantum_common.exchange.budget import PRODUCTION, Counter, Lane
from quantum_common.redis_client import why_gone
from quantum_common.settings import Durability
from services.cli.health.check import Check, Level, graded
from services.cli.health.daemons import whole
from services.cli.health.limits import Limits
from services.cli.health.picture import Picture
from services.cli.health.place import Place
from services.cli.spans import span

MEMORY_WARN, MEMORY_BAD = 75, 90  # percent of maxmemory
REDIS_OFFSET_MS_MAX = 500
EXCHANGE_OFFSET_MS_MAX = 1_000  # the exchange refuses requests that are dated further ahead
ENTRIES_STOP = Lane.OPEN.value  # percent of a limit
MIB = 1 << 20


def machine(picture: Picture, limits: Limits, now_ms: int) -> Iterator[Check]:
    """Given a picture, return the verdicts on what the pipeline stands on."""
    server = picture.info.get("server_name", "redis")  # Valkey names itself, and calls redis_version what it stands for
    version = picture.info.get(f"{server}_version", "unknown")
    yield Check("redis", "", Level.OK, f"answers in {picture.round_trip_ms:.1f} ms, {server} {version}", "answers")
    yield _memory(picture)
    yield _persistence(picture, limits)
    yield from _clocks(picture)
    yield from _budget(picture, now_ms)
    if picture.unreadable:
        more = f" and {len(picture.unreadable) - 1} more" if len(picture.unreadable) > 1 else ""
        yield Check(
            "records", "", Level.BAD, f"{len(picture.unreadable)} unreadable", "0",
            f"{picture.unreadable[0]}{more}; they count as absent: find who wrote them",
        )  # fmt: skip


def silent(error: Exception, url: str, place: Place) -> Check:
    """Given why Redis could not be read, return the one verdict that there is then."""
    words = f"{url}: {why_gone(error)}; nothing trades without it: {place.redis}"
    return Check("redis", "", Level.BAD, "no answer", "answers", words)


def _memory(picture: Picture) -> Check:
    used, most = whole(str(picture.info.get("used_memory"))) or 0, whole(str(picture.info.get("maxmemory"))) or 0
    if not most:
        words = "Redis has no maxmemory: it grows until the system kills it; set maxmemory in its configuration"
        return Check("redis_memory", "", Level.WARN, f"{used / MIB:.0f} MiB", "maxmemory set", words)
    share = 100 * used / most
    level = graded(Level.OK, warn=share >= MEMORY_WARN, bad=share >= MEMORY_BAD)
    words = "" if level is Level.OK else "a full Redis refuses every write; raise maxmemory or shorten the streams"
    return Check(
        "redis_memory", "", level, f"{used / MIB:.0f} of {most / MIB:.0f} MiB, {share:.1f} %", f"{MEMORY_WARN} %", words
    )


def _persistence(picture: Picture, limits: Limits) -> Check:
    config, info = picture.config, picture.info
    appendonly, fsync = config.get("appendonly", "unknown"), config.get("appendfsync", "unknown")
    wrote = str(info.get("aof_last_write_status", "unknown"))
    figure = f"appendonly {appendonly}, fsync {fsync}, last write {wrote}"
    wanted = "appendonly yes, fsync always, last write ok"
    if wrote not in {"ok", "unknown"} or str(info.get("loading", "0")) == "1":
        words = "Redis cannot write its append-only file: look at the disk's space and at Redis' log, now"
        return Check("redis_persistence", "", Level.BAD, figure, wanted, words)
    if appendonly == "yes" and fsync == "always":
        return Check("redis_persistence", "", Level.OK, figure, wanted)
    relaxed = limits.executor.quantum_durability is Durability.RELAXED
    words = "Redis may lose what it acknowledged; set appendonly yes and appendfsync always"
    return Check("redis_persistence", "", Level.WARN if relaxed else Level.BAD, figure, wanted, words)


def _clocks(picture: Picture) -> Iterator[Check]:
    offset = picture.redis_offset_ms
    far = abs(offset) > REDIS_OFFSET_MS_MAX
    words = "the clocks of Redis' machine and of this one differ; look at their time service" if far else ""
    level = Level.WARN if far else Level.OK
    yield Check("clock", "redis", level, f"{offset:+d} ms", f"±{REDIS_OFFSET_MS_MAX} ms", words)
    if picture.exchange_error:
        yield Check(
            "exchange", "", Level.WARN, "no answer", "",
            f"{picture.exchange_error}; does it run, and are QUANTUM_ENV and QUANTUM_PAPER_URL right? "
            "asked by this command; the daemons may reach it",
        )  # fmt: skip
    elif picture.exchange_offset_ms is not None:
        offset = picture.exchange_offset_ms
        far = abs(offset) > EXCHANGE_OFFSET_MS_MAX
        words = "this machine's clock is off; the daemons make up for it, but look at its time service" if far else ""
        level = Level.WARN if far else Level.OK
        yield Check("clock", "exchange", level, f"{offset:+d} ms", f"±{EXCHANGE_OFFSET_MS_MAX} ms", words)


def _budget(picture: Picture, now_ms: int) -> Iterator[Check]:
    closed_ms = whole(picture.budget.get("closed_until_ms")) or 0
    if closed_ms > now_ms:
        yield Check(
            "rate_budget", "ban", Level.BAD, f"closed for {span(closed_ms - now_ms)}", "open",
            "the exchange forbade every request until then; wait, and find who else uses this address",
        )  # fmt: skip
    shares = [(counter, share) for counter in PRODUCTION if (share := _used(picture, counter, now_ms)) is not None]
    if not shares:
        yield Check("rate_budget", "", Level.OK, "nothing used lately", f"{ENTRIES_STOP} %")
        return
    fullest, share = max(shares, key=lambda found: found[1])
    level = graded(Level.OK, warn=share >= ENTRIES_STOP)
    words = "entries wait until the window is over; closes go on" if level is Level.WARN else ""
    figure = ", ".join(f"{name(counter)} {one:.0f} %" for counter, one in shares)
    yield Check("rate_budget", name(fullest) if words else "", level, figure, f"{ENTRIES_STOP} %", words)


def name(counter: Counter) -> str:
    """Given a limit of the exchange, return what people call it: `weight/1m`."""
    length = f"{counter.interval_ms // 60_000}m" if counter.interval_ms >= 60_000 else f"{counter.interval_ms // 1000}s"
    return f"{counter.kind.rpartition('_')[2].lower()}/{length}"


def _used(picture: Picture, counter: Counter, now_ms: int) -> float | None:
    """Return the percentage of a limit that is used in its running window; None where nobody has told."""
    window, _, used = picture.budget.get(f"{counter.kind}:{counter.interval_ms}", "").partition(":")
    if not window.isdigit() or not used.isdigit():
        return None
    return 100 * int(used) / counter.limit if int(window) == now_ms // counter.interval_ms else 0.0
