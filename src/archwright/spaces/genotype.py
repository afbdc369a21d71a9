"""The text `Genotype(normal=[...], normal_concat=[...], reduce=[...], reduce_concat=[...])` of two cells."""

from __future__ import annotations

import ast
from dataclasses import dataclass, fields

from archwright.core.errors import ArchError
from archwright.spaces.literal import integers, read_literal, shown

__all__ = ["Genotype"]

Pairs = tuple[tuple[str, int], ...]

_FORM = "'Genotype(normal=[(operation, input), ...], normal_concat=[...], reduce=[...], reduce_concat=[...])'"


@dataclass(frozen=True, slots=True)
class Genotype:
    """Two cells as DARTS and its successors write them. Inputs of a cell are 0 and 1, its nodes 2, 3, ...

    Args:
        normal: Two pairs (operation, input) for each node of the normal cell, node by node.
        normal_concat: The nodes whose values are concatenated into the output of the normal cell.
        reduce: The pairs of the reduction cell.
        reduce_concat: Its concatenated nodes.

    Example:
        >>> Genotype((("skip_connect", 0),), (2,), (("skip_connect", 1),), (2,)).reduce
        (('skip_connect', 1),)
    """

    normal: Pairs
    normal_concat: tuple[int, ...]
    reduce: Pairs
    reduce_concat: tuple[int, ...]

    def __str__(self) -> str:
        written = (f"{field.name}={list(getattr(self, field.name))}" for field in fields(self))
        return f"Genotype({', '.join(written)})"

    @classmethod
    def parse(cls, text: str) -> Genotype:
        """Return the genotype in `text`: the constructor's call, or a dict or JSON object of its four fields.

        Nothing is executed; besides literals only `range(...)` is read, which some authors write for the concat.

        Raises:
            ArchError: if `text` is not of that form.
        """
        stated = _stated(text)
        names = tuple(field.name for field in fields(cls))
        if stated.keys() != set(names):
            raise ArchError(f"an architecture must read {_FORM}, but {shown(text)} was given")
        normal, reduce = (_pairs(stated[name], name) for name in ("normal", "reduce"))
        concats = (_nodes(stated[name], name) for name in ("normal_concat", "reduce_concat"))
        return cls(normal, next(concats), reduce, next(concats))


def _stated(text: str) -> dict[str, object]:
    """Return the four fields by name, unchecked."""
    names = tuple(field.name for field in fields(Genotype))
    stripped = text.strip()
    if not stripped.startswith("Genotype"):
        value = read_literal(stripped, _FORM)
        return {str(name): item for name, item in value.items()} if isinstance(value, dict) else {}
    try:
        call = ast.parse(stripped, mode="eval").body
        if not isinstance(call, ast.Call):
            return {}
        given = [*zip(names, call.args, strict=False), *((word.arg, word.value) for word in call.keywords)]
        return {str(name): _value(node) for name, node in given}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ArchError(f"an architecture must read {_FORM}, but {shown(text)} was given") from None


def _value(node: ast.expr) -> object:
    """Return the literal or range that `node` stands for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("range", "list"):
        inner = [_value(argument) for argument in node.args]
        bounds = integers(inner)
        if node.func.id == "list" and len(inner) == 1:
            return inner[0]
        if node.func.id == "range" and bounds is not None and 1 <= len(bounds) <= 2 and max(bounds) < 100:
            return list(range(*bounds))
        raise ValueError
    return ast.literal_eval(node)


def _pairs(value: object, name: str) -> Pairs:
    items = list(value) if isinstance(value, list | tuple) else []
    for item in items:
        pair = isinstance(item, list | tuple) and len(item) == 2
        if not pair or not isinstance(item[0], str) or type(item[1]) is not int:
            raise ArchError(f"`{name}` must be a list of pairs (operation, input), but has {shown(item)}")
    if not items:
        raise ArchError(f"`{name}` must be a list of pairs (operation, input), but is {shown(value)}")
    return tuple((item[0], item[1]) for item in items)


def _nodes(value: object, name: str) -> tuple[int, ...]:
    nodes = integers(value)
    if nodes is None:
        raise ArchError(f"`{name}` must be a list of nodes, but is {shown(value)}")
    return nodes
