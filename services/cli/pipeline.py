"""The processes of one run, in their order: Redis, the paper exchange, then the five daemons."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis

from quantum_common.acl import OPERATOR, user_name
from quantum_common.durability import WANTED
from quantum_common.keys import Keys
from quantum_common.settings import CommonSettings, SettingsError, load
from services.cli import embedded_redis, redis_link
from services.cli.complaint import Complaint
from services.cli.env_files import Values, child_environment, shipped_folder, write_env_files, write_secret
from services.cli.exchange_link import ExchangeAway, ExchangeLink
from services.cli.options import Fsync, Profile, UpOptions
from services.cli.process import last_words, spawn
from services.cli.redis_link import GONE, RedisAddress
from services.cli.redis_users import FILE_OF, USERS_FILE, password_file, write_users
from services.cli.run_folder import RunFolder
from services.cli.supervisor import Child, Supervisor
from services.governor.settings import GovernorSettings
from services.intent_bridge.settings import EXPLORING
from services.paper_exchange.options import DEMO_KEY, DEMO_SECRET

REDIS, EXCHANGE = "redis", "paper-exchange"
DAEMONS = ("position-state-brain", "governor", "intent-executor", "intent-bridge", "ai-engine")
REDIS_PORT = 6379
METRICS_PORTS = {
    "ai-engine": 8041,
    "intent-bridge": 8042,
    "intent-executor": 8043,
    "governor": 8044,
    "position-state-brain": 8045,
}
EXCHANGE_READY_WITHIN_S = 120.0
POLL_S = 0.05
RATES = (
    "gov_symbol_entries_per_5min_max",
    "gov_symbol_entries_per_hour_max",
    "gov_entries_per_5min_max",
    "gov_entries_per_hour_max",
    "gov_daily_notional_usdt_max",
)
RATE_MAX = 1_000_000  # the highest that the governor takes for any of them


class Interrupted(Exception):
    """The run is to stop before it has started."""


@dataclass
class Pipeline:
    """Starts what a run consists of. What others need of it is set once `start` has returned."""

    options: UpOptions
    folder: RunFolder
    supervisor: Supervisor
    say: Callable[[str], None]
    interrupted: Callable[[], bool]
    symbols: tuple[str, ...] = ()
    redis_port: int = 0
    passwords: Mapping[str, str] = field(default_factory=dict)  # of the embedded Redis' users, by name
    paper_url: str = ""
    metrics: dict[str, int] = field(default_factory=dict)  # service → the port of its /metrics

    def start(self) -> None:
        """Start everything. Raise Complaint where something cannot, Interrupted where the run is to stop."""
        self.require_same_run()
        self.address = self._start_redis()
        self.redis: Redis = redis_link.connect(self.address)
        self.link = self._start_exchange()
        self.symbols = self._listed_symbols()
        self.settings = self._write_settings()
        self.keys = Keys(self.settings.quantum_key_prefix)
        if self.options.redis_url and self.folder.resumed is None:
            self._require_empty()
        self._start_daemons()

    def require_same_run(self) -> None:
        """Raise Complaint where the folder holds a run on another market or another Redis: its books would not fit."""
        before = self.folder.resumed
        if before is None:
            return
        where = f"--dir {self.folder.root}"
        if before.market != self.options.market or before.listed != self.options.listed:
            count = f" --symbols {before.listed}" if before.listed else ""
            raise Complaint(f"{where}: holds a run on {before.market}{count}; give the same, or choose another folder")
        if before.embedded != (not self.options.redis_url):
            given = "the embedded Redis; leave --redis out" if before.embedded else "a given Redis; give --redis again"
            raise Complaint(f"{where}: its run was on {given}, or choose another folder")
        if not before.embedded and before.redis_url != redis_link.parse_address(self.options.redis_url).url:
            raise Complaint(f"{where}: its run was on {before.redis_url}; give that, or choose another folder")

    # --- redis ---------------------------------------------------------------------------------------------------

    def _start_redis(self) -> RedisAddress:
        if self.options.redis_url:
            address = redis_link.parse_address(self.options.redis_url)
            client = redis_link.connect(address)
            redis_link.require_answer(client, address.url)
            client.close()
            return address
        self.redis_port = embedded_redis.free_port(REDIS_PORT)
        keys = self._names()
        self.passwords = write_users(self.folder.etc, [keys], open_default=True)
        self.supervisor.add(Child(REDIS, self._spawn_redis, self.folder.redis / "redis.log", foundation=True))
        operator = user_name(OPERATOR, keys)
        socket = self.folder.redis / embedded_redis.SOCKET_FILE
        return RedisAddress(f"unix://{socket}", operator, self.passwords[operator])

    def _names(self) -> Keys:
        """Return the names that this run will use. Redis' users depend on them, so they are asked for before it."""
        environment, _ = child_environment(shipped_folder() or self.folder.etc)
        try:
            return Keys(load(CommonSettings, "up", environment).quantum_key_prefix)
        except SettingsError as error:
            raise Complaint(str(error)) from None

    def _spawn_redis(self) -> subprocess.Popen[bytes]:
        fsync: embedded_redis.Fsync = "always" if self.options.fsync is Fsync.ALWAYS else "everysec"
        users = self.folder.etc / USERS_FILE
        try:
            return embedded_redis.start(self.folder.redis, port=self.redis_port, fsync=fsync, users=users).process
        except embedded_redis.EmbeddedRedisError as error:
            raise Complaint(str(error), status=1) from None

    def _require_empty(self) -> None:
        """Raise Complaint where a given Redis already holds a pipeline: this run's books would be mixed with it."""
        for stream in self.keys.streams:
            if self.redis.exists(stream):
                raise Complaint(
                    f"--redis {self.address.url}: already holds {stream}; give an empty database, "
                    f"another QUANTUM_KEY_PREFIX such as quantum:{{1}}, or the --dir of that run"
                )

    def _durable(self) -> bool:
        """Return whether this Redis keeps all that it acknowledges."""
        if not self.options.redis_url:
            return self.options.fsync is Fsync.ALWAYS
        try:
            actual = self.redis.config_get(*WANTED)
        except GONE:
            return False
        return all(actual.get(name) == wanted for name, wanted in WANTED.items())

    # --- exchange ------------------------------------------------------------------------------------------------

    def _start_exchange(self) -> ExchangeLink:
        write_secret(self.folder.etc / "exchange-key", f"{DEMO_KEY}\n{DEMO_SECRET}")
        (self.folder.exchange / "port").unlink(missing_ok=True)
        log = self.folder.logs / f"{EXCHANGE}.log"
        child = Child(EXCHANGE, self._spawn_exchange, log, foundation=True)
        self.supervisor.add(child)
        deadline = time.monotonic() + EXCHANGE_READY_WITHIN_S
        link: ExchangeLink | None = None
        while time.monotonic() < deadline:
            if self.interrupted():
                raise Interrupted
            if child.process is not None and (status := child.process.poll()) is not None:
                raise Complaint(last_words(log) or f"{EXCHANGE} ended with status {status}", status)
            if link is None and (port := _port_in(self.folder.exchange / "port")):
                self.paper_url = f"http://127.0.0.1:{port}"
                link = ExchangeLink(self.paper_url, DEMO_KEY, DEMO_SECRET)
            if link is not None and _answers(link):
                return link
            time.sleep(POLL_S)
        raise Complaint(f"{EXCHANGE} did not answer within {EXCHANGE_READY_WITHIN_S:g} s; see {log}", status=1)

    def _spawn_exchange(self) -> subprocess.Popen[bytes]:
        options, state = self.options, self.folder.exchange
        port = self.paper_url.rpartition(":")[2] or "0"  # once it had one it keeps it: the daemons know it
        command = [sys.executable, "-m", "services.paper_exchange", "--market", options.market]
        command += ["--speed", str(options.speed), "--port", port, "--port-file", str(state / "port")]
        command += ["--state", str(state), "--key-file", str(self.folder.etc / "exchange-key")]
        if options.listed:
            command += ["--symbols", str(options.listed)]
        environment, _ = child_environment(self.folder.etc)
        return spawn([*command, *options.exchange_options], self.folder.logs / f"{EXCHANGE}.log", environment)

    def _listed_symbols(self) -> tuple[str, ...]:
        try:
            listed = self.link.symbols()
        except ExchangeAway as error:
            raise Complaint(f"{EXCHANGE}: {error}", status=1) from None
        unknown = [symbol for symbol in self.options.symbols if symbol not in listed]
        if unknown:
            some = ", ".join(listed[:12]) + (" ..." if len(listed) > 12 else "")
            raise Complaint(f"--symbols {unknown[0]}: not on this market, which lists {some}")
        return listed

    # --- daemons -------------------------------------------------------------------------------------------------

    def _write_settings(self) -> CommonSettings:
        write_env_files(self.folder.etc, self._values())
        environment, ignored = child_environment(self.folder.etc)
        if ignored:
            self.say(f"ignored from the environment, because this run decides it: {', '.join(ignored)}")
        try:
            return load(CommonSettings, "up", environment)
        except SettingsError as error:
            raise Complaint(str(error)) from None

    def _values(self) -> Values:
        """Return the keys that this run sets, by env file."""
        etc = self.folder.etc
        common = {
            "QUANTUM_ENV": "paper",
            "QUANTUM_REDIS_URL": self.address.url,
            "QUANTUM_PAPER_URL": self.paper_url,
            "QUANTUM_API_KEY_FILE": str(write_secret(etc / "api-key", DEMO_KEY)),
            "QUANTUM_API_SECRET_FILE": str(write_secret(etc / "api-secret", DEMO_SECRET)),
        }
        if self.address.user and not self.passwords:
            common["QUANTUM_REDIS_USER"] = self.address.user
        if self.address.password and not self.passwords:
            secret = write_secret(etc / "redis-password", self.address.password)
            common["QUANTUM_REDIS_PASSWORD_FILE"] = str(secret)
        if not self._durable():
            self.say("this Redis may lose what it acknowledged (see QUANTUM_DURABILITY); running relaxed")
            common["QUANTUM_DURABILITY"] = "relaxed"
        listed = ",".join(self.symbols)
        explores = self.options.profile is Profile.EXPLORE
        values: dict[str, dict[str, str]] = {
            "common": common,
            "ai-engine": {
                "AI_SYMBOLS": ",".join(self.options.symbols) or listed,
                "AI_PROFILE": self.options.profile.value,
                **({"AI_MODEL_DIR": str(self.options.model)} if self.options.model else {}),
            },
            "intent-bridge": {
                "INTENT_BRIDGE_ALLOWLIST": listed,
                **(EXPLORING if explores else {}),
            },
            "governor": rates_at(self.options.speed),
            "intent-executor": {"INTENT_EXECUTOR_ALLOWLIST": listed},
            "position-state-brain": {"P33_ALLOWLIST": listed},
        }
        self.metrics = {name: embedded_redis.free_port(port) for name, port in METRICS_PORTS.items()}
        for name, port in self.metrics.items():
            values[name] = values.get(name, {}) | {"QUANTUM_METRICS_PORT": str(port)}
        values["alerts"] = {"ALERTS_STATE_FILE": str(self.folder.root / "alerts" / "state.json")}
        users = {name: name for name in DAEMONS} | {file: user for user, file in FILE_OF.items()}
        for name, user in users.items() if self.passwords else ():
            values[name] = values.get(name, {}) | self._redis_user(user)
        return values

    def _redis_user(self, user: str) -> dict[str, str]:
        """Given who it is, return as whom it speaks to the embedded Redis."""
        name = user_name(user, self._names())
        secret = password_file(self.folder.etc, name)
        return {"QUANTUM_REDIS_USER": name, "QUANTUM_REDIS_PASSWORD_FILE": str(secret)}

    def _start_daemons(self) -> None:
        for name in DAEMONS:
            if self.interrupted():
                raise Interrupted
            self.supervisor.add(Child(name, self._spawner(name), self.folder.logs / f"{name}.log"))

    def _spawner(self, name: str) -> Callable[[], subprocess.Popen[bytes]]:
        def start() -> subprocess.Popen[bytes]:
            environment, _ = child_environment(self.folder.etc)
            command = [sys.executable, "-m", f"services.{name.replace('-', '_')}"]
            return spawn(command, self.folder.logs / f"{name}.log", environment)

        return start


def rates_at(speed: int) -> dict[str, str]:
    """Given the speed of the market, return the governor's rates so that an hour of market has an hour's entries."""
    if speed == 1:
        return {}
    fields = GovernorSettings.model_fields
    return {name.upper(): str(min(fields[name].default * speed, RATE_MAX)) for name in RATES}


def _port_in(path: Path) -> int:
    """Given the port file, return the port in it, or 0 while there is none."""
    try:
        return int(path.read_text(encoding="ascii").strip() or "0")
    except (OSError, ValueError):
        return 0


def _answers(link: ExchangeLink) -> bool:
    try:
        return link.server_time_ms() > 0
    except ExchangeAway:
        return False
