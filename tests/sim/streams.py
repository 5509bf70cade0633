"""Streams and consumer groups of the simulated Redis."""

from collections.abc import Iterable, Mapping
from typing import Any

from redis.exceptions import ResponseError

from tests.sim.values import Values

EntryId = tuple[int, int]
Entry = tuple[EntryId, dict[str, str]]


class Stream:
    """Entries in order, and the groups that read them. `gone` are entries that were trimmed: the checkers' memory."""

    __slots__ = ("entries", "gone", "groups", "last")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.gone: list[Entry] = []
        self.last = (0, 0)
        self.groups: dict[str, Group] = {}

    def trim(self, count: int) -> int:
        """Drop the oldest so many entries."""
        self.gone += self.entries[:count]
        del self.entries[:count]
        return count


class Group:
    """A consumer group: how far it has read, and what is pending: id → (consumer, deliveries)."""

    __slots__ = ("last", "pending")

    def __init__(self, last: EntryId) -> None:
        self.last = last
        self.pending: dict[EntryId, tuple[str, int]] = {}


def id_text(entry_id: EntryId) -> str:
    """Return an entry id as Redis writes it."""
    return f"{entry_id[0]}-{entry_id[1]}"


def id_of(text: str, seq: int = 0) -> EntryId:
    """Given an entry id or a bound, return it as a pair; `seq` completes one that names only milliseconds."""
    if text == "-":
        return (0, 0)
    if text == "+":
        return (2**63, 2**63)
    ms, _, rest = text.partition("-")
    return int(ms), int(rest) if rest else seq


