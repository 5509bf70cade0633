"""A model's card as a page to read. Pure: a card in, lines out."""

from quantum_common.clock import MINUTE_MS, minute_utc
from services.ai_engine.card import Baseline, ModelCard, Worth

_RULE = "-" * 78


def page(card: ModelCard) -> str:
    """Given a card, return it as text of 78 columns."""
    paid = " and funding" if card.funding else " (funding not known of every symbol)"
    lines = [
        f"model {card.version}",
        _RULE,
        *_wrapped(card.words),
        "",
        *_pairs({
            "trained": f"{minute_utc(card.trained_ms)}, may be used until {minute_utc(card.expires_ms)}; "
                       f"seed {card.seed}",
            "bars": f"{card.bars:,} minutes of {len(card.symbols)} symbols, {minute_utc(card.from_ms)} to "
                    f"{minute_utc(card.until_ms)}, {card.missing_bars:,} missing",
            "data": f"sha256 {card.data_hash[:16]}…, inputs {card.inputs_hash} ({len(card.inputs)})",
            "decides": f"every {card.decision_ms // MINUTE_MS} minutes, {card.horizon_bars} minutes ahead, "
                       f"leader {card.leader or 'none'}; {card.rows:,} rows",
            "judged": f"{card.test_rows:,} rows from {minute_utc(card.test_from_ms)} on, in {card.folds} folds; "
                      f"{card.purge_bars} minutes purged, {card.embargo_bars} embargoed",
        }),
        "",
        "out of sample",
        *_pairs({
            "accuracy": f"{card.accuracy:.4f}      AUC {card.auc:.4f}      IC {card.information_coefficient:+.4f}",
            "Brier": f"{card.brier:.5f}     a coin {card.brier_coin:.5f}, daily spread {card.brier_spread:.5f}",
            "calibrated": f"slope {card.calibration_slope:.2f}  mean error {card.calibration_error:.4f}  "
                          f"surest p {card.confidence_max:.3f}",
            "volatility": f"QLIKE {card.qlike:.4f}, of the plain average {card.qlike_plain:.4f}; the lower is used",
            "in use": f"Platt slope {card.slope:.2f}, haircut {card.haircut:.2f}",
        }),
        "",
        "  said p_up   rose      rows",
        *[f"     {one.p_up:.4f} {one.rose:7.4f} {one.count:9,}" for one in card.calibration],
        "",
        f"after {card.cost_bps:g} bps a round trip{paid}; traded from {card.cost_bps + card.margin_bps:g} bps on",
        f"  {'':<30}{'trades':>7}{'gross':>8}{'net':>8}{'total':>10}  95 % of net",
        _row("this model", card.worth),
        *[_row(one.name, one.worth) for one in card.baselines],
        "",
        *[f"  {one.name}: {_known(one)}" for one in card.baselines if one.accuracy is not None],
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _pairs(pairs: dict[str, str]) -> list[str]:
    return [f"  {name:<11} {value}" for name, value in pairs.items()]


def _row(name: str, worth: Worth) -> str:
    interval = f"{worth.low_bps:+.1f} to {worth.high_bps:+.1f}" if worth.low_bps is not None else "-"
    return (
        f"  {name:<30}{worth.trades:>7}{_bps(worth.gross_bps):>8}{_bps(worth.net_bps):>8}{worth.net_total_bps:>+10.0f}"
        f"  {interval}"
    )


def _bps(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f}"


def _known(one: Baseline) -> str:
    figures = {"accuracy": one.accuracy, "AUC": one.auc, "Brier": one.brier}
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if value is not None)


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) + 1 > len(_RULE):
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, line]
