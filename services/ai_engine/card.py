"""The card of a trained model: where it comes from, and what it was worth on data that it had not seen."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

CARD_FORMAT: Literal[1] = 1

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]


class CardPart(BaseModel):
    """Frozen and closed: a card with a field too few or too many is not this build's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CalibrationBin(CardPart):
    """Of the predictions in one tenth: how likely a rise was said to be, how often it came, and how many they are."""

    p_up: Share
    rose: Share
    count: Count


class Worth(CardPart):
    """What trading by a rule came to out of sample, in bps of each position's notional, after all costs.

    `low_bps` and `high_bps` are the 95 % interval of the mean from a bootstrap over days; None without enough trades.
    """

    trades: Count
    gross_bps: float | None
    net_bps: float | None
    net_total_bps: float
    low_bps: float | None
    high_bps: float | None


class Baseline(CardPart):
    """Something simpler on the same bars, by the same rules."""

    name: str
    accuracy: Share | None
    auc: Share | None
    brier: Share | None
    worth: Worth


class ModelCard(CardPart):
    """All of it. Times in epoch milliseconds; figures are out of sample where nothing else is said."""

    format: Literal[1] = CARD_FORMAT
    name: str
    version: str
    model_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    trained_ms: Count
    expires_ms: Count
    seed: int

    # what went in
    data_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    from_ms: Count
    until_ms: Count
    symbols: tuple[str, ...] = Field(min_length=1)
    leader: str  # empty where nobody led
    bars: Count
    missing_bars: Count
    rows: Count
    decision_ms: Annotated[int, Field(gt=0)]
    horizon_bars: Annotated[int, Field(gt=0)]
    inputs: tuple[str, ...]
    inputs_hash: str
    deciles: tuple[tuple[float, ...], ...]  # nine inner edges for each input: what drift is measured against

    # how it was tested
    folds: Annotated[int, Field(gt=0)]
    purge_bars: Count
    embargo_bars: Count
    test_from_ms: Count
    test_rows: Count

    # how well it knew
    accuracy: Share
    auc: Share
    brier: Share
    brier_coin: Share
    brier_spread: Annotated[float, Field(ge=0.0)]  # standard deviation of the daily means: what drift is measured in
    calibration_slope: float
    calibration_error: Share
    calibration: tuple[CalibrationBin, ...]
    information_coefficient: Annotated[float, Field(ge=-1.0, le=1.0)]
    confidence_max: Share
    qlike: float  # of the volatility over the horizon; lower is better
    qlike_plain: float  # and of the plain average of squares
    slope: Share
    haircut: Share

    # what it was worth
    cost_bps: Annotated[float, Field(ge=0.0)]  # a round trip without funding
    margin_bps: Annotated[float, Field(ge=0.0)]
    funding: bool  # whether rates of every symbol were given
    worth: Worth
    baselines: tuple[Baseline, ...]
    pays: bool
    words: str  # the verdict in one sentence

    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
