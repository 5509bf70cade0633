"""The report of a run: one HTML page with plots and tables, in light and in dark, that needs nothing from elsewhere."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import jinja2
import orjson
from plotly.offline import get_plotlyjs

from quantum_common.clock import minute_utc
from services.backtest import plots
from services.backtest.account import RoundTrip

TEMPLATE = "report.html.j2"
NO_SKILL = (
    "This run was decided by the first strategy. It has no measured skill: on real bars its signal does no better than "
    "chance, and the costs are certain. It is there so that the chain has something to do; do not trade on it."
)
NO_MODEL = "No trained model was given, and the profile trade enters nothing without one: --model DIR names one."


def page(result: Mapping[str, Any], trips: Iterable[RoundTrip], card_text: str = "") -> str:
    """Given a result, its newest round trips and the model's card as a text to read, return the page."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters |= {"money": _money, "figure": _figure, "percent": _percent, "time": minute_utc, "tone": _tone}
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    figures = {
        "equity": plots.equity(result["curve"]),
        "symbols": plots.bars(result["per_symbol"], "net_usd"),
        "reasons": plots.bars(result["per_exit_reason"], "net_usd"),
        "days": plots.days(result["per_day"]),
        "gates": plots.gates(result["gates"]),
        "engine": plots.engine(result["engine"]),
    }
    return template.render(
        r=result,
        trips=sorted(trips, key=lambda trip: -trip.closed_ms),
        cards=_cards(result),
        note=_note(result["model"]),
        card_text=card_text,
        figures=_script(figures),
        plotly=get_plotlyjs(),
    )


def _cards(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the figures at the top: name, value, and whether it is good or bad."""
    found = result["headline"]
    return [
        ("net PnL, USDT", _money(found["net_pnl_usd"]), _tone(found["net_pnl_usd"])),
        ("net PnL of the deposit", _percent(found["net_pnl_pct"]), _tone(found["net_pnl_usd"])),
        ("max drawdown", _percent(found["max_drawdown_pct"]), ""),
        ("Sharpe", _figure(found["sharpe"]), ""),
        ("hit rate", _percent(found["hit_rate_pct"]), ""),
        ("profit factor", _figure(found["profit_factor"]), ""),
        ("round trips", f"{found['round_trips']:,}", ""),
        ("orders", f"{found['orders']:,}", ""),
        ("fees, USDT", _money(-found["fees_usd"]), ""),
        ("funding, USDT", _money(found["funding_usd"]), ""),
        ("turnover, deposits", _figure(found["turnover"]), ""),
        ("time in market", _percent(found["time_in_market_pct"]), ""),
        ("gross exposure, mean", _percent(found["gross_exposure_pct"]), ""),
        ("buy and hold", _percent(found["buy_and_hold_pct"]), ""),
    ]


def _note(model: Mapping[str, Any]) -> str:
    """Return how much skill to expect: what a model's own card says of its worth."""
    card, seen = model["card"], model["seen_pct"]
    if card is None:
        return NO_MODEL if model["name"] == "none" else NO_SKILL
    worth = (
        "paid its costs out of sample" if card["pays"] else "did not pay its costs out of sample: expect to lose them"
    )
    known = f" It was trained on {seen:.0f} % of this period, and what it did there proves nothing." if seen else ""
    return f"The model's card says that it {worth}.{known}"


def _script(figures: Mapping[str, Any]) -> str:
    """Given figures, return them as JSON that may stand inside a script element."""
    return orjson.dumps(figures).decode().replace("</", "<\\/")


def _money(value: float) -> str:
    return f"{value:+,.2f}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f} %"


def _tone(value: float) -> str:
    return "good" if value > 0 else "bad" if value < 0 else ""
