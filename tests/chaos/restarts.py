"""`python -m tests.chaos.restarts` measures how long a kill -9 of each process keeps the chain from being right.

From the kill to the moment when the first plan that was written after it has come the whole way: its order filled, its
result written, its trade in the ledger's journal; 0.2 s of it is the supervisor's pause before the restart. Wishes are
written all the time, at --rate a second; every setting of time is as shipped. For the AI engine the plan must come from
a wish of its own, so the market's next bar is in the figure: at --speed 240 a bar closes every 0.25 s.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.cli.redis_link import GONE
from tests.chaos.history import History
from tests.chaos.recovery import percentile
from tests.chaos.settings import SHIPPED
from tests.chaos.stage import DAEMONS, PEERS, Stage
from tests.chaos.wishes import Injector

ENGINE = "ai-engine"
GIVE_UP_S = 60.0
CALM_S = 3.0
POLL_S = 0.01
LOOK_EVERY_S = 0.02


def main() -> int:
    """Kill everything in turn, several times, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.restarts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=4.0)
    parser.add_argument("--speed", type=int, default=240)
    found = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="chaos-"))
    took_s: dict[str, list[float]] = {target: [] for target in (*DAEMONS, *PEERS)}
    with (
        History(place / "history.jsonl") as history,
        Stage(place, found.seed, SHIPPED, history, symbols=12, speed=found.speed) as stage,
    ):
        injector = Injector(stage, found.rate)
        try:
            for target in [*took_s] * found.rounds:
                took_s[target].append(measure(stage, injector, target))
        except TimeoutError as error:
            print(f"{error}\nkept: {place}")
            return 1
    shutil.rmtree(place)
    print("\n".join(table(took_s)))
    return 0


def measure(stage: Stage, injector: Injector, target: str) -> float:
    """Given a target, let the chain run, kill it, and return after how many seconds the chain was right again."""
    _go_on(stage, injector, CALM_S)
    stage.kill(target)
    killed_ms = stage.history.note("invoke", "kill", target=target)
    until_s = time.monotonic() + GIVE_UP_S
    while time.monotonic() < until_s:
        _go_on(stage, injector, LOOK_EVERY_S)
        try:
            booked_ms = first_completed_ms(stage, killed_ms, ENGINE if target == ENGINE else "")
        except GONE:
            continue
        if booked_ms is not None:
            stage.history.note("ok", "kill", target=target, took_ms=booked_ms - killed_ms)
            return (booked_ms - killed_ms) / 1000
    raise TimeoutError(f"{target} was killed, and {GIVE_UP_S:g} s later no new plan had come the whole way")


def first_completed_ms(stage: Stage, killed_ms: int, source: str) -> int | None:
    """Given when something was killed, return when the first later plan, of that source, was filled and booked."""
    keys = stage.keys
    plans = {
        fields["plan_id"]
        for fields in _since(stage, keys.plans, killed_ms)
        if fields["source"] == (source or fields["source"])
    }
    filled = {
        one["plan_id"] for one in _since(stage, keys.results, killed_ms) if one["order_id"] and one["filled_qty"] != "0"
    }
    rows: Any = stage.redis.xrange(keys.journal, f"{killed_ms}-0")
    booked = (int(entry.partition("-")[0]) for entry, fields in rows if fields["plan_id"] in plans & filled)
    return next(booked, None)


def _since(stage: Stage, stream: str, since_ms: int) -> Iterator[dict[str, str]]:
    rows: Any = stage.redis.xrange(stream, f"{since_ms + 1}-0")
    return (fields for _, fields in rows)


def _go_on(stage: Stage, injector: Injector, for_s: float) -> None:
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        stage.tend()
        injector.step()
        time.sleep(POLL_S)


def table(took_s: dict[str, list[float]]) -> Iterator[str]:
    """Given the figures by target, yield the lines of a table, and the machine they were taken on."""
    yield "| killed with kill -9 | p50 s | max s | kills |"
    yield "| --- | --- | --- | --- |"
    for target, figures in took_s.items():
        yield f"| {target} | {percentile(figures, 0.5):.2f} | {max(figures):.2f} | {len(figures)} |"
    yield f"\n{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
