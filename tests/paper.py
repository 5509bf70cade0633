"""A paper exchange as a process of its own, on a free port, for tests that talk to it over the wire.

    paper = start_paper(tmp_path, "--market", "synthetic:7")
    try:
        client = paper_client(paper)       # python-binance's plain AsyncClient, only its URLs changed
        ...
    finally:
        paper.stop()

`stop` ends the process by its own pid and is safe to call twice; `kill` is kill -9. Every option of
`python -m services.paper_exchange --help` may be given; `--port 0` and `--port-file` always are.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from binance import AsyncClient, BinanceSocketManager

from services.cli.process import spawn
from services.paper_exchange.options import DEMO_KEY, DEMO_SECRET
from services.paper_exchange.protocol.signature import sign

START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
API_KEY, API_SECRET = DEMO_KEY, DEMO_SECRET


@dataclass(slots=True)
class PaperProcess:
    """A running paper exchange: its addresses, its process and its control path."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """The base of REST addresses, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The base of websocket addresses, without a slash at its end."""
        return f"ws://127.0.0.1:{self.port}"

    def stop(self) -> int:
        """Ask it to stop, wait, and return its exit status. Raise AssertionError where it has printed a traceback."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        printed = self.log.read_text()
        if "Traceback" in printed:
            raise AssertionError(printed)
        return status

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.process.kill()
        self.process.wait(STOP_WITHIN_S)

    def control(self, method: str, name: str, /, **body: Any) -> Any:
        """Given a method and the name of a control (`faults`, `market`, `state`, ...), do it and return its answer."""
        request = urllib.request.Request(f"{self.url}/paper/{name}", json.dumps(body).encode(), method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- http on loopback
            return json.loads(answer.read())

    def fault(self, kind: str, /, **order: Any) -> Any:
        """Given a kind of the fault menu and its particulars, lay the fault."""
        return self.control("POST", "faults", kind=kind, **order)

    def state(self) -> Any:
        """Return everything the exchange knows."""
        return self.control("GET", "state")


def start_paper(tmp_path: Path, *options: str, within_s: float = START_WITHIN_S) -> PaperProcess:
    """Given a folder for its port file and log, and options, start a paper exchange and wait until it serves.

    Raise RuntimeError with what it printed where it ends or is not ready in time.
    """
    number = len(list(tmp_path.glob("paper-*.log")))
    port_file, log = tmp_path / f"paper-{number}.port", tmp_path / f"paper-{number}.log"
    command = [sys.executable, "-m", "services.paper_exchange", "--port", "0", "--port-file", str(port_file), *options]
    process = spawn(command, log, _environment())  # the kernel ends it where the tests are killed
    end_s = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < end_s:
        if port_file.exists() and port_file.read_text().endswith("\n"):
            return PaperProcess(process, int(port_file.read_text()), log)
        time.sleep(0.02)
    process.kill()
    process.wait(STOP_WITHIN_S)
    raise RuntimeError(f"the paper exchange did not start: {log.read_text()}")


class Answer(NamedTuple):
    """What came back for a request sent by hand."""

    status: int
    headers: dict[str, str]
    body: Any


def send(
    paper: PaperProcess, method: str, path: str, query: str, *, body: str = "", key: str | None = API_KEY
) -> Answer:
    """Given a raw query and body, send them as they are and return the answer, whatever its status."""
    headers = {} if key is None else {"X-MBX-APIKEY": key}
    address = f"{paper.url}{path}" + (f"?{query}" if query else "")
    request = urllib.request.Request(address, body.encode() or None, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 -- http on loopback
            return Answer(answer.status, dict(answer.headers), json.loads(answer.read()))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, dict(refusal.headers), json.loads(refusal.read()))


def send_signed(paper: PaperProcess, method: str, path: str, /, **params: object) -> Answer:
    """Given parameters, stamp them where they bear no timestamp, sign them, send them, and return the answer."""
    params.setdefault("timestamp", int(time.time() * 1000))
    query = urllib.parse.urlencode(params)
    return send(paper, method, path, f"{query}&signature={sign(API_SECRET, query.encode())}")


def client_class(paper: PaperProcess) -> type[AsyncClient]:
    """Given a paper exchange, return python-binance's client with nothing but its URLs changed."""
    urls = {
        "API_URL": f"{paper.url}/api",
        "FUTURES_URL": f"{paper.url}/fapi",
        "FUTURES_DATA_URL": f"{paper.url}/futures/data",
        "MARGIN_API_URL": f"{paper.url}/sapi",
        "WS_FUTURES_URL": f"{paper.ws_url}/ws-fapi/v1",
        "WS_API_URL": f"{paper.ws_url}/ws-api/v3",
    }
    return type("PaperClient", (AsyncClient,), urls)


def paper_client(paper: PaperProcess, key: str = API_KEY, secret: str = API_SECRET) -> AsyncClient:
    """Given a paper exchange, return a client of it, made inside a running loop; `close_connection` closes it."""
    return client_class(paper)(key, secret)


def socket_manager(paper: PaperProcess, client: AsyncClient) -> BinanceSocketManager:
    """Given a paper exchange and its client, return the manager of its websockets."""
    manager = BinanceSocketManager(client, max_queue_size=100_000)
    manager.FSTREAM_URL = f"{paper.ws_url}/"
    return manager


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parent.parent)
    return {**os.environ, "PYTHONPATH": root}


async def flatten(client: AsyncClient) -> None:
    """Cancel all and close all, as an operator would."""
    for symbol in {row["symbol"] for row in await client.futures_get_open_orders()}:
        await client.futures_cancel_all_open_orders(symbol=symbol)
    for symbol in {row["symbol"] for row in await client.futures_get_open_algo_orders()}:
        await client.futures_cancel_all_algo_open_orders(symbol=symbol)
    for row in await client.futures_position_information():
        amount = Decimal(row["positionAmt"])
        if amount:
            side = "SELL" if amount > 0 else "BUY"
            await client.futures_create_order(
                symbol=row["symbol"], side=side, type="MARKET", quantity=str(abs(amount)), reduceOnly="true"
            )
