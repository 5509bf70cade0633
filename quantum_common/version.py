"""Which build runs: the package's version and the commit that it was made of. Shown in heartbeats and by `version`."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@cache
def build_id() -> str:
    """Return `<version>+<commit>` in a checkout and where `quantum deploy` installed it, else `<version>`."""
    installed = Path(__file__).with_name("BUILD")
    if installed.is_file():
        return installed.read_text(encoding="utf-8").strip()
    try:
        number = version("quantum")
    except PackageNotFoundError:
        number = "0"
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return number
    try:
        commit = subprocess.run(  # noqa: S603 - fixed words
            # A service is another user than the checkout's, which git would refuse; the code in it runs already.
            ["git", "-C", str(root), "-c", f"safe.directory={root}", "rev-parse", "--short=10", "HEAD"],  # noqa: S607 - on PATH
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return number
    return f"{number}+{commit.stdout.strip()}"
