"""`ai-engine.env`: what the AI engine may be told. Every default is the cautious one."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from quantum_common.clock import DAY_MS
from quantum_common.settings import CommonSettings, Environment, Symbols
from services.ai_engine.bars import BAR_MS, INTERVALS_MS
from services.ai_engine.care import CareLimits
from services.ai_engine.features import WARM_BARS
from services.ai_engine.policy import (
    EXPLORE_ENTRY,
    EXPLORE_EXIT,
    TRADE_ENTRY,
    TRADE_EXIT,
    Costs,
    Policy,
    ProfileName,
    Sizing,
)

Interval = Literal["1m", "15m", "30m", "1h"]


class AiSettings(CommonSettings):
    """Settings of the AI engine. Amounts in USDT, rates in basis points of the notional."""

    HOT: ClassVar[tuple[str, ...]] = (
        "ai_taker_fee_bps", "ai_slippage_bps", "ai_edge_margin_bps", "ai_funding_bps_8h", "ai_size_*",
        "ai_volatility_target_bps", "ai_kelly_fraction", "ai_margin_fraction_max", "ai_leverage_max",
        "ai_entry_spacing_minutes", "ai_drift_inputs_max", "ai_drift_calibration_max", "ai_model_age_days_max",
    )  # fmt: skip

    ai_symbols: Symbols = Field(description="the universe, comma-separated, such as BTCUSDT,ETHUSDT")
    ai_profile: ProfileName = Field(ProfileName.TRADE, description="trade, or explore on the paper exchange only")
    ai_model_dir: Path | None = Field(
        None, description="folder of a trained model (`quantum train`); profile trade enters nothing without one"
    )
    ai_decision_interval: Interval = Field(
        "15m", description="at which closes entries are decided on; the model's; explore decides every minute"
    )
    ai_history_bars: int = Field(
        1000, ge=WARM_BARS, le=50_000,
        description="closed minutes to read per symbol at start; a model reads at least three days and AI_DRIFT_DAYS",
    )  # fmt: skip
    ai_taker_fee_bps: Decimal = Field(Decimal(5), ge=0, le=100, description="taker fee of one side")
    ai_slippage_bps: Decimal = Field(Decimal(1), ge=0, le=100, description="half spread and slippage of one side")
    ai_edge_margin_bps: Decimal = Field(Decimal(2), ge=0, le=1000, description="edge asked for beyond the costs")
    ai_funding_bps_8h: Decimal = Field(
        Decimal(1), ge=0, le=300, description="a funding's cost where the exchange has not said its rate"
    )
    ai_entry_spacing_minutes: int = Field(
        480, ge=0, le=10_080, description="from one position's beginning to the next one's on a symbol; profile trade"
    )
    ai_size_usd_max: Decimal = Field(Decimal(250), gt=0, le=10_000_000, description="largest notional of a position")
    ai_size_equity_fraction_max: Decimal = Field(
        Decimal("0.1"), gt=0, le=10, description="largest notional of a position, as a fraction of the equity"
    )
    ai_volatility_target_bps: Decimal = Field(
        Decimal(10), gt=0, le=1000, description="of the equity, that one sigma over the horizon may move"
    )
    ai_kelly_fraction: Decimal = Field(
        Decimal("0.25"), gt=0, le=1, description="part of Kelly's bet that a position may be at most; profile trade"
    )
    ai_margin_fraction_max: Decimal = Field(
        Decimal("0.05"), gt=0, le=1, description="of the equity, that one position may bind as margin"
    )
    ai_leverage_max: int = Field(3, ge=1, le=125, description="highest leverage that a size may need")
    ai_model_age_days_max: int | None = Field(
        None,
        ge=1,
        le=3650,
        description="days after its training when a model stops entering, where its card allows longer",
    )
    ai_drift_days: int = Field(
        7, ge=2, le=30, description="days over which the model's drift is measured; read as history at start"
    )
    ai_drift_inputs_max: float = Field(
        0.25, gt=0, le=10, description="drift of the inputs (mean PSI) at which, a day later, a model stops entering"
    )
    ai_drift_calibration_max: float = Field(
        5.0, gt=0, le=100, description="drift of the calibration (CUSUM of days, in sigmas) at which entries stop"
    )
    ai_stale_bars: int = Field(3, ge=2, le=60, description="minutes without a bar after which a symbol is stale")

    @model_validator(mode="after")
    def _explore_only_on_paper(self) -> Self:
        """Trading without the edge gate is for the paper exchange alone."""
        if self.ai_profile is ProfileName.EXPLORE and self.quantum_env is not Environment.PAPER:
            raise ValueError(
                f"AI_PROFILE=explore trades without the edge gate and is refused while QUANTUM_ENV is "
                f"{self.quantum_env}; set AI_PROFILE=trade"
            )
        return self

    @model_validator(mode="after")
    def _model_for_trade_only(self) -> Self:
        """Exploring is the first strategy's; a trained model belongs to the profile trade."""
        if self.ai_model_dir is not None and self.ai_profile is ProfileName.EXPLORE:
            raise ValueError("AI_MODEL_DIR is not used while AI_PROFILE=explore; set AI_PROFILE=trade")
        return self

    @property
    def care(self) -> CareLimits:
        """Return what a model's age and drift are held against."""
        days = self.ai_model_age_days_max
        age_ms_max = None if days is None else days * DAY_MS
        return CareLimits(self.ai_drift_inputs_max, self.ai_drift_calibration_max, age_ms_max)

    @property
    def decision_ms(self) -> int:
        """Return the length of a decision bar in milliseconds; exploring decides on every bar."""
        explores = self.ai_profile is ProfileName.EXPLORE
        return BAR_MS if explores else INTERVALS_MS[self.ai_decision_interval]

    @property
    def policy(self) -> Policy:
        """Return the profile with every number that decisions use."""
        explores = self.ai_profile is ProfileName.EXPLORE
        return Policy(
            profile=self.ai_profile,
            interval_ms=BAR_MS,
            decision_ms=self.decision_ms,
            costs=Costs(
                self.ai_taker_fee_bps, self.ai_slippage_bps, self.ai_edge_margin_bps, self.ai_funding_bps_8h
            ),
            sizing=Sizing(
                self.ai_volatility_target_bps, self.ai_size_usd_max, self.ai_size_equity_fraction_max,
                self.ai_margin_fraction_max, self.ai_leverage_max, self.ai_kelly_fraction,
            ),
            entry=EXPLORE_ENTRY if explores else replace(TRADE_ENTRY, spacing_bars=self.ai_entry_spacing_minutes),
            exit=EXPLORE_EXIT if explores else TRADE_EXIT,
        )  # fmt: skip
