"""The engine's store on Redis: one round trip to read, one script to write."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from quantum_common.keys import Keys
from quantum_common.messages import EvalType, Intent
from quantum_common.meter import SILENT, Hop, Meter
from quantum_common.redis_client import Redis
from quantum_common.scripts import Script
from quantum_common.state import EngineModel, EngineVerdict, Ledger, MarketState, Portfolio
from services.ai_engine.bars import DeadBar
from services.ai_engine.memory import ExitMemory
from services.ai_engine.ports import Known

DEAD_BARS_KEPT = 10_000
_OLDER = {"regime": ""}  # what an earlier build did not remember of a position


class RedisStore:
    """Implements `Store`."""

    def __init__(self, redis: Redis, keys: Keys, meter: Meter = SILENT) -> None:
        self._redis = redis
        self._keys = keys
        self._meter = meter
        self._record_bar = Script(redis, "record_bar")

    async def known(self, symbols: Sequence[str]) -> tuple[Portfolio | None, Mapping[str, Known]]:
        """Read the account's totals, and every symbol's ledger and exit memory, in one round trip."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._keys.portfolio)
            for symbol in symbols:
                pipe.hgetall(self._keys.ledger(symbol))
                pipe.hgetall(self._keys.exit_memory(symbol))
            totals, *answers = await pipe.execute()
        positions = {
            symbol: Known(
                ledger=Ledger.from_fields(ledger) if ledger else None,
                memory=ExitMemory.from_fields(_OLDER | memory) if memory else None,
            )
            for symbol, ledger, memory in zip(symbols, answers[::2], answers[1::2], strict=True)
        }
        return Portfolio.from_fields(totals) if totals else None, positions

    async def record_bar(
        self,
        symbol: str,
        state: MarketState,
        intents: Sequence[Intent],
        memory: ExitMemory | None,
        verdict: EngineVerdict | None = None,
    ) -> bool:
        """Run `record_bar`."""
        keys = self._keys
        wishes = [[part for pair in intent.to_fields().items() for part in pair] for intent in intents]
        answer = await self._record_bar(
            {
                "market_state": keys.market_state(symbol),
                "exit_memory": keys.exit_memory(symbol),
                "engine_verdict": keys.engine_verdict(symbol),
                "intents": keys.intents,
            },
            {
                "bar_close_ms": state.bar_close_ms,
                "state": state.to_fields(),
                "memory": memory.to_fields() if memory is not None else {},
                "verdict": verdict.to_fields() if verdict is not None else {},
                "wishes": orjson.dumps(wishes).decode(),
            },
        )
        if answer != 1:
            return False
        for intent in intents:
            self._meter.decided(intent.eval_type, None)
            self._meter.hop(Hop.BAR_TO_INTENT, intent.ts_ms - state.bar_close_ms)
        if not intents and verdict is not None and verdict.decided_bar_ms == state.bar_close_ms:
            self._meter.decided(EvalType.ENTRY, verdict.why)
        return True

    async def publish_model(self, state: EngineModel) -> None:
        """Write how the model stands."""
        fields: Any = state.to_fields()
        await self._redis.hset(self._keys.engine_model, mapping=fields)

    async def bury(self, bars: Sequence[DeadBar]) -> None:
        """Write bars that contradict themselves as dead letters, in one round trip."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for dead in bars:
                fields: Any = dead.to_fields()
                pipe.xadd(self._keys.dead_bars, fields, maxlen=DEAD_BARS_KEPT, approximate=True)
            await pipe.execute()
