"""`quantum redis`: one command to the Redis of the running `quantum up`, or of the settings, answered as by redis-cli.

The embedded Redis ships no command line of its own, and operators should not need one to look in.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import ResponseError

from quantum_common.redis_client import why_gone
from services.cli.complaint import Complaint
from services.cli.options import EXIT_USAGE
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of, settings_of

ENDLESS = frozenset({"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC"})
STATUS_REPLIES = frozenset({b"OK", b"PONG", b"QUEUED"})
_ESCAPES = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord('"'): '\\"', ord("\\"): "\\\\"}


def run_redis(words: Sequence[str], folder: Path | None) -> int:
    """Given a command's words, and a run's folder or None for the newest, print the reply and return the exit status.

    Raise Complaint where there is no Redis to ask.
    """
    if not words:
        raise Complaint("redis: give a command, such as: quantum redis XLEN quantum:stream:apply.plan", EXIT_USAGE)
    if words[0].upper() in ENDLESS:
        raise Complaint(f"redis: {words[0]} never ends; use redis-cli for it", EXIT_USAGE)
    address = address_of(settings_of("redis", folder))
    client = connect(address, text=False, timeout_s=None)
    try:
        connection: Any = client.connection_pool.get_connection()
        connection.send_command(*words)
        reply: Any = connection.read_response()
    except ResponseError as error:
        reply = error
    except GONE as error:
        raise Complaint(f"redis at {address.url} does not answer: {why_gone(error)}", status=1) from None
    finally:
        client.close()
    lines = shown(reply) if sys.stdout.isatty() else raw(reply)
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if isinstance(reply, ResponseError) else 0


def shown(reply: Any) -> list[str]:
    """Given a reply, return its lines as redis-cli prints them for people."""
    match reply:
        case None:
            return ["(nil)"]
        case ResponseError():
            return [f"(error) {reply}"]
        case int():
            return [f"(integer) {reply}"]
        case bytes() if reply in STATUS_REPLIES:
            return [reply.decode()]
        case bytes():
            return [_quoted(reply)]
        case list() if not reply:
            return ["(empty array)"]
        case list():
            width = len(str(len(reply)))
            lines = []
            for number, part in enumerate(reply, 1):
                head = f"{number:>{width}}) "
                first, *rest = shown(part)
                lines += [head + first, *(" " * len(head) + line for line in rest)]
            return lines
        case _:
            return [str(reply)]


def raw(reply: Any) -> list[str]:
    """Given a reply, return its lines as redis-cli prints them into a pipe: values alone."""
    match reply:
        case None:
            return [""]
        case ResponseError():
            return [str(reply)]
        case bytes():
            return [reply.decode(errors="surrogateescape")]
        case list():
            return [line for part in reply for line in raw(part)]
        case _:
            return [str(reply)]


def _quoted(text: bytes) -> str:
    """Given bytes, return them in double quotes, what cannot be printed escaped."""
    try:
        characters = text.decode()
    except UnicodeDecodeError:
        return '"' + "".join(_ESCAPES.get(byte) or _printed(byte) for byte in text) + '"'
    return '"' + "".join(_ESCAPES.get(ord(letter), letter) for letter in characters) + '"'


def _printed(byte: int) -> str:
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
