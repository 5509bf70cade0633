"""The seeds that ever failed."""

from pathlib import Path

FILE = Path(__file__).with_name("seeds.txt")


def failed_before() -> list[int]:
    """Return the seeds of `seeds.txt`, in its order."""
    lines = (line.partition("#")[0].strip() for line in FILE.read_text(encoding="utf-8").splitlines())
    return [int(line) for line in lines if line]
