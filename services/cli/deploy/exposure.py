"""`python -m services.cli.deploy.exposure FILE` (`make security-table`): what each unit is exposed to, as a table.

The figures are those of `systemd-analyze security` over the units as shipped: 0 for nothing, 10 for everything.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.cli.deploy.place import shipped

BEGIN, END = "<!-- exposure: make security-table -->", "<!-- /exposure -->"
_LEVEL = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")
_SETTING = re.compile(r"^([A-Za-z]+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Exposed:
    """One unit, and what of it others can reach."""

    unit: str
    user: str
    network: str
    secrets: tuple[str, ...]
    writes: str
    level: float


def exposed() -> Iterator[Exposed]:
    """Yield every service that is shipped, by name. Raise OSError where there is no systemd-analyze."""
    for path in sorted((shipped("deploy") / "systemd").glob("*.service")):
        settings = [(found[1], found[2]) for found in _SETTING.finditer(path.read_text(encoding="utf-8"))]
        of = {name: [value for key, value in settings if key == name] for name, _ in settings}
        yield Exposed(
            unit=path.name,
            user=of["User"][0],
            network=_network(of),
            secrets=tuple(one.partition(":")[0] for one in of.get("LoadCredential", [])),
            writes=", ".join(f"/var/lib/{one}" for one in of.get("StateDirectory", [])) or "nothing",
            level=_level(path),
        )


def _network(of: dict[str, list[str]]) -> str:
    if "RestrictAddressFamilies" not in of:
        return "none: a unix socket"
    return "loopback" if of.get("IPAddressAllow") == ["localhost"] else "outside, loopback"


def _level(path: Path) -> float:
    """Given a unit beside its drop-ins, return its exposure."""
    done = subprocess.run(  # noqa: S603 - our own unit
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],  # noqa: S607
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = _LEVEL.search(done.stdout)
    if found is None:
        raise ValueError(f"systemd-analyze says nothing of {path}: {done.stderr.strip()}")
    return float(found[1])


def table() -> str:
    """Return the table in Markdown."""
    rows = [
        f"| `{one.unit}` | `{one.user}` | {one.network} | {', '.join(one.secrets)} | {one.writes} | {one.level:.1f} |"
        for one in exposed()
    ]
    head = "| unit | user | network | secrets | writes to | exposure |\n| --- | --- | --- | --- | --- | --- |"
    return "\n".join([head, *rows])


def with_table(page: str) -> str:
    """Given a page, return it with the table of now between its two marks. Raise ValueError where they are missing."""
    before, after = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:before]}\n{table()}\n{page[after:]}"


if __name__ == "__main__":
    where = Path(sys.argv[1])
    where.write_text(with_table(where.read_text(encoding="utf-8")), encoding="utf-8")
