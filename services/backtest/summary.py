"""A run on one page of a terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quantum_common.clock import minute_utc

ROWS_MAX = 8
COLUMNS = 2  # figures side by side: what fits a terminal of eighty characters, and a pipe
GATES_MAX = 3
_NO_SKILL = "the first strategy has no measured skill: what you see is its costs and chance"
_NO_MODEL = "no trained model: the profile trade enters nothing; give --model DIR, or --profile explore"


def summary(result: Mapping[str, Any], out: Path | None) -> RenderableType:
    """Given a result and where its files are, return the page."""
    return Group(
        _title(result),
        _headline(result),
        "",
        _groups(result),
        "",
        _refusals(result["gates"]),
        *_footer(result, out),
    )


def _title(result: Mapping[str, Any]) -> Text:
    period, data = result["period"], result["data"]
    words = f"{len(data['symbols'])} symbols, {minute_utc(period['start_ms'])} to {minute_utc(period['end_ms'])} UTC"
    interrupted = "" if period["whole"] else "; interrupted, this is what there is"
    return Text.assemble(("quantum backtest ", "bold cyan"), words, (interrupted, "bold yellow"))


def _headline(result: Mapping[str, Any]) -> Table:
    found, run = result["headline"], result["run"]
    table = Table.grid(padding=(0, 3))
    for _ in range(2 * COLUMNS):
        table.add_column(no_wrap=True)
    pairs = [
        ("net PnL", money(found["net_pnl_usd"]) + _of(found["net_pnl_pct"])),
        ("buy and hold", percent(found["buy_and_hold_pct"])),
        ("fees", money(-found["fees_usd"])), ("hit rate", percent(found["hit_rate_pct"])),
        ("funding", money(found["funding_usd"])), ("profit factor", number(found["profit_factor"])),
        ("max drawdown", percent(found["max_drawdown_pct"])), ("Sharpe", number(found["sharpe"])),
        ("turnover", f"{number(found['turnover'])} x deposit"), ("in market", percent(found["time_in_market_pct"])),
        ("plans", f"{found['plans']:,}"), ("round trips", f"{found['round_trips']:,}"),
        ("orders", f"{found['orders']:,}"), ("fills", f"{found['fills']:,}"),
        ("speed", f"{run['symbol_bars_per_s']:,} bars/s"),
    ]  # fmt: skip
    for first in range(0, len(pairs), COLUMNS):
        cells: list[Text] = []
        for name, value in pairs[first : first + COLUMNS]:
            cells += [Text(name, "dim"), Text(value, "bold" if name == "net PnL" else "")]
        table.add_row(*cells)
    return table


def _groups(result: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 6))
    grid.add_row(
        _ranked("symbol", result["per_symbol"], "net_usd"), _ranked("closed by", result["per_exit_reason"], "net_usd")
    )
    return grid


def _ranked(title: str, rows: Mapping[str, Mapping[str, Any]], by: str) -> Table:
    table = Table(title, "trips", "net USDT", box=None, padding=(0, 2, 0, 0), header_style="dim")
    ordered = sorted(rows.items(), key=lambda one: -one[1][by])
    half = ROWS_MAX // 2
    first, last = (ordered, []) if len(ordered) <= ROWS_MAX else (ordered[:half], ordered[-half:])
    for name, row in first:
        table.add_row(name, f"{row['round_trips']:,}", f"{row[by]:+,.2f}")
    if last:
        table.add_row(Text(f"{len(ordered) - 2 * half} more", "dim"))
    for name, row in last:
        table.add_row(name, f"{row['round_trips']:,}", f"{row[by]:+,.2f}")
    return table


def _refusals(gates: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Text:
    """Return which gates refused how many plans, the strictest first."""
    rows = [
        (count, f"{gate} {count:,} ({stage}, {'entries' if kind == 'ENTRY' else 'exits'})")
        for stage, kinds in gates.items()
        for kind, found in kinds.items()
        for gate, count in found.items()
        if gate != "passed"
    ]
    words = "; ".join(text for _, text in sorted(rows, reverse=True)[:GATES_MAX]) or "none"
    return Text.assemble(("plans refused  ", "dim"), words)


def _footer(result: Mapping[str, Any], out: Path | None) -> list[Text]:
    books, card = result["books"], result["model"]["card"]
    lines = [
        Text("ledger equals the exchange's trades: yes", "green")
        if books["ledger_equals_exchange"]
        else Text(f"ledger equals the exchange's trades: NO: {'; '.join(books['differences'][:3])}", "bold red")
    ]
    if card is None:
        none = result["model"]["name"] == "none"
        lines.append(Text(_NO_MODEL if none else _NO_SKILL, "yellow"))
    else:
        if not card["pays"]:
            lines.append(Text("the model's card says that it did not pay its costs out of sample", "yellow"))
        if result["model"]["seen_pct"]:
            seen = f"{result['model']['seen_pct']:.0f} % of this period"
            lines.append(Text(f"the model was trained on {seen}: what it did there proves nothing", "bold yellow"))
    lines += [Text(f"{name}: {found['count']} times, first {found['first']}", "yellow") for name, found in
              result["warnings"].items()]  # fmt: skip
    lines.append(Text(f"report: {out / 'report.html'}" if out is not None else "--out DIR writes a report", "dim"))
    return lines


def money(value: float) -> str:
    """Given an amount in USDT, return it with its sign."""
    return f"{value:+,.2f} USDT"


def number(value: float | None) -> str:
    """Given a figure, return it, or a dash where there is none."""
    return "-" if value is None else f"{value:,.2f}"


def percent(value: float | None) -> str:
    """Given a percentage, return it, or a dash where there is none."""
    return "-" if value is None else f"{value:,.2f} %"


def _of(value: float | None) -> str:
    return "" if value is None else f" ({value:+.2f} %)"
