"""Redis' append-only file, before a server reads it: a torn tail is cut off by the server's own tool.

The server would keep the whole commands of a torn transaction. Only the newest increment can be torn: the one before it
was closed when it began.
"""

import subprocess
from pathlib import Path


class CannotMend(Exception):
    """The tool could not mend the file; the text says which and what it said."""


def mend(folder: Path, tool: Path) -> None:
    """Given the folder of a server's data and the tool, cut off what is torn. Raise CannotMend where that fails."""
    increments = sorted((folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))
    if not increments:
        return
    done = subprocess.run(  # noqa: S603 - the server's own tool
        [str(tool), "--fix", str(increments[-1])], input=b"y\n", capture_output=True, check=False
    )
    if done.returncode != 0:
        words = done.stdout.decode(errors="replace").strip().splitlines()
        raise CannotMend(f"{increments[-1]}: cannot be mended: {words[-1] if words else 'no word'}")
