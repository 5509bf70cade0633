"""What quantum-redis.service runs around its server: mend the append-only file before it, wait for its answer after it.

`python -m services.cli.deploy.redis_start mend FOLDER BIN` and `... wait SOCKET PID`.
"""

import os
import sys
import time
from pathlib import Path

from services.cli.append_only import CannotMend, mend
from services.cli.embedded_redis import answers

TOOLS = ("valkey-check-aof", "redis-check-aof")
WAIT_S = 590.0  # a long append-only file takes its time; the unit's own limit comes first where it is shorter


def main(arguments: list[str]) -> int:
    """Given what to do, do it and return the exit status."""
    match arguments:
        case ["mend", folder, tools]:
            tool = next((Path(tools) / name for name in TOOLS if (Path(tools) / name).exists()), None)
            if tool is None:
                sys.stderr.write("quantum-redis: no redis-check-aof is installed: a torn tail is left to the server\n")
                return 0
            try:
                mend(Path(folder), tool)
            except CannotMend as error:
                sys.stderr.write(f"quantum-redis: {error}\n")
                return 1
            return 0
        case ["wait", path, pid] if pid.isdigit():
            deadline = time.monotonic() + WAIT_S
            while not answers(Path(path)):
                if not lives(int(pid)):
                    return 1  # the server has said why
                if time.monotonic() > deadline:
                    sys.stderr.write(f"quantum-redis: no answer on {path} within {WAIT_S:g} s\n")
                    return 1
                time.sleep(0.02)
            return 0
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2


def lives(pid: int) -> bool:
    """Return whether a process of ours is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