class Streams(Values):
    """The commands on streams."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.written: list[str] = []  # streams that were written since somebody asked: who blocks on them wakes

    def _stream(self, key: str) -> Stream:
        value = self._get(key, Stream)
        if value is None:
            value = self.values[key] = Stream()
        return value  # type: ignore[no-any-return]

    def _group(self, key: str, group: str) -> Group:
        stream = self._get(key, Stream)
        found = stream.groups.get(group) if stream else None
        if found is None:
            raise ResponseError(f"NOGROUP No such key '{key}' or consumer group '{group}'")
        return found  # type: ignore[no-any-return]

    def do_xadd(self, key: str, *args: str) -> str:
        stream, rest = self._stream(key), list(args)
        most = None
        if rest[0].upper() == "MAXLEN":
            about = rest[1] in "~="
            most = None if rest[1] == "~" else int(rest[1 + about])  # an approximate bound trims nothing so small
            rest = rest[2 + about :]
        now = self._now_ms()
        entry_id = (now, 0) if now > stream.last[0] else (stream.last[0], stream.last[1] + 1)
        if rest[0] != "*":
            entry_id = id_of(rest[0])
        stream.last = entry_id
        stream.entries.append((entry_id, dict(zip(rest[1::2], rest[2::2], strict=True))))
        if most is not None:
            stream.trim(max(0, len(stream.entries) - most))
        self.written.append(key)
        return id_text(entry_id)

    def do_xack(self, key: str, group: str, *ids: str) -> int:
        stream = self._get(key, Stream)
        found = stream.groups.get(group) if stream else None
        return sum(found.pending.pop(id_of(text), None) is not None for text in ids) if found else 0

    def do_xpending(self, key: str, group: str, low: str = "", high: str = "", count: str = "0") -> list[Any]:
        found = self._group(key, group)
        if not low:
            ids, owners = sorted(found.pending), [owner for owner, _ in found.pending.values()]
            if not ids:
                return [0, None, None, None]
            counts = [[owner, str(owners.count(owner))] for owner in sorted(set(owners))]
            return [len(ids), id_text(ids[0]), id_text(ids[-1]), counts]
        bottom, top = id_of(low), id_of(high, 2**63)
        rows = [[id_text(i), owner, 0, n] for i, (owner, n) in sorted(found.pending.items()) if bottom <= i <= top]
        return rows[: int(count)]

    def do_xinfo(self, _what: str, key: str) -> list[list[Any]]:
        stream = self._stream(key)
        return [
            ["name", name, "pending", len(group.pending), "last-delivered-id", id_text(group.last)]
            for name, group in sorted(stream.groups.items())
        ]

    def do_xtrim(self, key: str, word: str, *args: str) -> int:
        stream: Stream | None = self._get(key, Stream)
        if stream is None:
            return 0
        if word.upper() == "MINID":
            low = id_of(args[-1])
            return stream.trim(sum(entry_id < low for entry_id, _ in stream.entries))
        return stream.trim(max(0, len(stream.entries) - int(args[-1])))

    def do_xlen(self, key: str) -> int:
        stream = self._get(key, Stream)
        return len(stream.entries) if stream else 0

    def do_xrange(
        self, key: str, low: str = "-", high: str = "+", _word: str = "", count: str = "0"
    ) -> list[list[Any]]:
        stream = self._get(key, Stream)
        bottom, top = id_of(low), id_of(high, 2**63)
        rows = [(i, fields) for i, fields in stream.entries if bottom <= i <= top] if stream else []
        return [[id_text(i), flat(fields)] for i, fields in (rows[: int(count)] if int(count) else rows)]

    def do_xrevrange(
        self, key: str, high: str = "+", low: str = "-", _word: str = "", count: str = "0"
    ) -> list[list[Any]]:
        rows = self.do_xrange(key, low, high)[::-1]
        return rows[: int(count)] if int(count) else rows

    # --- what a consumer does, in fewer words than XREADGROUP has ---------------------------------------------------

    def make_group(self, key: str, group: str) -> None:
        """XGROUP CREATE from the beginning, with MKSTREAM; one that exists stays."""
        self._stream(key).groups.setdefault(group, Group((0, 0)))

    def read_pending(self, key: str, group: str, consumer: str) -> list[tuple[str, dict[str, str] | None, int]]:
        """XREADGROUP from 0: what is pending for a consumer, oldest first, with how often it was delivered."""
        found = self._group(key, group)
        bodies = dict(self._stream(key).entries)
        rows = []
        for entry_id in sorted(found.pending):
            owner, count = found.pending[entry_id]
            if owner == consumer:
                found.pending[entry_id] = (owner, count + 1)
                rows.append((id_text(entry_id), bodies.get(entry_id), count + 1))
        return rows

    def read_new(self, keys: Iterable[str], group: str, consumer: str) -> list[tuple[str, str, dict[str, str]]]:
        """XREADGROUP from >: what no consumer of the group was given yet."""
        rows = []
        for key in keys:
            found = self._group(key, group)
            entries = self._stream(key).entries
            if not entries or entries[-1][0] <= found.last:
                continue
            for entry_id, fields in entries:
                if entry_id > found.last:
                    found.last = entry_id
                    found.pending[entry_id] = (consumer, 1)
                    rows.append((key, id_text(entry_id), fields))
        return rows

    # --- what the checkers ask ------------------------------------------------------------------------------------

    def history(self, key: str) -> list[tuple[str, dict[str, str]]]:
        """Return every entry that this server remembers to have had, trimmed ones included."""
        stream = self._get(key, Stream)
        return [(id_text(i), fields) for i, fields in (*stream.gone, *stream.entries)] if stream else []

    def groups(self, key: str) -> list[str]:
        """Return the names of a stream's groups."""
        stream = self._get(key, Stream)
        return sorted(stream.groups) if stream else []

    def unread_by(self, key: str, group: str) -> int:
        """Return how many entries a group has not been given."""
        last = self._group(key, group).last
        return sum(entry_id > last for entry_id, _ in self._stream(key).entries)

    def pending(self, key: str) -> int:
        """Return how many entries of a stream are delivered and not acknowledged."""
        stream = self._get(key, Stream)
        return sum(len(group.pending) for group in stream.groups.values()) if stream else 0

    def unread(self, key: str) -> int:
        """Return how many entries some group has not been given."""
        stream = self._get(key, Stream)
        if not stream:
            return 0
        return sum(entry_id > group.last for group in stream.groups.values() for entry_id, _ in stream.entries)


def flat(mapping: Mapping[Any, Any]) -> list[str]:
    """Return a mapping as the arguments of a command."""
    return [str(part) for pair in mapping.items() for part in pair]
