"""Folders of made bars: a random walk by a fixed seed, each bar opening where the last one closed."""

import gzip
import random
from collections.abc import Sequence
from pathlib import Path

MINUTE_MS = 60_000
START_MS = 1_750_003_200_000  # a midnight UTC
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")


def write_klines(
    folder: Path, minutes: int, symbols: Sequence[str] = SYMBOLS, seed: int = 7, start_ms: int = START_MS
) -> Path:
    """Write a file of minute bars for each symbol and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, symbol in enumerate(symbols):
        rng = random.Random(f"{seed}{symbol}")
        price = 1_000_00 * (number + 1)  # in cents
        rows = ["open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,x,ignore"]
        drift = 0.0
        for minute in range(minutes):
            drift = 0.97 * drift + rng.gauss(0.0, 0.0002)
            close = max(round(price * (1.0 + drift + rng.gauss(0.0, 0.0008))), 100)
            high = max(price, close) + abs(round(rng.gauss(0.0, 0.0005) * price))
            low = min(price, close) - abs(round(rng.gauss(0.0, 0.0005) * price))
            open_ms = start_ms + minute * MINUTE_MS
            prices = ",".join(f"{value / 100:.2f}" for value in (price, high, low, close))
            rows.append(f"{open_ms},{prices},{rng.uniform(20, 90):.3f},{open_ms + MINUTE_MS - 1},0,0,0,0,0")
            price = close
        with gzip.open(folder / f"{symbol}-1m.csv.gz", "wt", encoding="ascii") as file:
            file.write("\n".join(rows) + "\n")
    return folder
