"""The machine that a table was measured on: without it, a figure says nothing."""

import os
import platform
from pathlib import Path
from typing import Self

CPU_INFO = Path("/proc/cpuinfo")
MODEL_NAMES = ("model name", "Model", "Hardware")


class Machine:
    """One machine at the start of a benchmark; `line` closes the account at its end."""

    def __init__(self, redis_version: str, load_at_start: float) -> None:
        self.redis_version = redis_version
        self.load_at_start = load_at_start

    @classmethod
    def now(cls, redis_version: str) -> Self:
        """Given the Redis server's name and version, return the machine with its load average of this moment."""
        return cls(redis_version, os.getloadavg()[0])

    def line(self) -> str:
        """Return the line to print under a table, with the load average now beside the one at the start."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return (
            f"machine: {cores} cores ({cpu_model()}), {platform.system()} {platform.release()}, "
            f"Python {platform.python_version()}, {self.redis_version}, "
            f"load average {self.load_at_start:.2f} at the start, {os.getloadavg()[0]:.2f} at the end"
        )


def cpu_model(source: Path = CPU_INFO) -> str:
    """Given where the kernel tells of the processors, return the first one's model; the architecture where it is not
    told."""
    try:
        lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.machine()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in MODEL_NAMES and value.strip():
            return value.strip()
    return platform.machine()
