"""Carries a schedule out: begins each fault when it is due, ends it when its time is over, and writes both down."""

import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, assert_never

from quantum_common.money import floor_to_step, plain
from services.cli.redis_link import GONE
from tests.chaos.faults import Episode, Fault, Strike
from tests.chaos.paper import AWAY
from tests.chaos.stage import Stage
from tests.chaos.toxics import CALM, Toxics

MEMORY, NO_MEMORY = "1gb", "1"
CHEAP = Decimal(10)  # below this price contracts are traded whole


@dataclass
class Conductor:
    """Strikes a stage. `ends_ms` is, of each episode, when its last fault was over, in epoch milliseconds."""

    stage: Stage
    episodes: list[Episode]
    ends_ms: list[int] = field(default_factory=list)
    kills: int = 0
    _standing: list[Fault] = field(default_factory=list)
    _wakes: list[tuple[float, str]] = field(default_factory=list)  # when, and who is thawed while a rival works

    def __post_init__(self) -> None:
        self._began_s = time.monotonic()
        self._due = sorted(
            ((fault, index) for index, episode in enumerate(self.episodes) for fault in episode.faults),
            key=lambda one: one[0].at_s,
        )
        self._left = [len(episode.faults) for episode in self.episodes]
        self._episode_of = {id(fault): index for fault, index in self._due}

    def step(self) -> None:
        """Begin and end what is due."""
        for wake in [wake for wake in self._wakes if wake[0] <= time.monotonic()]:
            self._wakes.remove(wake)
            self.stage.history.note("info", "woke", target=wake[1])
            self.stage.thaw(wake[1])
        now_s = time.monotonic() - self._began_s
        for fault in [fault for fault in self._standing if fault.until_s <= now_s]:
            self._standing.remove(fault)
            self._end(fault)
        while self._due and self._due[0][0].at_s <= now_s:
            fault, _ = self._due.pop(0)
            self._begin(fault)
            if fault.lasts_s:
                self._standing.append(fault)
            else:
                self._over(fault)

    def calm(self) -> None:
        """End everything: whatever stands, and whatever the exchange still has on its menu."""
        for fault in self._standing:
            self._end(fault)
        self._standing.clear()
        self.stage.links.calm()

    @property
    def over(self) -> bool:
        """Return whether nothing more comes and nothing stands."""
        return not self._due and not self._standing

    def _begin(self, fault: Fault) -> None:
        self.stage.history.note(
            "invoke", "fault", strike=fault.strike, target=fault.target, lasts_s=round(fault.lasts_s, 3),
            **{f"of_{name}": value for name, value in fault.particulars.items()},
        )  # fmt: skip
        self._try(fault, self._strike)

    def _end(self, fault: Fault) -> None:
        self._try(fault, self._relieve)
        self._over(fault)

    def _over(self, fault: Fault) -> None:
        now_ms = self.stage.history.note("ok", "fault", strike=fault.strike, target=fault.target)
        episode = self._episode_of[id(fault)]
        self._left[episode] -= 1
        if self._left[episode] == 0:
            self.ends_ms.append(now_ms)

    def _try(self, fault: Fault, act: Any) -> None:
        """Act; where the victim is away already, that is all there is to it."""
        try:
            act(fault)
        except (*GONE, *AWAY) as error:
            self.stage.history.note("fail", "fault", strike=fault.strike, target=fault.target, error=str(error))

    def _strike(self, fault: Fault) -> None:
        stage, what = self.stage, fault.particulars
        match fault.strike:
            case Strike.KILL:
                self.kills += 1
                stage.kill(fault.target, back_in_s=int(what["away_ms"]) / 1000)
            case Strike.FREEZE:
                stage.freeze(fault.target)
            case Strike.CUT | Strike.REFUSE | Strike.STALL | Strike.LOSE_ANSWERS | Strike.DELAY | Strike.SEVER:
                resets = fault.strike in {Strike.CUT, Strike.REFUSE}
                stage.links.set(fault.target, Toxics.model_validate(dict(what)), reset=resets)
            case Strike.MENU | Strike.SKEW:
                stage.paper.lay(**dict(what))  # type: ignore[arg-type]
            case Strike.OUT_OF_MEMORY:
                stage.redis.config_set("maxmemory", NO_MEMORY)
            case Strike.FOREIGN_TRADE:
                self._trade_by_hand(str(what["side"]), Decimal(what["usd"]))
            case Strike.RIVAL:
                stage.freeze(fault.target)
                stage.invite(fault.target)
                self._wakes.append((time.monotonic() + int(what["frozen_ms"]) / 1000, fault.target))
            case Strike.FLUSH:
                stage.redis.flushall()
            case _:
                assert_never(fault.strike)

    def _relieve(self, fault: Fault) -> None:
        stage = self.stage
        match fault.strike:
            case Strike.FREEZE:
                stage.thaw(fault.target)
            case Strike.RIVAL:
                stage.thaw(fault.target)
                stage.dismiss(fault.target)
            case Strike.REFUSE | Strike.STALL | Strike.LOSE_ANSWERS | Strike.DELAY | Strike.SEVER:
                stage.links.set(fault.target, CALM)
            case Strike.OUT_OF_MEMORY:
                stage.redis.config_set("maxmemory", MEMORY)
            case _:
                pass  # over by itself

    def _trade_by_hand(self, side: str, usd: Decimal) -> None:
        """Trade for about so much on the first symbol that has a price."""
        symbol = self.stage.listed[int(usd) % len(self.stage.listed)]
        mark: Any = self.stage.redis.hget(self.stage.keys.snapshot(symbol), "mark_price")
        if mark:
            step = Decimal(1) if Decimal(mark) < CHEAP else Decimal("0.01")
            quantity = max(floor_to_step(usd / Decimal(mark), step), step)
            self.stage.paper.trade(symbol, side, plain(quantity))
