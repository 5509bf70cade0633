"""What a profile trades like: every number of entries and exits, in one frozen place."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum


class ProfileName(StrEnum):
    """EXPLORE shows the pipeline at work with small sizes; TRADE acts only where an edge pays its costs."""

    EXPLORE = "explore"
    TRADE = "trade"


@dataclass(frozen=True, slots=True)
class Costs:
    """What a round trip costs, in basis points of the notional. Funding comes on top, by side and by its times;
    `funding_bps` is what one of them costs where the exchange has not said it."""

    taker_fee_bps: Decimal
    slippage_bps: Decimal
    margin_bps: Decimal
    funding_bps: Decimal

    @property
    def round_trip_bps(self) -> Decimal:
        """Return fees and slippage of both sides."""
        return 2 * (self.taker_fee_bps + self.slippage_bps)


@dataclass(frozen=True, slots=True)
class Sizing:
    """How much. The size aims at `target_bps` of the equity as one sigma over the horizon; the caps always hold.

    Where an edge is asked for, the size is also at most `kelly_fraction` of what Kelly (1956) would bet: the equity
    times the net edge over the variance. `smallest_only`: the model has not shown that it pays.
    """

    target_bps: Decimal
    size_usd_max: Decimal
    equity_fraction_max: Decimal
    margin_fraction: Decimal  # of the equity, that one position may bind
    leverage_max: int
    kelly_fraction: Decimal
    smallest_only: bool = False


@dataclass(frozen=True, slots=True)
class EntryRules:
    """When to ask for a position."""

    edge_gate: bool
    horizon_bars: int
    confidence_min: float
    p_trend_min: float
    turn_bars: int  # a symbol's turn comes every so many bars, so that not all ask at once; 1: always
    ask_again_bars: int  # after a wish that led to nothing
    cooldown_bars: int  # after a position
    spacing_bars: int  # from one position's beginning to the next one's on the same symbol
    symbols: tuple[str, ...] = ()  # those that the model knows; none named: any


@dataclass(frozen=True, slots=True)
class ExitRules:
    """When to leave. R is the distance between entry and initial stop; bars are counted, not minutes of a clock."""

    stop_sigmas: float  # of the volatility over `stop_bars`
    stop_bars: int
    stop_atrs_min: float
    stop_bps_min: Decimal
    stop_bps_max: Decimal
    take_profit_r: Decimal
    first_partial_r: Decimal
    second_partial_r: Decimal
    break_even_r: Decimal
    trail_from_r: Decimal
    trail_r: Decimal
    improvement_r_min: Decimal
    time_stop_bars: int
    min_hold_bars: int  # before an exit by opinion; stops know no minimum
    regime_exit_p: float  # probability of the regime that the position was entered in, below which it is left
    kill_leave: float  # kill score at which a calm position becomes nervous, and asks to leave
    kill_calm: float  # and the one at which it is calm again


@dataclass(frozen=True, slots=True)
class Policy:
    """A profile with all its numbers. Bars are `interval_ms` long, and every horizon counts them; entries are decided
    on at the closes of every `decision_ms`."""

    profile: ProfileName
    interval_ms: int
    decision_ms: int
    costs: Costs
    sizing: Sizing
    entry: EntryRules
    exit: ExitRules

    def serving(self, horizon_bars: int, symbols: tuple[str, ...], *, pays: bool) -> "Policy":
        """Given a trained model's horizon, the symbols it knows and whether it pays, return the policy for it.

        What a model says holds for its horizon: the stop is measured on that, and a position ends with it.
        """
        return replace(
            self,
            entry=replace(self.entry, horizon_bars=horizon_bars, symbols=tuple(sorted(symbols))),
            exit=replace(
                self.exit, stop_bars=horizon_bars, time_stop_bars=horizon_bars, min_hold_bars=max(horizon_bars // 4, 1)
            ),
            sizing=replace(self.sizing, smallest_only=not pays),
        )


_EXITS = ExitRules(
    stop_sigmas=1.5, stop_bars=60, stop_atrs_min=1.5, stop_bps_min=Decimal(10), stop_bps_max=Decimal(800),
    take_profit_r=Decimal(3), first_partial_r=Decimal(1), second_partial_r=Decimal(2), break_even_r=Decimal(1),
    trail_from_r=Decimal("1.5"), trail_r=Decimal(1), improvement_r_min=Decimal("0.25"), time_stop_bars=480,
    min_hold_bars=30, regime_exit_p=0.08, kill_leave=0.8, kill_calm=0.75,
)  # fmt: skip

TRADE_ENTRY = EntryRules(
    edge_gate=True, horizon_bars=240, confidence_min=0.5, p_trend_min=0.0, turn_bars=1, ask_again_bars=5,
    cooldown_bars=60, spacing_bars=480,
)  # fmt: skip
TRADE_EXIT = _EXITS

EXPLORE_ENTRY = EntryRules(
    edge_gate=False, horizon_bars=12, confidence_min=0.501, p_trend_min=0.12, turn_bars=7, ask_again_bars=3,
    cooldown_bars=8, spacing_bars=0,
)  # fmt: skip
EXPLORE_EXIT = ExitRules(
    stop_sigmas=1.2, stop_bars=10, stop_atrs_min=1.0, stop_bps_min=Decimal(5), stop_bps_max=Decimal(500),
    take_profit_r=Decimal(3), first_partial_r=Decimal(1), second_partial_r=Decimal(2), break_even_r=Decimal(1),
    trail_from_r=Decimal("1.5"), trail_r=Decimal(1), improvement_r_min=Decimal("0.25"), time_stop_bars=10,
    min_hold_bars=4, regime_exit_p=0.08, kill_leave=0.8, kill_calm=0.75,
)  # fmt: skip
