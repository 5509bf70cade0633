"""What the paper exchange can be told: options of the command line, some of them from the environment."""

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from services.paper_exchange.engine.enums import ReduceOnlyExcess
from services.paper_exchange.market.catalogue import DEFAULT_SYMBOLS, SYMBOLS_MAX

EXIT_CONFIG = 78  # EX_CONFIG: a supervisor must not start us again before someone has looked
DEMO_KEY = "PaperExchangeDemoKeyForLoopbackUseOnlyNoMoneyBehindIt00000000000"
DEMO_SECRET = "PaperExchangeDemoWordForLoopbackUseOnlyNothingAtStake00000000000"  # noqa: S105 -- published, guards nothing
KEY_VARIABLE, SECRET_VARIABLE = "QUANTUM_PAPER_API_KEY", "QUANTUM_PAPER_API_SECRET"


class BadOption(Exception):
    """An option that makes no sense; the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """Everything the paper exchange is told at its start; times bear their unit."""

    market: str  # csv:DIR or synthetic:SEED
    host: str
    port: int  # 0 picks a free one
    port_file: Path | None
    speed: int  # market minutes per wall minute
    start: str  # of a replay: a bar's open time in epoch ms, or the number of a minute; empty: after the warm-up
    align_now: bool
    hold: bool  # the market stands at its start until a tester lets it go
    warmup: int  # bars before the start
    symbols: int
    state: Path | None
    balance: Decimal  # USDT of a new account
    api_key: str
    api_secret: str
    weight_limit: int
    order_limit_10s: int
    order_limit_1m: int
    websocket_life_s: int
    listen_key_life_s: int
    reduce_only_excess: ReduceOnlyExcess
    retain: int  # finished orders and trades kept in memory; 0 is all
    fault_seed: int
    withdrawals: bool  # the API key may withdraw: what a careful client refuses


def parse_options(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Given the arguments and the environment, return the options. Raise BadOption on a bad one."""
    found = _parser(environment).parse_args(arguments)
    key, secret = found.api_key, found.api_secret
    if found.key_file is not None:
        key, secret = _read_key_file(found.key_file)
    kind, _, value = found.market.partition(":")
    if kind not in ("csv", "synthetic") or not value:
        raise BadOption(f"--market {found.market}: give csv:DIR or synthetic:SEED, such as synthetic:7")
    if kind == "synthetic" and not value.isdigit():
        raise BadOption(f"--market {found.market}: the seed must be a whole number, such as synthetic:7")
    if kind == "synthetic" and (found.start or found.align_now):
        raise BadOption("--start and --align-now are for csv markets; leave them out with synthetic")
    return Options(
        market=found.market,
        host=found.host,
        port=found.port,
        port_file=found.port_file,
        speed=found.speed,
        start=found.start or "",
        align_now=found.align_now,
        hold=found.hold,
        warmup=found.warmup,
        symbols=found.symbols,
        state=found.state,
        balance=found.balance,
        api_key=key,
        api_secret=secret,
        weight_limit=found.weight_limit,
        order_limit_10s=found.order_limit_10s,
        order_limit_1m=found.order_limit_1m,
        websocket_life_s=found.websocket_life_s,
        listen_key_life_s=found.listen_key_life_s,
        retain=found.retain,
        reduce_only_excess=ReduceOnlyExcess(found.reduce_only_excess),
        fault_seed=found.fault_seed,
        withdrawals=found.withdrawals,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # argparse would exit with 2
        raise BadOption(f"{message}; --help lists the options")


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="quantum-paper-exchange", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--market", default="synthetic:7", help="csv:DIR or synthetic:SEED (default %(default)s)")
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=_whole(0, 65_535), default=9001, help="port; 0 picks a free one (default %(default)s)")
    add("--port-file", type=Path, help="file to write the port to once ready")
    add("--speed", type=_whole(1, 10_000), default=1, help="how much faster than the wall the market runs")
    add("--start", type=_start_time, help="csv: open time (epoch ms) or number of the first minute")
    add("--align-now", action="store_true", help="csv: shift all times by whole minutes so that it starts now")
    add("--hold", action="store_true", help="stand at the start until /paper/market lets the market go")
    add("--warmup", type=_whole(0, 100_000), default=1500, help="bars before the start (default %(default)s)")
    add("--symbols", type=_whole(1, SYMBOLS_MAX), default=DEFAULT_SYMBOLS, help="synthetic: how many contracts")
    add("--state", type=Path, help="folder that survives a restart; without it the memory dies with the process")
    add("--balance", type=_money, default=Decimal(10_000), help="USDT of a new account (default %(default)s)")
    add("--api-key", default=environment.get(KEY_VARIABLE, DEMO_KEY), help=f"also {KEY_VARIABLE}; default a demo key")
    add("--api-secret", default=environment.get(SECRET_VARIABLE, DEMO_SECRET), help=f"also {SECRET_VARIABLE}")
    add("--key-file", type=Path, help="file with the key on its first line and the secret on its second")
    add("--weight-limit", type=_whole(1, 10**9), default=2400, help="request weight a minute (default %(default)s)")
    add("--order-limit-10s", type=_whole(1, 10**9), default=300, help="orders in ten seconds (default %(default)s)")
    add("--order-limit-1m", type=_whole(1, 10**9), default=1200, help="orders a minute (default %(default)s)")
    add("--websocket-life-s", type=_whole(1, 10**6), default=86_400, help="life of a websocket (default %(default)s)")
    add("--listen-key-life-s", type=_whole(1, 10**6), default=3600, help="life of a listen key (default %(default)s)")
    choices = [str(word) for word in ReduceOnlyExcess]
    add("--reduce-only-excess", choices=choices, default="EXPIRE", help="what a reduce-only excess comes to")
    add(
        "--retain",
        type=_whole(0, 10**9),
        default=10_000,
        help="finished orders and trades kept in memory, 2 KB each; older ones come from --state",
    )
    add("--fault-seed", type=_whole(0, 2**63), default=1, help="seed of the fault menu's chance")
    add(
        "--withdrawals", action="store_true", help="give the API key the right to withdraw, which clients should refuse"
    )
    return parser


def _whole(low: int, high: int) -> "type[int]":
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,19}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse  # type: ignore[return-value]  # argparse takes any callable


def _money(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 10**12:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount of USDT")
    return amount


def _start_time(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,14}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither an open time in epoch ms nor the number of a minute")
    return text


def _read_key_file(path: Path) -> tuple[str, str]:
    try:
        lines = path.read_text().split()
    except OSError as error:
        raise BadOption(f"{path}: cannot be read: {error.strerror}") from None
    if len(lines) != 2:
        raise BadOption(f"{path}: must hold the API key on line 1 and the secret on line 2, and nothing else")
    return lines[0], lines[1]
