"""freqtrade's backtest of an EMA cross over our bars, in a virtual environment of its own; prints one JSON object.

    python neighbour_freqtrade.py KLINES SYMBOL,SYMBOL BARS FAST SLOW

Nothing of ours is imported. Its exchange is kept from asking the network; what it answers then is said here. The time
is of its indicators, signals and loop; reading the files is not in it.
"""

import csv
import gzip
import json
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, PropertyMock, patch

import pandas as pd
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType, RunMode
from freqtrade.optimize.backtesting import Backtesting

STRATEGY = """
from freqtrade.strategy import IStrategy
class Ema(IStrategy):
    timeframe, minimal_roi, stoploss, startup_candle_count = "1m", {{"0": 10}}, -0.9, 0
    def populate_indicators(self, df, metadata):
        df["fast"] = df["close"].ewm(span={fast}, adjust=False).mean()
        df["slow"] = df["close"].ewm(span={slow}, adjust=False).mean()
        return df
    def populate_entry_trend(self, df, metadata):
        df.loc[(df.fast > df.slow) & (df.fast.shift() <= df.slow.shift()), "enter_long"] = 1
        return df
    def populate_exit_trend(self, df, metadata):
        df.loc[(df.fast < df.slow) & (df.fast.shift() >= df.slow.shift()), "exit_long"] = 1
        return df
"""


def main() -> None:
    """Run it and print bars, orders, seconds of CPU and memory."""
    logging.disable(logging.CRITICAL)
    folder, symbols, bars = Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3])
    with tempfile.TemporaryDirectory(prefix="freqtrade-") as name:
        place = Path(name)
        (place / "data").mkdir()
        (place / "ema.py").write_text(STRATEGY.format(fast=int(sys.argv[4]), slow=int(sys.argv[5])))
        count = sum(_store(place, folder, symbol, bars) for symbol in symbols)
        with patch.multiple("freqtrade.exchange.exchange.Exchange", **_offline(symbols)):
            run = Backtesting(_config(place, symbols))
            data, timerange = run.load_bt_data()
            [strategy] = run.strategylist
            cpu_s = time.process_time()
            run.backtest_one_strategy(strategy, data, timerange)
            trades = run.all_bt_content[strategy.get_strategy_name()]["results"]
            found = {
                "bars": count,
                "orders": 2 * len(trades),
                "cpu": time.process_time() - cpu_s,
                "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
    print(json.dumps(found))


def _pair(symbol: str) -> str:
    return f"{symbol.removesuffix('USDT')}/USDT"


def _store(place: Path, folder: Path, symbol: str, bars: int) -> int:
    with gzip.open(folder / f"{symbol}-1m.csv.gz", "rt", encoding="ascii") as file:
        found = (row for row in csv.reader(file) if row[0].isdigit())
        rows = [row for _, row in zip(range(bars), found, strict=False)]
    columns = ["open", "high", "low", "close", "volume"]
    frame = pd.DataFrame([[float(value) for value in row[1:6]] for row in rows], columns=columns)
    frame.insert(0, "date", pd.to_datetime([int(row[0]) for row in rows], unit="ms", utc=True))
    get_datahandler(place / "data", "feather").ohlcv_store(_pair(symbol), "1m", frame, CandleType.SPOT)
    return len(rows)


def _config(place: Path, symbols: Sequence[str]) -> dict[str, Any]:
    pairs = [_pair(symbol) for symbol in symbols]
    pricing = {"price_side": "other", "use_order_book": False}
    return {
        "runmode": RunMode.BACKTEST, "dry_run": True, "trading_mode": "spot", "margin_mode": "",
        "candle_type_def": CandleType.SPOT, "export": "none", "fee": 0.0005, "original_config": {}, "internals": {},
        "exchange": {"name": "binance", "key": "", "secret": "", "pair_whitelist": pairs, "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}], "stake_currency": "USDT", "stake_amount": 250,
        "dry_run_wallet": 1_000_000, "tradable_balance_ratio": 0.99, "max_open_trades": len(pairs), "timeframe": "1m",
        "strategy": "Ema", "strategy_path": str(place), "user_data_dir": place, "datadir": place / "data",
        "dataformat_ohlcv": "feather", "entry_pricing": pricing, "exit_pricing": pricing,
        "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes", "exit_timeout_count": 0},
    }  # fmt: skip


def _offline(symbols: Sequence[str]) -> dict[str, Any]:
    """Return what its exchange is made to answer without a network."""
    nothing = {"min": None, "max": None}
    markets = {
        _pair(symbol): {
            "id": symbol, "symbol": _pair(symbol), "base": symbol.removesuffix("USDT"), "quote": "USDT", "active": True,
            "spot": True, "swap": False, "future": False, "linear": None, "type": "spot", "contract": False,
            "contractSize": None, "taker": 0.0005, "maker": 0.0005, "precision": {"amount": 8, "price": 8},
            "limits": {"amount": nothing, "price": nothing, "cost": nothing}, "info": {},
        }
        for symbol in symbols
    }  # fmt: skip
    options = {"ohlcv_candle_limit": 1000, "order_time_in_force": ["GTC"]}
    checks = (
        "reload_markets", "validate_timeframes", "validate_config", "validate_ordertypes", "additional_exchange_init",
        "fill_leverage_tiers", "close",
    )  # fmt: skip
    return {
        **{name: MagicMock() for name in checks},
        "_init_ccxt": MagicMock(return_value=MagicMock()),
        "_load_async_markets": MagicMock(return_value={}),
        "get_fee": MagicMock(return_value=0.0005),
        "get_option": MagicMock(side_effect=lambda name, default=None: options.get(name, default)),
        "validate_required_startup_candles": MagicMock(return_value=1),
        "precisionMode": PropertyMock(return_value=2),
        "precision_mode_price": PropertyMock(return_value=2),
        "markets": PropertyMock(return_value=markets),
        "timeframes": PropertyMock(return_value=["1m"]),
        "id": PropertyMock(return_value="binance"),
        "name": PropertyMock(return_value="Binance"),
    }


if __name__ == "__main__":
    main()
