"""NautilusTrader's own EMA cross over our bars, in a virtual environment of its own; prints one JSON object.

    python neighbour_nautilus.py KLINES SYMBOL,SYMBOL BARS FAST SLOW

Nothing of ours is imported. The time is from the first bar to the last; reading the files is not in it.
"""

import csv
import gzip
import json
import resource
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler

VENUE = Venue("BINANCE")


def main() -> None:
    """Run it and print bars, orders, seconds of CPU and memory."""
    folder, symbols, bars = Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3])
    fast, slow = int(sys.argv[4]), int(sys.argv[5])
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USDT)], base_currency=None)
    count = sum(_add(engine, folder, symbol, bars, fast, slow) for symbol in symbols)
    cpu_s = time.process_time()
    engine.run()
    found = {
        "bars": count,
        "orders": engine.cache.orders_total_count(),
        "cpu": time.process_time() - cpu_s,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(found))


def _add(engine: Any, folder: Path, symbol: str, bars: int, fast: int, slow: int) -> int:
    """Add a symbol's instrument, bars and strategy; return how many bars."""
    rows = _rows(folder / f"{symbol}-1m.csv.gz", bars)
    places = max(len(price.partition(".")[2]) for row in rows for price in row[1:5])
    instrument = CryptoPerpetual(
        InstrumentId(Symbol(f"{symbol}-PERP"), VENUE), Symbol(symbol), BTC, USDT, USDT, False, places, 3,  # noqa: FBT003
        Price(10**-places, places), Quantity.from_str("0.001"), 0, 0, margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.02"), maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0005"),
    )  # fmt: skip
    engine.add_instrument(instrument)
    kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    frame = pd.DataFrame(
        [[float(value) for value in row[1:6]] for row in rows], columns=["open", "high", "low", "close", "volume"],
        index=pd.to_datetime([int(row[0]) + 60_000 for row in rows], unit="ms", utc=True),
    )  # fmt: skip
    engine.add_data(BarDataWrangler(kind, instrument).process(frame))
    config = EMACrossConfig(
        instrument_id=instrument.id, bar_type=kind, trade_size=Decimal("0.010"), fast_ema_period=fast,
        slow_ema_period=slow, order_id_tag=symbol[:8],
    )  # fmt: skip
    engine.add_strategy(EMACross(config))
    return len(rows)


def _rows(path: Path, bars: int) -> list[list[str]]:
    with gzip.open(path, "rt", encoding="ascii") as file:
        rows = (row[:6] for row in csv.reader(file) if row[0].isdigit())
        return [row for _, row in zip(range(bars), rows, strict=False)]


if __name__ == "__main__":
    main()
