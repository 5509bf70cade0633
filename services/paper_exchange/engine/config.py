"""How the engine behaves where the exchange's own behaviour is not settled, and how much it remembers."""

from dataclasses import dataclass

from services.paper_exchange.engine.enums import ReduceOnlyExcess


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How the engine behaves where the exchange's own behaviour is not settled, and how much it remembers.

    `retained_*` bound the finished orders, trades and income rows kept in memory; the newest stay. 0 is no bound.
    An order with its trade and income takes about 2 KiB.
    """

    reduce_only_excess: ReduceOnlyExcess = ReduceOnlyExcess.EXPIRE
    default_leverage: int = 20
    first_order_id: int = 8_389_765_500_000_000_001
    first_algo_id: int = 3_000_000_000_001
    first_trade_id: int = 100_000_001
    first_tran_id: int = 9_000_000_000_001
    retained_orders: int = 100_000
    retained_trades: int = 100_000
    retained_income: int = 200_000
    retained_algos: int = 20_000
