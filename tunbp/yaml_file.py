"""YAML files from people: regular, of bounded size, safe, every key once, aliases that stay small when expanded."""

from __future__ import annotations

import os
import reprlib
import stat
from pathlib import Path
from typing import Any

import yaml

from tunbp.errors import ParamsError

LARGEST = 16 * 10**6
"""Most bytes of a file."""

DIGITS, LARGEST_NUMBER = 100, 2**63
"""Most characters of a whole number, and the largest one: others overflow in whoever computes with them."""

MOST_VALUES = 2_000_000
"""Most keys and values of a file, with every alias written out."""


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2


def shown(value: Any) -> str:
    """A value of a file as messages name it: its beginning, however large or nested it is.

    Parameters
    ----------
    value
        What YAML gave.

    Returns
    -------
    str
        At most a line, cut with an ellipsis.
    """
    return _SHORT.repr(value)


def read_mapping(path: Path) -> tuple[str, dict[str, Any]]:
    """Read a YAML file that holds a mapping; an empty file is an empty mapping.

    Numbers and texts are as papermill reads them (YAML 1.1), but dates stay text.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    text : str
        As it is in the file.
    values : dict
        The mapping.

    Raises
    ------
    ParamsError
        If the file is none, is too large, cannot be read, is not YAML, is not a mapping, has a duplicate key or one
        that is no text, or has aliases that stand for too many values.
    """
    text = _text(path)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            count = 0 if node is None else _values(node, {})
            if count > MOST_VALUES:
                raise ParamsError(f"{path}: its aliases stand for {count:,} values; at most {MOST_VALUES:,}")
            values = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, ParamsError):
            raise
        raise ParamsError(f"{path}: not valid YAML: {error}") from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ParamsError(f"{path}: must hold 'parameter: value' lines, but is a {type(values).__name__}")
    if other := [key for key in values if not isinstance(key, str)]:
        raise ParamsError(f"{path}: parameter names are text, but {other[0]!r} is not")
    return text, values


def _text(path: Path) -> str:
    """Content of a regular file of bounded size; nothing else is opened."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise ParamsError(f"{path}: cannot be read: not a regular file")
        if found.st_size > LARGEST:
            raise ParamsError(f"{path}: {found.st_size:,} bytes; at most {LARGEST:,}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: cannot be read ({error})") from error


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """Keys and values below a node, an alias counted as often as it is used."""
    if id(node) in known:
        if known[id(node)] < 0:
            raise yaml.YAMLError(f"an alias stands inside of what it stands for{node.start_mark}")
        return known[id(node)]
    known[id(node)] = -1
    inner = node.value if isinstance(node, yaml.CollectionNode) else []
    children = [child for pair in inner for child in pair] if isinstance(node, yaml.MappingNode) else inner
    known[id(node)] = 1 + sum(_values(child, known) for child in children)
    return known[id(node)]


class _Loader(yaml.SafeLoader):
    """Safe YAML without dates, as papermill reads it, in which a duplicate key is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value = super().construct_yaml_int(node) if len(node.value) <= DIGITS else None
        if value is None or abs(value) > LARGEST_NUMBER:
            shown = f"{node.value[:20]}{'...' if len(node.value) > 20 else ''}"
            raise yaml.constructor.ConstructorError(None, None, f"number {shown} is too large", node.start_mark)
        return int(value)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
