"""Settings of the governor: `etc/quantum/governor.env`. The defaults fit an account of 10,000 USDT."""

from decimal import Decimal
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from quantum_common.settings import CommonSettings
from quantum_common.state import TradingState
from services.governor.cutoffs import ENTRY_REFERENCE, ENTRY_SHIPPED, EXIT_SHIPPED, Cutoffs, Profile, formula
from services.governor.disarm import DisarmLimits
from services.governor.normalisation import Yardstick, alpha_of
from services.governor.view import Limits

_MANY = 1_000_000
_USDT_MAX = Decimal(10) ** 12
_ANSWER_MS = 5_000  # of an executor that looks an order up whose fate is not known


class GovernorSettings(CommonSettings):
    """When entries are refused. Exits that close a position are held against none of these."""

    HOT: ClassVar[tuple[str, ...]] = ("gov_*",)

    gov_trading_state_first: TradingState = Field(
        TradingState.ACTIVE, description="trading state of a Redis that has none yet: ACTIVE, REDUCING or HALTED"
    )
    gov_drawdown_max: Decimal = Field(
        Decimal("0.15"), gt=0, le=1, description="drawdown from the peak equity, as a fraction, above which none enters"
    )
    gov_portfolio_age_ms_max: int = Field(
        15_000, ge=500, le=600_000, description="age of the portfolio from which entries are refused"
    )
    gov_market_state_age_ms_max: int = Field(
        7_200_000, ge=1_000, le=86_400_000, description="age from which a market state counts as missing"
    )
    gov_cutoff_profile: Profile = Field(Profile.FORMULA, description="formula, or reference for the published example")
    gov_z_cutoff_entry: str = Field(ENTRY_SHIPPED, description="formula of the z above which no entry passes")
    gov_z_cutoff_exit: str = Field(EXIT_SHIPPED, description="open, or a formula for partial closes of an engine")
    gov_kill_half_life: float | None = Field(
        None, ge=1, le=10_000, description="observations after which one counts half; empty: alpha 0.1"
    )
    gov_kill_warm_up: int = Field(20, ge=1, le=10_000, description="observations until statistics stand on their own")
    gov_kill_prior_mean: float = Field(0.67, ge=0.5, le=1, description="mean of the kill score before any observation")
    gov_kill_prior_std: float = Field(0.11, gt=0, le=0.5, description="standard deviation of the same")
    gov_kill_std_min: float = Field(0.02, ge=0, le=0.5, description="standard deviation that z is at least held to")
    gov_kill_critical: float = Field(0.88, ge=0.5, le=1, description="kill score that no formula may let pass")
    gov_require_kill_inputs: bool = Field(
        default=True, description="false: an entry passes on a kill score of which parts are missing"
    )
    gov_symbol_entries_per_5min_max: int = Field(5, ge=0, le=_MANY, description="entries on one symbol in 5 minutes")
    gov_symbol_entries_per_hour_max: int = Field(30, ge=0, le=_MANY, description="entries on one symbol in an hour")
    gov_entries_per_5min_max: int = Field(40, ge=0, le=_MANY, description="entries on all symbols in 5 minutes")
    gov_entries_per_hour_max: int = Field(200, ge=0, le=_MANY, description="entries on all symbols in an hour")
    gov_daily_notional_usdt_max: Decimal = Field(
        Decimal(100_000), ge=0, le=_USDT_MAX, description="notional of all entries of a UTC day"
    )
    gov_positions_max: int = Field(10, ge=1, le=1_000, description="positions at once, those under way too")
    gov_gross_exposure_usdt_max: Decimal = Field(
        Decimal(10_000), gt=0, le=_USDT_MAX, description="sum of all notionals, those under way too"
    )
    gov_symbol_exposure_usdt_max: Decimal = Field(
        Decimal(2_500), gt=0, le=_USDT_MAX, description="notional of one symbol, what is under way too"
    )
    gov_correlated_exposure_usdt_max: Decimal = Field(
        Decimal(6_000), gt=0, le=_USDT_MAX, description="one position that would swing as much as all of them do"
    )
    gov_heat_max: Decimal = Field(Decimal("0.06"), gt=0, le=1, description="open risk to the stops over equity")
    gov_unstopped_risk_pct: Decimal = Field(
        Decimal(10), gt=0, le=100, description="of its notional, that an entry without a stop may lose"
    )
    gov_entry_usdt_min: Decimal = Field(
        Decimal(20), gt=0, le=_USDT_MAX, description="smallest entry that a limit may cut one down to"
    )
    gov_settle_ms: int = Field(
        1_000, ge=100, le=600_000, description="age over an execution at which a portfolio shows it for certain"
    )
    gov_disarm_drawdown: Decimal = Field(
        Decimal("0.15"), gt=0, le=1, description="drawdown at which the governor goes to REDUCING"
    )
    gov_disarm_errors: int = Field(5, ge=0, le=100, description="orders in a row that the exchange refused; 0: off")
    gov_disarm_hold_ms: int = Field(
        120_000, ge=0, le=86_400_000, description="how long a ledger may differ from the exchange; 0: off"
    )
    gov_disarm_portfolio_ms: int = Field(
        60_000, ge=0, le=86_400_000, description="how long the portfolio may stand still; 0: off"
    )
    gov_disarm_bursts: int = Field(100, ge=0, le=_MANY, description="entries over the burst limit in 5 minutes; 0: off")

    @field_validator("gov_z_cutoff_entry", "gov_z_cutoff_exit")
    @classmethod
    def _readable(cls, text: str) -> str:
        formula(text)
        return text

    @model_validator(mode="after")
    def _one_entry_cutoff(self) -> Self:
        """Two formulas for one cutoff: the operator thinks that the other one is in force."""
        if self.gov_cutoff_profile is Profile.REFERENCE and self.gov_z_cutoff_entry != ENTRY_SHIPPED:
            raise ValueError(
                "GOV_CUTOFF_PROFILE=reference takes the place of GOV_Z_CUTOFF_ENTRY; leave one of them out"
            )
        return self

    @property
    def cutoffs(self) -> Cutoffs:
        """Return the two formulas that are in force."""
        reference = self.gov_cutoff_profile is Profile.REFERENCE
        return Cutoffs(
            formula(ENTRY_REFERENCE if reference else self.gov_z_cutoff_entry), formula(self.gov_z_cutoff_exit)
        )

    @property
    def yardstick(self) -> Yardstick:
        """Return how kill scores are measured."""
        return Yardstick(
            alpha=alpha_of(self.gov_kill_half_life),
            warm_up=self.gov_kill_warm_up,
            prior_mean=self.gov_kill_prior_mean,
            prior_std=self.gov_kill_prior_std,
            std_min=self.gov_kill_std_min,
        )

    @property
    def limits(self) -> Limits:
        """Return what the decisions need of this."""
        return Limits(
            drawdown_max=self.gov_drawdown_max,
            portfolio_age_ms_max=self.gov_portfolio_age_ms_max,
            market_state_age_ms_max=self.gov_market_state_age_ms_max,
            kill_critical=self.gov_kill_critical,
            require_kill_inputs=self.gov_require_kill_inputs,
            yardstick=self.yardstick,
            cutoffs=self.cutoffs,
            symbol_entries_per_5min_max=self.gov_symbol_entries_per_5min_max,
            symbol_entries_per_hour_max=self.gov_symbol_entries_per_hour_max,
            entries_per_5min_max=self.gov_entries_per_5min_max,
            entries_per_hour_max=self.gov_entries_per_hour_max,
            daily_notional_usdt_max=self.gov_daily_notional_usdt_max,
            positions_max=self.gov_positions_max,
            gross_exposure_usdt_max=self.gov_gross_exposure_usdt_max,
            symbol_exposure_usdt_max=self.gov_symbol_exposure_usdt_max,
            correlated_exposure_usdt_max=self.gov_correlated_exposure_usdt_max,
            heat_max=self.gov_heat_max,
            unstopped_risk=self.gov_unstopped_risk_pct / 100,
            entry_usdt_min=self.gov_entry_usdt_min,
            settle_ms=self.gov_settle_ms,
            unanswered_ms=self.quantum_recv_window_ms + self.gov_settle_ms + _ANSWER_MS,
        )

    @property
    def disarm(self) -> DisarmLimits:
        """Return when the governor goes to REDUCING by itself."""
        return DisarmLimits(
            drawdown=self.gov_disarm_drawdown,
            errors=self.gov_disarm_errors,
            hold_ms=self.gov_disarm_hold_ms,
            portfolio_ms=self.gov_disarm_portfolio_ms,
            bursts=self.gov_disarm_bursts,
        )
