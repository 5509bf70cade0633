"""What a process has used so far, as the kernel counts it."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 1024**2


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time in seconds (user and system) and resident memory in MiB."""

    cpu_s: float
    rss_mib: float

    def share_since(self, earlier: "Usage", wall_s: float) -> float:
        """Given an earlier usage and the time between, return the share of one core used in it, in percent."""
        return 100 * (self.cpu_s - earlier.cpu_s) / wall_s if wall_s > 0 else 0.0


def usage(pid: int, proc: Path = Path("/proc")) -> Usage:
    """Given a process id, return what it has used. Raise OSError where there is no such process."""
    stat = (proc / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    fields = stat.rpartition(")")[2].split()  # the command's name, in brackets, may hold anything
    resident_pages = int((proc / str(pid) / "statm").read_text(encoding="ascii").split()[1])
    return Usage((int(fields[11]) + int(fields[12])) / TICKS_PER_S, resident_pages * PAGE_MIB)
