"""The input files that were opened, so that results name what they were made from and nobody types a list of them."""

from __future__ import annotations

from itertools import count
from pathlib import Path

_number = count(1)
_last: dict[Path, int] = {}


def note(path: Path) -> Path:
    """Note that an input file is read now; call it at every reading, also where a cache answers.

    Parameters
    ----------
    path
        The file, or the folder of a Zarr group.

    Returns
    -------
    The same path, so that it can be noted where it is opened.

    Examples
    --------
    >>> from pathlib import Path
    >>> start = mark()
    >>> note(Path("pyproject.toml")).name
    'pyproject.toml'
    >>> [path.name for path in since(start)]
    ['pyproject.toml']
    """
    _last[path.resolve()] = next(_number)
    return path


def mark() -> int:
    """Return a number for `since`: the present moment."""
    return next(_number)


def since(moment: int) -> list[Path]:
    """Files noted since a moment, sorted, each once.

    Parameters
    ----------
    moment
        What `mark` returned then.

    Returns
    -------
    list[Path]
        Absolute paths.
    """
    return sorted(path for path, number in _last.items() if number > moment)
