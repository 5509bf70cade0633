"""Who may touch which key of Redis, as one table, and the ACL rules that follow from it.

The rules, the shipped `users.acl` and the tests all come from `ACL_TABLE`, so that they cannot drift apart. A user
reads by its root permissions; each way of writing is a selector of its own, so that a command and its keys are allowed
only together: a consumer may acknowledge in a stream that it must not add to. Scripts run with their caller's
permissions, command by command, so being allowed to run any script gives nothing away.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from quantum_common.keys import Keys
from quantum_common.messages import Issuer

ENGINE, BRIDGE, GOVERNOR = "ai-engine", "intent-bridge", "governor"
P33, EXECUTOR, OPERATOR = "position-state-brain", "intent-executor", "operator"
OBSERVER = "observer"  # reads everything and writes nothing: alerts, and whoever only looks
USERS = (ENGINE, BRIDGE, GOVERNOR, P33, EXECUTOR, OPERATOR, OBSERVER)
SEE_ALL = (OPERATOR, OBSERVER)
EVERYONE = (ENGINE, BRIDGE, GOVERNOR, P33, EXECUTOR)  # what is known of account and market is open to all of ours
DEFAULT = "default"
ANY = "*"
# `default` cannot log in, and may do everything: Redis 7.0 reads its append-only file as this user, and leaves out a
# transaction that the user may not do. With no rights, a restart would forget what each script wrote.
NOBODY = f"user {DEFAULT} off resetpass allkeys allchannels +@all"


class Access(StrEnum):
    """What one may do with a key beyond reading it."""

    KEEP = "keep"  # the writer of a hash, a string or a sorted set
    PRODUCE = "produce"  # the producer of a stream, who also trims it
    APPEND = "append"  # adds to a stream that somebody else trims
    CONSUME = "consume"  # reads a stream by a group, and acknowledges
    USE_UP = "use_up"  # deletes what was granted, once it is used


COMMANDS: Mapping[Access, tuple[str, ...]] = {
    Access.KEEP: (
        "set", "del", "pexpire", "pexpireat", "hset", "hsetnx", "hdel", "hincrby", "zadd", "zrem", "zremrangebyscore",
    ),
    Access.PRODUCE: ("xadd", "xtrim"),
    Access.APPEND: ("xadd",),
    Access.CONSUME: ("xreadgroup", "xack", "xautoclaim", "xgroup|create", "xgroup|setid"),
    Access.USE_UP: ("del",),
}  # fmt: skip

READING = (
    "get", "mget", "exists", "type", "ttl", "pttl", "strlen", "hget", "hmget", "hgetall", "hlen", "hexists", "hkeys",
    "hvals", "zcard", "zcount", "zscore", "zrange", "zrangebyscore", "xlen", "xrange", "xrevrange", "xread", "xpending",
    "xinfo|stream", "xinfo|groups", "xinfo|consumers", "scan",
)  # fmt: skip
CONNECTION = (
    "auth", "hello", "ping", "echo", "quit", "reset", "select", "client|id", "client|setname", "client|getname",
    "multi", "exec", "discard", "time", "info", "config|get", "acl|whoami", "script|load",
    "script|exists",
)  # fmt: skip
LOOKING = ("dbsize", "memory|usage", "slowlog|get", "latency|latest", "client|list", "role", "lastsave")
SCRIPTING = ("eval", "evalsha", "eval_ro", "evalsha_ro")


@dataclass(frozen=True)
class Row:
    """One family of keys: its pattern, who may do what with it, and who else reads it. Operator and observer read
    all."""

    family: str
    pattern: Callable[[Keys], str]
    grants: Mapping[Access, tuple[str, ...]] = field(default_factory=dict)
    readers: tuple[str, ...] = ()

    def may(self, user: str, access: Access) -> bool:
        """Return whether a user has this access to the family."""
        return user in self.grants.get(access, ())

    def may_read(self, user: str) -> bool:
        """Return whether a user may read the family: who writes it may, and whoever is named."""
        return user in {*SEE_ALL, *self.readers} or any(user in users for users in self.grants.values())

    def may_call(self, user: str, command: str) -> bool:
        """Return whether a user may call a command that writes on a key of the family."""
        return any(self.may(user, access) for access, commands in COMMANDS.items() if command in commands)


def _kept(family: str, pattern: Callable[[Keys], str], by: str, *readers: str) -> Row:
    return Row(family, pattern, {Access.KEEP: (by,)}, readers)


def _stream(
    family: str, pattern: Callable[[Keys], str], by: str, consumers: Sequence[str] = (), also: Sequence[str] = ()
) -> tuple[Row, ...]:
    """Return the rows of a stream and of its dead letters, which its consumers write."""
    grants = {Access.PRODUCE: (by,), Access.APPEND: tuple(also), Access.CONSUME: tuple(consumers)}
    row = Row(family, pattern, {access: users for access, users in grants.items() if users})
    dead = Row(f"{family}.dead", lambda keys: Keys.dead(pattern(keys)), {Access.APPEND: tuple(consumers)})
    return (row, dead) if consumers else (row,)


def _of_each(family: str, key: Callable[[Keys, str], str]) -> tuple[Row, ...]:
    """Return one row for each daemon: its own key of a family that all of them have."""

    def own(user: str) -> Row:
        return _kept(f"{family}:{user}", lambda keys: key(keys, user), user, *EVERYONE)

    return tuple(map(own, EVERYONE))


ACL_TABLE: tuple[Row, ...] = (
    *_stream("intents", lambda keys: keys.intents, ENGINE, consumers=(BRIDGE,), also=(OPERATOR,)),
    *_stream("plans", lambda keys: keys.plans, BRIDGE, consumers=(GOVERNOR, P33, EXECUTOR)),
    *_stream("permits", lambda keys: keys.permits, GOVERNOR, consumers=(EXECUTOR,), also=(P33,)),
    *_stream("results", lambda keys: keys.results, EXECUTOR, consumers=(GOVERNOR, P33)),
    *_stream("journal", lambda keys: keys.journal, P33),
    *_stream("governor_events", lambda keys: keys.governor_events, GOVERNOR, also=(OPERATOR,)),
    *_stream("reconcile_events", lambda keys: keys.reconcile_events, P33),
    Row("bars.dead", lambda keys: keys.dead_bars, {Access.APPEND: (ENGINE,)}),
    _kept("snapshot", lambda keys: keys.snapshot(ANY), P33, *EVERYONE),
    _kept("ledger", lambda keys: keys.ledger(ANY), P33, *EVERYONE),
    _kept("fills", lambda keys: keys.fills(ANY), P33),
    _kept("hold", lambda keys: keys.hold(ANY), P33, *EVERYONE),
    _kept("in_flight", lambda keys: keys.in_flight(ANY), P33, *EVERYONE),
    Row("requests", lambda keys: keys.requests, {Access.KEEP: (P33, OPERATOR)}),
    _kept("portfolio", lambda keys: keys.portfolio, P33, *EVERYONE),
    _kept("market_state", lambda keys: keys.market_state(ANY), ENGINE, *EVERYONE),
    _kept("exit_memory", lambda keys: keys.exit_memory(ANY), ENGINE),
    _kept("engine_verdict", lambda keys: keys.engine_verdict(ANY), ENGINE),
    _kept("engine_model", lambda keys: keys.engine_model, ENGINE),
    _kept("bridge_seen", lambda keys: keys.bridge_seen(ANY), BRIDGE),
    _kept("bridge_reserved", lambda keys: keys.bridge_reserved, BRIDGE),
    Row(
        "permit:governor",
        lambda keys: keys.permit(Issuer.GOVERNOR, ANY),
        {Access.KEEP: (GOVERNOR,), Access.USE_UP: (EXECUTOR,)},
    ),
    Row("permit:p33", lambda keys: keys.permit(Issuer.P33, ANY), {Access.KEEP: (P33,), Access.USE_UP: (EXECUTOR,)}),
    _kept("governor_stats", lambda keys: f"{keys.prefix}:governor:stats:*", GOVERNOR),
    _kept("governor_executions", lambda keys: keys.governor_executions(ANY), GOVERNOR),
    _kept("governor_reserved", lambda keys: keys.governor_reserved, GOVERNOR),
    _kept("governor_day", lambda keys: keys.governor_day(ANY), GOVERNOR),
    Row(
        "governor_state",
        lambda keys: keys.governor_state,
        {Access.KEEP: (GOVERNOR, OPERATOR)},
        EVERYONE,
    ),
    _kept("order", lambda keys: keys.order(ANY), EXECUTOR, *EVERYONE),
    _kept("stop", lambda keys: keys.stop(ANY), EXECUTOR, *EVERYONE),
    Row("budget", lambda keys: keys.budget, {Access.KEEP: (ENGINE, BRIDGE, P33, EXECUTOR)}),
    *_of_each("lease", Keys.lease),
    *_of_each("heartbeat", Keys.heartbeat),
)


def user_name(user: str, keys: Keys) -> str:
    """Given a user and the names of a shard, return what Redis calls the user: `governor`, or `governor@1`."""
    shard = keys.prefix.partition("{")[2].rstrip("}")
    return f"{user}@{shard}" if shard else user


def rules(user: str, keys: Keys) -> str:
    """Given a user and the names of a shard, return its permissions as ACL rules, whatever its passwords are."""
    commands = (*CONNECTION, *READING, *(LOOKING if user in SEE_ALL else ()))
    if user in SEE_ALL:
        readable = [_everything(keys)]
    else:
        readable = [row.pattern(keys) for row in ACL_TABLE if row.may_read(user)]
    root = ["resetchannels", "resetkeys", "-@all", *_plus(commands), *(f"%R~{pattern}" for pattern in readable)]
    selectors = [] if user == OBSERVER else [_selector(SCRIPTING, [_everything(keys)])]
    for access, writing in COMMANDS.items():
        patterns = [row.pattern(keys) for row in ACL_TABLE if row.may(user, access)]
        if patterns:
            selectors.append(_selector(writing, patterns))
    return " ".join((*root, *selectors))


def users_file(shards: Iterable[Keys], hashes: Mapping[str, str], *, open_default: bool = False) -> str:
    """Given the names of each shard and the SHA-256 (hex) of each user's password, return the text of an ACL file.

    A user without a hash stands there without a password: nobody can log in as it. `default` is off, or, where
    `open_default` says so, it is the operator of the first shard without a password: for a Redis that only we reach.
    """
    every = list(shards)
    first = f"user {DEFAULT} on nopass {rules(OPERATOR, every[0])}" if open_default else NOBODY
    lines = [first]
    for keys in every:
        for user in USERS:
            name = user_name(user, keys)
            secret = f"#{hashes[name]} " if name in hashes else ""
            lines.append(f"user {name} on {secret}{rules(user, keys)}")
    return "\n".join(lines) + "\n"


def _everything(keys: Keys) -> str:
    """Return the pattern of every key of a shard; that of `quantum` must not fit `quantum:{1}:...`."""
    return f"{keys.prefix}:*" if "{" in keys.prefix else f"{keys.prefix}:[^{{]*"


def _plus(commands: Iterable[str]) -> list[str]:
    return [f"+{command}" for command in commands]


def _selector(commands: Sequence[str], patterns: Sequence[str]) -> str:
    return "(" + " ".join(["-@all", *_plus(commands), *(f"~{pattern}" for pattern in patterns)]) + ")"
