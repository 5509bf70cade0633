"""`python -m benchmarks`: all tables in under three minutes; each benchmark by its name, for as long as one likes."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    backtest,
    bar_to_intent,
    chain,
    governor_week,
    metrics_cost,
    neighbours,
    snapshot_cycle,
    sustained,
    train,
)
from benchmarks.children import BenchmarkFailed
from services.cli.embedded_redis import EmbeddedRedisError, Fsync

FSYNCS: Sequence[Fsync] = ("everysec", "always")
SYMBOLS = (12, 500)
CYCLES = 4
SHORT_S = 10


def run_all(options: argparse.Namespace) -> None:
    """Print every table; the neighbours beside the chain's own run with everysec."""
    runs = [chain.measure(fsync, options.seconds or SHORT_S) for fsync in options.fsync]
    for run in runs:
        _print(run.tables())
    _print(neighbours.compare(runs[0], options.seconds or SHORT_S))
    _print(sustained.measure(options.fsync[0], options.seconds or SHORT_S).tables())
    _print(snapshot_cycle.measure(SYMBOLS, CYCLES))
    _print(bar_to_intent.measure())


def run_chain(options: argparse.Namespace) -> None:
    """Print the hops of the chain."""
    for fsync in options.fsync:
        _print(chain.measure(fsync, options.seconds or 60, options.rate or chain.RATE).tables())


def run_sustained(options: argparse.Namespace) -> None:
    """Print what a steady load comes to."""
    for fsync in options.fsync[:1] if options.only_first else options.fsync:
        load = sustained.measure(
            fsync, options.seconds or 60, options.rate or sustained.RATE, options.symbols or sustained.SYMBOLS
        )
        _print(load.tables())


def run_snapshot(options: argparse.Namespace) -> None:
    """Print what a snapshot cycle costs."""
    symbols = (options.symbols,) if options.symbols else SYMBOLS
    _print(snapshot_cycle.measure(symbols, max((options.seconds or 20) // 2, 1)))


def run_neighbours(options: argparse.Namespace) -> None:
    """Print the chain beside its neighbours."""
    for fsync in options.fsync:
        seconds = options.seconds or 30
        _print(neighbours.compare(chain.measure(fsync, seconds, options.rate or chain.RATE), seconds))


def run_governor(options: argparse.Namespace) -> None:
    """Print the governor's verdicts over a replayed week of real bars."""
    _print(governor_week.run(options.klines))


def run_train(options: argparse.Namespace) -> None:
    """Print how long a training takes, and what its model is worth beside simpler things."""
    _print(train.run(options.klines, options.symbols or train.SYMBOLS))


def run_bar(options: argparse.Namespace) -> None:
    """Print how long a closed bar takes to become a wish."""
    _print(bar_to_intent.measure(options.symbols or bar_to_intent.SYMBOLS))


def run_backtest(options: argparse.Namespace) -> None:
    """Print the backtest's speed over real bars, beside its neighbours."""
    _print(backtest.run(options.klines, options.bars))


def run_metrics(_: argparse.Namespace) -> None:
    """Print what counting costs a message, and a scrape the service."""
    _print("\n\n".join(metrics_cost.run()))


BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "all": run_all,
    "chain": run_chain,
    "sustained": run_sustained,
    "snapshot": run_snapshot,
    "bar": run_bar,
    "governor": run_governor,
    "neighbours": run_neighbours,
    "backtest": run_backtest,
    "train": run_train,
    "metrics": run_metrics,
}


def main() -> None:
    """Given the command line, run a benchmark and print its tables. Exit with 1 where one cannot be run."""
    options = _parser().parse_args()
    options.only_first = not options.fsync
    options.fsync = options.fsync or FSYNCS
    if options.minutes:
        options.seconds = options.minutes * 60
    try:
        BENCHMARKS[options.benchmark](options)
    except (BenchmarkFailed, EmbeddedRedisError) as error:
        sys.exit(f"benchmarks: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    add = parser.add_argument
    add("benchmark", nargs="?", default="all", choices=list(BENCHMARKS), help="which one (default %(default)s)")
    add("--seconds", type=int, default=0, help="for how long, each (default: by benchmark)")
    add("--minutes", type=int, default=0, help="the same in minutes")
    add("--rate", type=float, default=0, help="wishes a second (default: 20, sustained: 300)")
    add(
        "--symbols",
        type=int,
        default=0,
        help="how many symbols (sustained: 240, snapshot: 12 and 500, train: 10, bar: 50)",
    )
    add("--fsync", action="append", choices=FSYNCS, help="when Redis syncs (default: both, sustained: everysec)")
    add(
        "--klines", "--data", type=Path, default=governor_week.KLINES,
        help="folder of <SYMBOL>-1m.csv.gz (governor, train, backtest)",
    )  # fmt: skip
    add("--bars", type=int, default=0, help="minutes to play (backtest; default: all there are)")
    return parser


def _print(text: str) -> None:
    print(f"{text}\n", flush=True)


if __name__ == "__main__":
    main()
