"""A real `quantum up` over bar files whose market is led from moment to moment: it goes on when the chain is quiet.

So what a run decides does not depend on how fast the machine is. The market stands at every minute's close until P3.3
has seen its prices, and at every minute's open until all that follows from the closed bar is done and booked.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from redis import Redis

from quantum_common.keys import Keys
from services.paper_exchange.market.bars import MINUTE_MS, MinuteBars
from services.paper_exchange.market.prices import path_price
from tests.piped import piped

KEYS = Keys()
POINTS = 4
SPEED = 1200  # a minute of the market in 50 ms; four moments a minute
WITHIN_S = 60.0
POLL_S = 0.004
SNAPSHOT_EVERY_MS = 200


@dataclass
class SteppedRun:
    """The run in `folder` over the bars of a folder, with `warm` of them before its start."""

    folder: Path
    process: subprocess.Popen[str]
    bars: dict[str, MinuteBars]
    warm: int

    @classmethod
    def start(cls, data: Path, folder: Path, bars: dict[str, MinuteBars], warm: int, **environ: str) -> "SteppedRun":
        """Start it, and wait until every daemon is ready while the market stands."""
        command = [
            sys.executable, "-m", "services.cli", "up", "--market", f"csv:{data}", "--speed", str(SPEED), "--dir",
            str(folder), "--json", "--appendfsync", "everysec", "--exchange-option", "hold", "--exchange-option",
            f"warmup={warm}", "--exchange-option", "weight-limit=100000000",
        ]  # fmt: skip
        process = piped(command, {**os.environ, "P33_SNAPSHOT_EVERY_MS": str(SNAPSHOT_EVERY_MS), **environ})
        run = cls(folder, process, bars, warm)
        try:
            run._wait_for(lambda: (folder / "run.json").is_file() and run._redis_port() > 0)
            run.redis = Redis(port=run._redis_port(), decode_responses=True)
            run._wait_for(run._ready)
        except BaseException:
            run.kill()
            raise
        return run

    def __post_init__(self) -> None:
        self.redis: Redis = Redis()
        self.minute_ms = next(iter(self.bars.values())).first_open_ms + self.warm * MINUTE_MS
        self.symbols = tuple(self.bars)

    def step(self) -> None:
        """Play one minute: to each of its moments, until that is seen, then over it, until the chain is quiet again."""
        close_ms = self.minute_ms + MINUTE_MS
        index = self.warm + (self.minute_ms - self._first_ms) // MINUTE_MS
        for moment in range(1, POINTS):
            prices = {symbol: _price(bars, index, moment) for symbol, bars in self.bars.items()}
            self._market_to(self.minute_ms + (moment + 1) * MINUTE_MS // POINTS - 1)
            self._wait_for(lambda prices=prices: self._seen(prices))  # type: ignore[misc]
        self._market_to(close_ms)
        self._wait_for(lambda: self._recorded(close_ms - 1) and self._quiet())
        self.minute_ms = close_ms

    def stop(self) -> dict[str, Any]:
        """Stop it as Ctrl-C does, and return what it says of itself."""
        self.process.send_signal(signal.SIGINT)
        output, said = self.process.communicate(timeout=90)
        assert self.process.returncode == 0, said
        found: dict[str, Any] = json.loads(output)
        return found

    def kill(self) -> None:
        """End it and its children by their own ids, and remove what it kept."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def _first_ms(self) -> int:
        return next(iter(self.bars.values())).first_open_ms + self.warm * MINUTE_MS

    def _redis_port(self) -> int:
        return int(json.loads((self.folder / "run.json").read_bytes())["redis_port"])

    def _ready(self) -> bool:
        """Whether every group listens, the engine has its history, and every symbol its snapshot and ledger."""
        groups = {KEYS.intents: 1, KEYS.plans: 3, KEYS.permits: 1, KEYS.results: 2}
        if any(not self.redis.exists(stream) for stream in groups):
            return False
        listening = all(len(self.redis.xinfo_groups(stream)) == count for stream, count in groups.items())
        return (
            listening
            and self._recorded(self._first_ms - 1)
            and all(self.redis.exists(KEYS.snapshot(one), KEYS.ledger(one)) == 2 for one in self.symbols)
        )

    def _recorded(self, bar_close_ms: int) -> bool:
        return all(self.redis.hget(KEYS.market_state(one), "bar_close_ms") == str(bar_close_ms) for one in self.symbols)

    def _seen(self, prices: dict[str, Decimal]) -> bool:
        """Whether P3.3 has seen these prices, and holds ledgers that agree with what it saw."""
        for symbol, price in prices.items():
            shown: Any = self.redis.hgetall(KEYS.snapshot(symbol))
            ledger = self.redis.hget(KEYS.ledger(symbol), "position_amt")
            if Decimal(shown["mark_price"]) != price or shown["position_amt"] != ledger:
                return False
        return True

    def _quiet(self) -> bool:
        """Whether every entry of every stream is handled, and every plan has its result."""
        for stream in (KEYS.intents, KEYS.plans, KEYS.permits, KEYS.results):
            for group in self.redis.xinfo_groups(stream):
                if group["pending"] or group["lag"]:
                    return False
        return self.redis.xlen(KEYS.intents) == self.redis.xlen(KEYS.plans) == self.redis.xlen(KEYS.results)

    def _market_to(self, market_ms: int) -> None:
        """Let the market run up to a time, and wait until it stands there."""
        self._control(until_ms=market_ms)
        self._wait_for(lambda: self._control()["market_ms"] >= market_ms)

    def _control(self, **body: Any) -> Any:
        port = int((self.folder / "exchange" / "port").read_text(encoding="ascii"))
        http_link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            http_link.request("POST", "/paper/market", json.dumps(body))
            return json.loads(http_link.getresponse().read())
        finally:
            http_link.close()

    def _wait_for(self, what: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + WITHIN_S
        while not what():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline_s, f"did not come to pass: {what}"
            time.sleep(POLL_S)


def _price(bars: MinuteBars, index: int, moment: int) -> Decimal:
    """The price at a moment of a minute, as the exchange plays it."""
    path = (bars.open[index], bars.high[index], bars.low[index], bars.close[index])
    return Decimal(path_price(path, moment, POINTS)).scaleb(-bars.price_decimals)
