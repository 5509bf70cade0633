"""Sees to it that every position has its stop on the exchange, and a closed one leaves none behind."""

from dataclasses import dataclass, field
from decimal import Decimal

from quantum_common.clock import Clock
from quantum_common.exchange.outcome import Done
from quantum_common.exchange.port import ExchangeUnavailable, OrderPort, StopView
from quantum_common.log import Log
from quantum_common.money import plain
from services.intent_executor.guard import Repair, Standing, judge
from services.intent_executor.ports import Store
from services.intent_executor.settings import ExecutorSettings

NOWHERE = "not repaired: EXECUTOR_MODE is shadow"


@dataclass
class Warden:
    """Goes its rounds. A finding is mended when a second round finds the same: the first may have met a change."""

    store: Store
    exchange: OrderPort
    clock: Clock
    log: Log
    settings: ExecutorSettings
    found: dict[str, Repair] = field(default_factory=dict)

    async def round(self) -> None:
        """Compare every symbol's position with the stops that stand, and mend what was found twice."""
        if not self.settings.intent_executor_protective_stops:
            return
        standings = await self.store.standings()
        try:
            stops = await self.exchange.open_stops()
            rules = await self.exchange.rules()
        except ExchangeUnavailable as error:
            self.log.warning("stops cannot be checked now", error=error.cause)
            return
        by_symbol: dict[str, list[StopView]] = {}
        for stop in stops:
            by_symbol.setdefault(stop.symbol, []).append(stop)
        found: dict[str, Repair] = {}
        now_ms, distance = self.clock.now_ms(), self.settings.intent_executor_repair_stop_pct / Decimal(100)
        for standing in standings:
            listed = rules.get(standing.symbol)
            if listed is None or standing.under_way_ms > now_ms:
                continue
            repair = judge(standing, by_symbol.get(standing.symbol, ()), distance, listed.tick_size)
            if repair:
                found[standing.symbol] = repair
                await self._mend_if_known(standing, repair)
        self.found = found

    async def _mend_if_known(self, standing: Standing, repair: Repair) -> None:
        """Mend what the last round has found as well; its stop may have another price by now."""
        before = self.found.get(standing.symbol)
        if before is None or before.cancel != repair.cancel or (before.place is None) != (repair.place is None):
            return
        if repair.place is not None:
            self.log.error(
                "position without protective stop", symbol=standing.symbol, position_amt=plain(standing.position_amt),
                repaired_at=NOWHERE if self.settings.shadow else plain(repair.place.trigger_price),
            )  # fmt: skip
        if self.settings.shadow:
            return
        if repair.place is not None:
            outcome = await self.exchange.place_stop(repair.place)
            if not isinstance(outcome, Done):
                self.log.error("the stop could not be placed", symbol=standing.symbol, answer=str(outcome))
                return
            await self._remember(standing.symbol, repair.place.client_id, plain(repair.place.trigger_price))
        for client_id in repair.cancel:
            self.log.warning("a stop without its position is cancelled", symbol=standing.symbol, client_id=client_id)
            await self.exchange.cancel_stop(client_id)
        if standing.position_amt == 0:
            await self._remember(standing.symbol, "", "")

    async def _remember(self, symbol: str, client_id: str, trigger_price: str) -> None:
        await self.store.keep_stop(symbol, client_id, trigger_price, self.clock.now_ms())
