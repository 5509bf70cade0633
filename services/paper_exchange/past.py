"""Positions and balances as they were a moment ago, for reads that lag behind matching."""

from dataclasses import dataclass, field
from typing import NamedTuple

from services.paper_exchange.engine.engine import Engine
from services.paper_exchange.engine.views import AccountView, PositionView

KEPT_MAX = 1_000


class _Moment(NamedTuple):
    at_ms: int
    live: list[PositionView]
    every: list[PositionView]
    account: AccountView


@dataclass(slots=True)
class Past:
    """What the engine showed after each of its last changes, kept only while reads lag."""

    engine: Engine
    _moments: list[_Moment] = field(default_factory=list)

    def note(self, now_ms: int) -> None:
        """Given the time of a change, keep how things stand after it."""
        moment = _Moment(
            now_ms, self.engine.positions(), self.engine.positions(all_symbols=True), self.engine.account()
        )
        self._moments.append(moment)
        if len(self._moments) > KEPT_MAX:
            del self._moments[: KEPT_MAX // 2]

    def forget(self) -> None:
        """Reads are on time again."""
        self._moments.clear()

    def positions(self, horizon_ms: int, symbol: str | None, *, all_symbols: bool) -> list[PositionView]:
        """Given the time up to which reads see, return the positions as they stood then."""
        moment = self._at(horizon_ms)
        views = moment.every if all_symbols else moment.live
        return [view for view in views if symbol in (None, view.symbol)]

    def account(self, horizon_ms: int) -> AccountView:
        """Given the time up to which reads see, return the account as it stood then."""
        return self._at(horizon_ms).account

    def _at(self, horizon_ms: int) -> _Moment:
        if not self._moments:
            self.note(0)
        seen = self._moments[0]
        for moment in self._moments:
            if moment.at_ms > horizon_ms:
                break
            seen = moment
        return seen
