"""The plots of a report as plain figures: what plotly.js is given, but for colours, which the page has in its theme.

A trace names a colour of the page by `tone`; the page puts it in, in light and in dark.
"""

from collections.abc import Mapping
from typing import Any

from quantum_common.clock import minute_utc

Figure = dict[str, Any]


def equity(curve: Mapping[str, Any]) -> Figure:
    """Given the equity over time, return it above its drawdown, on one axis of time."""
    times = [minute_utc(ms) for ms in curve["times_ms"]]
    return {
        "data": [
            {
                "type": "scatter", "mode": "lines", "x": times, "y": curve["equity_usd"], "name": "equity",
                "tone": "accent", "hovertemplate": "%{y:,.2f} USDT<extra></extra>",
            },
            {
                "type": "scatter", "mode": "lines", "x": times, "y": [-100.0 * one for one in curve["drawdown"]],
                "name": "drawdown", "yaxis": "y2", "fill": "tozeroy", "tone": "bad",
                "hovertemplate": "%{y:.2f} %<extra></extra>",
            },
        ],
        "layout": {
            "height": 420, "hovermode": "x unified", "showlegend": False,
            "yaxis": {"domain": [0.34, 1.0], "title": {"text": "equity, USDT"}, "tickformat": ",.0f"},
            "yaxis2": {"domain": [0.0, 0.26], "title": {"text": "drawdown, %"}, "rangemode": "tozero"},
            "xaxis": {"anchor": "y2"},
        },
    }  # fmt: skip


def bars(rows: Mapping[str, Mapping[str, Any]], value: str) -> Figure:
    """Given groups of round trips, return one horizontal bar for each, the best on top, green above zero, red below."""
    ordered = sorted(rows.items(), key=lambda one: one[1][value])
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "y": [name for name, _ in ordered],
                "x": [row[value] for _, row in ordered],
                "tones": ["good" if row[value] >= 0 else "bad" for _, row in ordered],
                "customdata": [[row["round_trips"], row["hit_rate_pct"] or 0.0] for _, row in ordered],
                "hovertemplate": "%{y}: %{x:,.2f} USDT<br>%{customdata[0]} round trips, %{customdata[1]:.1f} % won"
                "<extra></extra>",
            }
        ],
        "layout": {
            "height": 90 + 26 * max(len(ordered), 2), "showlegend": False,
            "xaxis": {"title": {"text": "net, USDT"}, "zeroline": True}, "yaxis": {"automargin": True},
        },
    }  # fmt: skip


def days(per_day: list[Mapping[str, Any]]) -> Figure:
    """Given what each day came to, return a bar for each."""
    return {
        "data": [
            {
                "type": "bar", "x": [minute_utc(day["to_ms"] - 1)[:10] for day in per_day],
                "y": [day["net_usd"] for day in per_day],
                "tones": ["good" if day["net_usd"] >= 0 else "bad" for day in per_day],
                "hovertemplate": "%{x}: %{y:,.2f} USDT<extra></extra>",
            }
        ],
        "layout": {
            "height": 260, "showlegend": False, "yaxis": {"title": {"text": "net, USDT"}, "zeroline": True},
            "xaxis": {"type": "category", "nticks": 12},
        },
    }  # fmt: skip


def gates(stages: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Figure:
    """Given the verdicts of each stage, return one bar a stage, entries and exits apart, in parts by gate."""
    names = [(stage, kind) for stage, kinds in stages.items() for kind in kinds][::-1]
    labels = [f"{stage}, {'entries' if kind == 'ENTRY' else 'exits'}" for stage, kind in names]
    found = sorted({gate for kinds in stages.values() for one in kinds.values() for gate in one} - {"passed"})
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "name": gate, "y": labels,
                "x": [stages[stage][kind].get(gate, 0) for stage, kind in names],
                "tone": "good" if gate == "passed" else f"part{number}",
                "hovertemplate": f"{gate}: %{{x:,}}<extra></extra>",
            }
            for number, gate in enumerate(["passed", *found])
        ],
        "layout": {
            "height": 110 + 34 * max(len(names), 2), "barmode": "stack", "showlegend": True,
            "legend": {"orientation": "h", "y": -0.26}, "xaxis": {"title": {"text": "plans"}},
            "yaxis": {"automargin": True},
        },
    }  # fmt: skip


def engine(counts: Mapping[str, int]) -> Figure:
    """Given why each bar led to what it led to, return a bar for each reason on a scale of powers of ten."""
    ordered = sorted(counts.items(), key=lambda one: one[1])
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "y": [name for name, _ in ordered],
                "x": [count for _, count in ordered], "tone": "muted", "hovertemplate": "%{y}: %{x:,}<extra></extra>",
            }
        ],
        "layout": {
            "height": 90 + 22 * max(len(ordered), 2), "showlegend": False,
            "xaxis": {"type": "log", "title": {"text": "symbol-bars"}, "dtick": 1}, "yaxis": {"automargin": True},
        },
    }  # fmt: skip
