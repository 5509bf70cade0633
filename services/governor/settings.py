"""Settings of the governor: `etc/quantum/governor.env`. The defaults fit an account of 10,000 USDT."""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from quantum_common.settings import CommonSettings
from quantum_common.state import TradingState
from services.governor.view import Limits


class GovernorSettings(CommonSettings):
    """When entries are refused. Exits are held against none of these."""

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
    gov_kill_warning: float = Field(0.8, ge=0.5, le=1, description="kill score above which no entry passes")
    gov_kill_critical: float = Field(0.88, ge=0.5, le=1, description="kill score that no formula may let pass")
    gov_require_kill_inputs: bool = Field(
        default=True, description="false: an entry passes on a kill score of which parts are missing"
    )
    gov_symbol_entries_per_5min_max: int = Field(
        5, ge=0, le=1_000_000, description="entries on one symbol in 5 minutes"
    )
    gov_symbol_entries_per_hour_max: int = Field(30, ge=0, le=1_000_000, description="entries on one symbol in an hour")
    gov_entries_per_5min_max: int = Field(40, ge=0, le=1_000_000, description="entries on all symbols in 5 minutes")
    gov_entries_per_hour_max: int = Field(200, ge=0, le=1_000_000, description="entries on all symbols in an hour")
    gov_daily_notional_usdt_max: Decimal = Field(
        Decimal(100_000), ge=0, le=Decimal(10) ** 12, description="notional of all entries of a UTC day"
    )

    @model_validator(mode="after")
    def _critical_is_the_graver(self) -> Self:
        """The two limits on the score must be in their order."""
        if self.gov_kill_critical < self.gov_kill_warning:
            raise ValueError("GOV_KILL_CRITICAL must not be below GOV_KILL_WARNING")
        return self

    @property
    def limits(self) -> Limits:
        """Return what the decisions need of this."""
        return Limits(
            drawdown_max=self.gov_drawdown_max,
            portfolio_age_ms_max=self.gov_portfolio_age_ms_max,
            market_state_age_ms_max=self.gov_market_state_age_ms_max,
            kill_warning=self.gov_kill_warning,
            kill_critical=self.gov_kill_critical,
            require_kill_inputs=self.gov_require_kill_inputs,
            symbol_entries_per_5min_max=self.gov_symbol_entries_per_5min_max,
            symbol_entries_per_hour_max=self.gov_symbol_entries_per_hour_max,
            entries_per_5min_max=self.gov_entries_per_5min_max,
            entries_per_hour_max=self.gov_entries_per_hour_max,
            daily_notional_usdt_max=self.gov_daily_notional_usdt_max,
        )
