"""From the text of an expression to its checked tree, through Python's own grammar."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from typing import NoReturn

from ftag_prune.errors import ConfigError, nearest, shortened
from ftag_prune.expression.functions import FUNCTIONS, OPERATORS, REDUCERS
from ftag_prune.expression.tree import Apply, Expression, Member, Name, Node, Number, Reduce

__all__ = ["LONGEST", "parse"]

LONGEST = 1000  # characters
_DEEPEST = 40  # operations inside one another
_HIGHEST = 64  # exponent

_ARITHMETIC: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


def parse(text: str) -> Expression:
    """Check an expression and make it ready for evaluation.

    Parameters
    ----------
    text : str
        Numbers, names, ``+ - * / // % **``, comparisons (``20 < pt < 250``), ``and or not``,
        ``x in (1, 6, 7)`` and the functions of `FUNCTIONS` and `REDUCERS`. A name may have dots;
        one with other characters stands in backquotes: ```softmax-b```.

    Raises
    ------
    ConfigError
        One sentence that says what is not understood.
    """
    if len(text) > LONGEST:
        raise ConfigError(f"has {len(text)} characters, more than {LONGEST}")
    plain, quoted = _unquote(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on odd literals is not for our users
            body = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError) as wrong:
        said = wrong.msg if isinstance(wrong, SyntaxError) else str(wrong)
        raise ConfigError(f"'{shortened(text)}' is not an expression ({shortened(said)})") from None
    except (RecursionError, MemoryError):
        raise ConfigError(f"'{shortened(text)}' is nested too deeply") from None
    root = _Checker(text, quoted).node(body, 0)
    return Expression(text, tuple(dict.fromkeys(root.names())), root)


def _unquote(text: str) -> tuple[str, dict[str, str]]:
    """Text with a plain stand-in for each backquoted name, and what each stands for."""
    mark = "_q"
    while mark in text:
        mark += "q"
    quoted: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        key = f"{mark}{len(quoted)}"
        quoted[key] = found.group(1)
        return key

    plain = re.sub(r"`([^`\n]+)`", stand_in, text)
    return plain.replace("\n", " ").strip(), quoted


class _Checker:
    """Translates Python's syntax tree, and refuses what is not on the list."""

    def __init__(self, text: str, quoted: Mapping[str, str]) -> None:
        self._text, self._quoted = text, quoted

    def _refuse(self, why: str) -> NoReturn:
        raise ConfigError(f"'{shortened(self._text)}' {why}")

    def node(self, syntax: ast.expr, depth: int) -> Node:
        """Node of any kind that is allowed."""
        if depth > _DEEPEST:
            self._refuse("is nested too deeply")
        match syntax:
            case ast.Constant():
                return Number(self._number(syntax))
            case ast.Name() | ast.Attribute():
                return Name(self._name(syntax))
            case ast.UnaryOp() | ast.BinOp() | ast.BoolOp():
                return self._operation(syntax, depth + 1)
            case ast.Compare():
                return self._comparison(syntax, depth + 1)
            case ast.Call():
                return self._call(syntax, depth + 1)
        return self._refuse(f"holds what no expression may hold: {_kind(syntax)}")

    def _number(self, syntax: ast.expr) -> float:
        match syntax:
            case ast.Constant(value=bool() | int() | float() as number):
                if isinstance(number, int) and number >= 2**64:
                    self._refuse("holds a whole number beyond 64 bits")
                return number
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._number(operand)
        return self._refuse("wants a plain number where something else stands")

    def _name(self, syntax: ast.expr) -> str:
        match syntax:
            case ast.Name(id=name):
                return self._quoted.get(name, name)
            case ast.Attribute(value=owner, attr=name):
                return f"{self._name(owner)}.{self._quoted.get(name, name)}"
        return self._refuse("has a dot after what is not a name")

    def _operation(self, syntax: ast.UnaryOp | ast.BinOp | ast.BoolOp, depth: int) -> Node:
        match syntax:
            case ast.BinOp(left, ast.Pow(), right):
                power = self._number(right)
                if abs(power) > _HIGHEST:
                    self._refuse(f"has an exponent beyond {_HIGHEST}")
                return Apply(OPERATORS["**"], (self.node(left, depth), Number(power)))
            case ast.BinOp(left, operator, right) if type(operator) in _ARITHMETIC:
                call = OPERATORS[_ARITHMETIC[type(operator)]]
                return Apply(call, (self.node(left, depth), self.node(right, depth)))
            case ast.BoolOp(operator, values):
                call = OPERATORS["and" if isinstance(operator, ast.And) else "or"]
                return Apply(call, tuple(self.node(one, depth) for one in values))
            case ast.UnaryOp(ast.USub(), ast.Constant()):
                return Number(self._number(syntax))
            case ast.UnaryOp(ast.Not() | ast.USub() as operator, operand):
                call = OPERATORS["not" if isinstance(operator, ast.Not) else "minus"]
                return Apply(call, (self.node(operand, depth),))
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.node(operand, depth)
        return self._refuse(
            f"holds an operator that no expression may hold; conditions are joined by "
            f"'and', 'or', 'not', not by {_kind(getattr(syntax, 'op', syntax))}"
        )

    def _comparison(self, syntax: ast.Compare, depth: int) -> Node:
        sides = (syntax.left, *syntax.comparators)
        pairs = zip(sides[:-1], syntax.ops, sides[1:], strict=True)
        made = tuple(self._compared(left, how, right, depth) for left, how, right in pairs)
        return made[0] if len(made) == 1 else Apply(OPERATORS["and"], made)

    def _compared(self, left: ast.expr, how: ast.cmpop, right: ast.expr, depth: int) -> Node:
        first = self.node(left, depth)
        if isinstance(how, ast.In | ast.NotIn):
            if not isinstance(right, ast.Tuple | ast.List) or not right.elts:
                self._refuse("wants numbers in brackets after 'in', such as (1, 6, 7)")
            inside = Member(first, tuple(self._number(one) for one in right.elts))
            return inside if isinstance(how, ast.In) else Apply(OPERATORS["not"], (inside,))
        if type(how) not in _COMPARISONS:
            self._refuse("compares with 'is'; equality is '=='")
        return Apply(OPERATORS[_COMPARISONS[type(how)]], (first, self.node(right, depth)))

    def _call(self, syntax: ast.Call, depth: int) -> Node:
        name = self._name(syntax.func)
        if syntax.keywords:
            self._refuse(f"names an argument of {name}(); arguments stand in their order")
        if name in FUNCTIONS:
            return self._function(name, syntax.args, depth)
        if name in REDUCERS:
            return self._reducer(name, syntax.args, depth)
        return self._refuse(f"has no function '{name}'{nearest(name, [*FUNCTIONS, *REDUCERS])}")

    def _function(self, name: str, arguments: list[ast.expr], depth: int) -> Node:
        known = FUNCTIONS[name]
        if not known.least <= len(arguments) <= known.most:
            few = known.least if known.least == known.most else f"{known.least} to {known.most}"
            self._refuse(f"gives {name}() {len(arguments)} arguments, not {few}")
        return Apply(known.call, tuple(self.node(one, depth) for one in arguments))

    def _reducer(self, name: str, arguments: list[ast.expr], depth: int) -> Node:
        known = REDUCERS[name]
        if len(arguments) != known.columns + known.ranked:
            self._refuse(
                f"gives {name}() {len(arguments)} arguments, not {known.columns + known.ranked}"
            )
        columns = tuple(self.node(one, depth) for one in arguments[: known.columns])
        ranks = tuple(self._rank(name, one) for one in arguments[known.columns :])
        return Reduce(name, known.call, columns, ranks)

    def _rank(self, name: str, syntax: ast.expr) -> int:
        number = self._number(syntax)
        if not 1 <= number < 2**31 or number != int(number):
            self._refuse(f"wants 1, 2, 3, ... as the last argument of {name}()")
        return int(number)


def _kind(syntax: ast.AST) -> str:
    """Python's word for a piece of syntax, apart from what users may meet often."""
    words = {"BitAnd": "'&'", "BitOr": "'|'", "Invert": "'~'", "Constant": "a text"}
    return words.get(type(syntax).__name__, type(syntax).__name__)
