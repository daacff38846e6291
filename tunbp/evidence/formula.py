"""A small formula language over tables: arithmetic on named look-ups, read with `ast` and never executed."""

from __future__ import annotations

import ast
import math
import operator
import statistics
from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from tunbp.errors import DataError

MAX_LENGTH = 4000
"""Longest formula in characters; bounds the depth of the syntax tree as well."""

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: dict[str, Callable[[list[float]], float]] = {
    "abs": lambda values: abs(values[0]),
    "max": max,
    "min": min,
    "mean": statistics.fmean,
    "sum": math.fsum,
}


class FormulaError(DataError):
    """A formula that cannot be read or computed: the formula, the part, and what is allowed."""


def _reason(table: pd.DataFrame, row: str, column: str) -> str:
    """Why a value is missing: from the column's own ``*_missing`` column, else from ``missing``."""
    for name in (f"{column.split('_')[0]}_missing", "missing"):
        if name in table.columns and table[name][row]:
            return str(table[name][row])
    return "not published"


def evaluate(formula: str, tables: Mapping[str, pd.DataFrame]) -> tuple[float, list[str]]:
    """Compute a formula.

    Parameters
    ----------
    formula
        Numbers; ``+ - * /`` and parentheses; ``abs(x)``, ``min``, ``max``, ``mean``, ``sum`` of one or more
        values; ``TABLE["row_id"].column``; ``rows(TABLE, column="text", ...)``, the number of rows whose
        columns hold exactly these texts.
    tables
        Name -> table, indexed by row id.

    Returns
    -------
    value : float
        NaN as soon as one look-up is missing.
    missing : list of str
        The look-ups that gave no value, each with the reason from the row's ``missing`` columns.

    Raises
    ------
    FormulaError
        If the formula uses anything else, or names a table, row or column that does not exist.

    Examples
    --------
    >>> table = pd.DataFrame({"rate": [3.0, 4.0]}, index=["a", "b"])
    >>> evaluate('t["b"].rate / t["a"].rate - 1', {"t": table})
    (0.33333333333333326, [])
    """
    tree = _parsed(formula)
    reader = _Reader(tables)
    try:
        value = reader.value(tree)
    except (RecursionError, ValueError) as error:
        raise FormulaError(f"{formula!r}: {error}; a formula is arithmetic over TABLE['row_id'].column") from error
    except (ZeroDivisionError, OverflowError) as error:
        raise FormulaError(f"{formula!r}: {error}") from error
    except FormulaError as error:
        raise FormulaError(f"{formula!r}: {error}") from error
    return (math.nan if reader.missing else value), reader.missing


def rows_of(formula: str) -> list[tuple[str, str]]:
    """Tables and rows that a formula looks up, each once, in its order.

    Parameters
    ----------
    formula
        As of `evaluate`.

    Returns
    -------
    list of (str, str)
        Names of tables and ids of rows; empty where it is arithmetic alone.

    Raises
    ------
    FormulaError
        If it cannot be read.

    Examples
    --------
    >>> rows_of('t["b"].rate / t["a"].rate - t["b"].lost')
    [('t', 'b'), ('t', 'a')]
    """
    return [*dict.fromkeys(_places(_parsed(formula)))]


def _parsed(formula: str) -> ast.expr:
    """The syntax tree of a formula of reasonable length."""
    if len(formula) > MAX_LENGTH:
        raise FormulaError(f"formula of {len(formula)} characters; at most {MAX_LENGTH} are allowed")
    try:
        return ast.parse(formula, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"{formula!r}: {error}; a formula is arithmetic over TABLE['row_id'].column") from error


def _places(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Subscript(value=ast.Name(id=table), slice=ast.Constant(value=str() as row)):
            yield table, row
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _places(child)


class _Reader:
    """Walks the syntax tree of one formula and notes the look-ups that gave nothing."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self.tables = tables
        self.missing: list[str] = []

    def value(self, node: ast.expr) -> float:
        """Value of one node; whatever is not listed here is refused."""
        match node:
            case ast.Constant(value=bool()):
                raise FormulaError(f"{ast.unparse(node)} is not a number")
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](self.value(left), self.value(right))
            case ast.Attribute(value=ast.Subscript(value=ast.Name(id=table), slice=ast.Constant(value=str() as row))):
                return self._look_up(table, row, node.attr)
            case ast.Call(func=ast.Name(id="rows"), args=[ast.Name(id=table)], keywords=[_, *_] as wanted):
                return self._count(table, wanted)
            case ast.Call(func=ast.Name(id=name), args=[_, *_] as arguments, keywords=[]) if name in _FUNCTIONS:
                return self._apply(name, arguments)
        raise FormulaError(f"{ast.unparse(node)} is not allowed")

    def _apply(self, name: str, arguments: list[ast.expr]) -> float:
        if name == "abs" and len(arguments) != 1:
            raise FormulaError("abs takes one value")
        return _FUNCTIONS[name]([self.value(argument) for argument in arguments])

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self.tables:
            raise FormulaError(f"table {name!r} does not exist: choose one of {', '.join(self.tables)}")
        return self.tables[name]

    def _look_up(self, name: str, row: str, column: str) -> float:
        table = self._table(name)
        if row not in table.index:
            raise FormulaError(f"table {name} has no row {row!r}")
        if column not in table.columns:
            raise FormulaError(f"table {name} has no column {column!r}")
        if table[column].dtype.kind not in "if":
            raise FormulaError(f"column {column!r} of table {name} holds text, not numbers")
        value = float(table[column][row])
        if math.isnan(value):
            self.missing.append(f"{name}[{row}].{column}: {_reason(table, row, column)}")
            # 1 keeps the walk going, so that every missing look-up is named and none divides by zero
            return 1.0
        return value

    def _count(self, name: str, wanted: list[ast.keyword]) -> float:
        table = self._table(name)
        chosen = pd.Series(True, index=table.index)
        for keyword in wanted:
            column, constant = keyword.arg, keyword.value
            if not (isinstance(constant, ast.Constant) and isinstance(constant.value, str)):
                raise FormulaError(f"{ast.unparse(constant)} is not a text to compare with")
            if column not in table.columns:
                raise FormulaError(f"table {name} has no column {column!r}")
            chosen &= table[column].astype(str) == constant.value
        return float(chosen.sum())
