"""Lengths of time as people say them."""


def span(ms: float) -> str:
    """Given milliseconds, return them in two units at most: `350 ms`, `4.2 s`, `3m 12s`, `2h 05m`, `3d 4h`."""
    if ms < 0:
        return f"-{span(-ms)}"
    if ms < 1_000:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    seconds = int(ms / 1000)
    if seconds < 3_600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < 86_400:
        return f"{seconds // 3600}h {seconds // 60 % 60:02d}m"
    return f"{seconds // 86_400}d {seconds // 3600 % 24}h"
