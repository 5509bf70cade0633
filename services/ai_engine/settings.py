"""`ai-engine.env`: what the AI engine may be told. Every default is the cautious one."""

from decimal import Decimal
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from quantum_common.settings import CommonSettings, Environment, Symbols
from services.ai_engine.bars import INTERVALS_MS
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


class AiSettings(CommonSettings):
    """Settings of the AI engine. Amounts in USDT, rates in basis points of the notional."""

    HOT: ClassVar[tuple[str, ...]] = (
        "ai_profile", "ai_taker_fee_bps", "ai_slippage_bps", "ai_edge_margin_bps", "ai_size_*",
        "ai_volatility_target_bps", "ai_margin_fraction_max", "ai_leverage_max",
    )  # fmt: skip

    ai_symbols: Symbols = Field(description="the universe, comma-separated, such as BTCUSDT,ETHUSDT")
    ai_profile: ProfileName = Field(ProfileName.TRADE, description="trade, or explore on the paper exchange only")
    ai_decision_interval: Literal["1m"] = Field("1m", description="length of a decision bar; 1m")
    ai_history_bars: int = Field(1000, ge=WARM_BARS, le=1500, description="closed bars to read per symbol at start")
    ai_taker_fee_bps: Decimal = Field(Decimal(5), ge=0, le=100, description="taker fee of one side")
    ai_slippage_bps: Decimal = Field(Decimal(1), ge=0, le=100, description="half spread and slippage of one side")
    ai_edge_margin_bps: Decimal = Field(Decimal(2), ge=0, le=1000, description="edge asked for beyond the costs")
    ai_size_usd_max: Decimal = Field(Decimal(250), gt=0, le=10_000_000, description="largest notional of a position")
    ai_size_equity_fraction_max: Decimal = Field(
        Decimal("0.1"), gt=0, le=10, description="largest notional of a position, as a fraction of the equity"
    )
    ai_volatility_target_bps: Decimal = Field(
        Decimal(10), gt=0, le=1000, description="of the equity, that one sigma over the horizon may move"
    )
    ai_margin_fraction_max: Decimal = Field(
        Decimal("0.05"), gt=0, le=1, description="of the equity, that one position may bind as margin"
    )
    ai_leverage_max: int = Field(3, ge=1, le=125, description="highest leverage that a size may need")
    ai_stale_bars: int = Field(3, ge=2, le=60, description="intervals without a bar after which a symbol is stale")

    @model_validator(mode="after")
    def _explore_only_on_paper(self) -> Self:
        """Trading without the edge gate is for the paper exchange alone."""
        if self.ai_profile is ProfileName.EXPLORE and self.quantum_env is not Environment.PAPER:
            raise ValueError(
                f"AI_PROFILE=explore trades without the edge gate and is refused while QUANTUM_ENV is "
                f"{self.quantum_env}; set AI_PROFILE=trade"
            )
        return self

    @property
    def interval_ms(self) -> int:
        """Return the length of a decision bar in milliseconds."""
        return INTERVALS_MS[self.ai_decision_interval]

    @property
    def policy(self) -> Policy:
        """Return the profile with every number that decisions use."""
        explores = self.ai_profile is ProfileName.EXPLORE
        return Policy(
            profile=self.ai_profile,
            interval_ms=self.interval_ms,
            decision_ms=self.interval_ms,
            costs=Costs(self.ai_taker_fee_bps, self.ai_slippage_bps, self.ai_edge_margin_bps),
            sizing=Sizing(
                self.ai_volatility_target_bps, self.ai_size_usd_max, self.ai_size_equity_fraction_max,
                self.ai_margin_fraction_max, self.ai_leverage_max,
            ),
            entry=EXPLORE_ENTRY if explores else TRADE_ENTRY,
            exit=EXPLORE_EXIT if explores else TRADE_EXIT,
        )  # fmt: skip
