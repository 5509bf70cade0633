"""Cutoffs as formulas: what can be written, what it comes to, and what is wrong with one."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.governor import cutoffs
from services.governor.cutoffs import (
    DRAWDOWN,
    ENTRY_REFERENCE,
    ENTRY_SHIPPED,
    HEAT,
    HEAT_MAX,
    STRAINS,
    UTILIZATION,
    VOLATILITY,
    Reading,
    corners,
    entry_faults,
    formula,
    numbers,
    reading,
    undefined,
)
from services.governor.formula import KNOWN_MAX, Formula, FormulaError
from tests.unit.governor.builders import market, portfolio

HEAT_LIMIT, DRAWDOWN_LIMIT = Decimal("0.06"), Decimal("0.15")


def on(heat: float = 0.0, drawdown: float = 0.0, volatility: float = 0.0, used: float = 0.0) -> dict[str, float]:
    return {HEAT: heat, HEAT_MAX: 0.06, VOLATILITY: volatility, DRAWDOWN: drawdown, UTILIZATION: used}


@pytest.mark.parametrize(
    ("heat", "drawdown", "cutoff"),
    [
        (0.0, 0.0, "0.7000000000"), (0.03, 0.0, "0.9500000000"), (0.06, 0.0, "1.2000000000"),
        (0.06, 0.1, "1.2300000000"), (0.12, 0.0, "1.7000000000"), (0.0, 1.0, "1.0000000000"),
        (0.012, 0.05, "0.8150000000"),
    ],
)  # fmt: skip
def test_the_reference_is_what_was_published_to_the_digit(heat: float, drawdown: float, cutoff: str) -> None:
    assert f"{formula(ENTRY_REFERENCE).value(on(heat, drawdown)):.10f}" == cutoff


@pytest.mark.parametrize(
    ("where", "cutoff"),
    [
        (on(), 2.0),
        (on(heat=0.018, drawdown=0.02, volatility=0.5, used=0.3), 0.95),
        (on(heat=0.06, drawdown=0.15, volatility=1.0, used=1.0), -2.0),
    ],
)
def test_the_shipped_cutoff_is_what_its_derivation_says(where: dict[str, float], cutoff: float) -> None:
    assert formula(ENTRY_SHIPPED).value(where) == pytest.approx(cutoff)
    assert ENTRY_SHIPPED.split() == cutoffs.__doc__.split("can be:")[1].split("With nothing")[0].split()


UNIT = st.floats(0, 2)


@given(UNIT, UNIT, UNIT, UNIT, st.sampled_from(STRAINS), st.floats(0.001, 1))
def test_the_shipped_cutoff_tightens_under_every_strain(
    heat: float, drawdown: float, volatility: float, used: float, strain: str, more: float
) -> None:
    calm = on(heat, drawdown, volatility, used)
    assert formula(ENTRY_SHIPPED).value(calm | {strain: calm[strain] + more}) < formula(ENTRY_SHIPPED).value(calm)


def test_the_shipped_cutoffs_have_no_fault() -> None:
    assert entry_faults(formula(ENTRY_SHIPPED), HEAT_LIMIT, DRAWDOWN_LIMIT) == []
    assert undefined(formula("open"), HEAT_LIMIT, DRAWDOWN_LIMIT) == []
    assert entry_faults(formula("open"), HEAT_LIMIT, DRAWDOWN_LIMIT) == []


def test_the_reference_runs_the_wrong_way_in_heat_and_drawdown() -> None:
    faults = entry_faults(formula(ENTRY_REFERENCE), HEAT_LIMIT, DRAWDOWN_LIMIT)
    assert [fault.split(" rises")[0] for fault in faults] == [
        "runs the wrong way: as portfolio_heat", "runs the wrong way: as drawdown_pct",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / portfolio_heat", "ZeroDivisionError"),
        ("log(drawdown_pct)", "ValueError"),
        ("sqrt(0.1 - exposure_utilization)", "ValueError"),
        ("(0 - portfolio_heat - 0.01) ** 0.5", "not a number to hold a score against"),
        ("exp(1000 * exposure_utilization)", "OverflowError"),
        ("portfolio_heat > 0.1", "not a number to hold a score against"),
        ("10 ** 308 * 10", "not a number to hold a score against"),
        ("1" + "0" * 400, "not a number to hold a score against"),
        ("min()", "TypeError"),
    ],
)
def test_a_formula_without_a_value_somewhere_says_where(text: str, words: str) -> None:
    faults = entry_faults(formula(text), HEAT_LIMIT, DRAWDOWN_LIMIT)
    assert faults
    assert words in faults[0]
    assert "undefined with portfolio_heat" in faults[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be one expression"), ("1; 2", "must be one expression"), ("x = 1", "must be one expression"),
        ("1 +", "cannot be read"), ("(" * 300, "cannot be read"), ("1" * 501, "longer than"),
        ("heat", "heat is not known"), ("'a'", "not a number"), ("True", "not a number"), ("None", "not a number"),
        ("__import__('os')", "can be called"), ("min(1, key=2)", "can be called"),
        ("portfolio_heat()", "can be called"),
        ("portfolio_heat.real", "Attribute is not allowed"), ("[1][0]", "is not allowed"), ("lambda: 1", "not allowed"),
        ("[x for x in (1,)]", "not allowed"), ("1 if max_heat in (1, 2) else 2", "not allowed"),
        ("1 << 3", "not allowed"),
        ("f'{max_heat}'", "not allowed"), ("(y := 1)", "not allowed"), ("1j", "not a number"),
    ],
)  # fmt: skip
def test_anything_but_arithmetic_is_refused(text: str, words: str) -> None:
    with pytest.raises(FormulaError, match=words.replace("(", r"\(")):
        formula(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7.0), ("2 ** 0.5 ** 2", 2**0.25), ("-max_heat", -0.06), ("7 // 2 % 2", 1.0),
        ("1 if max_heat > 0.01 and not portfolio_heat else 2", 1.0), ("max(1, min(3, 2)) + abs(-1)", 3.0),
        ("sqrt(4) + log(exp(1))", 3.0),
    ],
)  # fmt: skip
def test_arithmetic_comes_to_what_it_comes_to(text: str, value: float) -> None:
    assert formula(text).value(on()) == pytest.approx(value)


def test_a_formula_says_what_it_is() -> None:
    assert repr(formula("1 +  1")) == "Formula('1 + 1')"


def test_no_more_values_are_kept_than_are_of_use() -> None:
    one = Formula("x", frozenset({"x"}))
    assert [one.value({"x": float(n)}) for n in range(KNOWN_MAX + 2)][-1] == KNOWN_MAX + 1
    assert one.value({"x": 1.0}) == 1.0


def test_an_open_cutoff_is_beyond_every_score() -> None:
    assert reading(formula("OPEN"), None) == Reading(math.inf)
    assert formula("open").value({}) == math.inf


def test_a_cutoff_is_read_on_account_and_market() -> None:
    seen = numbers(portfolio(portfolio_heat=Decimal("0.03")), market(), HEAT_LIMIT)
    assert seen == on(heat=0.03, volatility=0.5)
    assert reading(formula(ENTRY_SHIPPED), seen).value == pytest.approx(1.25)
    assert reading(formula(ENTRY_SHIPPED), None) == Reading(None)
    assert reading(formula("1 / drawdown_pct"), seen) == Reading(None, "ZeroDivisionError: float division by zero")


def test_the_corners_hold_every_limit() -> None:
    found = list(corners(HEAT_LIMIT, DRAWDOWN_LIMIT))
    assert on() in found
    assert on(heat=0.06, drawdown=0.15, volatility=1.0, used=1.0) in found
    assert len(found) == 4 * 3 * 4 * 4
