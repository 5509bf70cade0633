"""A cutoff as a formula: arithmetic over named numbers, and nothing else.

The library evaluates an expression by a table of what it allows. Of that table only arithmetic, comparison, choice and
six functions are left here: no attribute, no index, no text, no keyword. Every number is a float, so that no power of
whole numbers can grow without end.
"""

import ast
import math
import sys
from collections.abc import Mapping
from typing import Any

from simpleeval import DEFAULT_OPERATORS, InvalidExpression, SimpleEval

OPEN = "open"
LENGTH_MAX = 500
KNOWN_MAX = 10_000  # values kept: account and market change far more seldom than plans come
FLOAT_MAX = sys.float_info.max
FUNCTIONS = {"min": min, "max": max, "abs": abs, "sqrt": math.sqrt, "exp": math.exp, "log": math.log}
_NODES = (
    ast.Expr, ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Constant,
)  # fmt: skip
_SIGNS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Mod, ast.FloorDiv, ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.Load,
)  # fmt: skip


class FormulaError(ValueError):
    """A formula that cannot be read, or has no value on some numbers."""


class Formula:
    """One formula, read once. `open` stands for a cutoff that nothing exceeds."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        """Given a formula and the names that it may use, read it. Raise FormulaError where it is anything else."""
        self.text = " ".join(text.split())
        self.open = self.text.lower() == OPEN
        if self.open:
            return
        self._tree = _parsed(self.text, names)
        self._known: dict[tuple[float, ...], float] = {}
        operators = {sign: act for sign, act in DEFAULT_OPERATORS.items() if sign in _SIGNS}
        self._evaluator = SimpleEval(operators=operators, functions=dict(FUNCTIONS), names={})
        nodes: Mapping[Any, Any] = self._evaluator.nodes
        self._evaluator.nodes = {kind: act for kind, act in nodes.items() if kind in _NODES}

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"

    def value(self, numbers: Mapping[str, float]) -> float:
        """Given the numbers, return the formula's value; infinite where it is open. Raise FormulaError where it has
        none: a division by zero, a root of a negative number, a result beyond every number.

        The numbers come in the same order every time.
        """
        if self.open:
            return math.inf
        key = tuple(numbers.values())
        known = self._known.get(key)
        if known is not None:
            return known
        self._evaluator.names = numbers
        try:
            value: object = self._evaluator.eval(self.text, previously_parsed=self._tree)
        except (ArithmeticError, ValueError, TypeError, InvalidExpression) as error:
            raise FormulaError(f"{type(error).__name__}: {error}") from None
        if not isinstance(value, float) or not math.isfinite(value):
            raise FormulaError(f"comes to {value!r}, which is not a number to hold a score against")
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[key] = value
        return value


def _parsed(text: str, names: frozenset[str]) -> ast.stmt:
    """Given a formula's text, return its tree with every number a float. Raise FormulaError for what is not allowed."""
    if len(text) > LENGTH_MAX:
        raise FormulaError(f"is longer than {LENGTH_MAX} characters")
    try:
        body = ast.parse(text).body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise FormulaError(f"cannot be read: {error.args[0] if error.args else error}") from None
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise FormulaError("must be one expression")
    for node in ast.walk(body[0]):
        _require_allowed(node, names)
    return body[0]


def _require_allowed(node: ast.AST, names: frozenset[str]) -> None:
    """Given one node, make its number a float, or raise FormulaError where a formula must not hold it."""
    match node:
        case ast.Constant(value=value):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise FormulaError(f"{value!r} is not a number")
            node.value = float(value) if abs(value) < FLOAT_MAX else math.inf
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
            return
        case ast.Call():
            raise FormulaError(f"{ast.unparse(node)}: only {', '.join(FUNCTIONS)} can be called")
        case ast.Name(id=name):
            if name not in names and name not in FUNCTIONS:
                raise FormulaError(f"{name} is not known; there are {', '.join(sorted(names))}")
        case _ if not isinstance(node, _NODES + _SIGNS):
            raise FormulaError(f"{type(node).__name__} is not allowed")
