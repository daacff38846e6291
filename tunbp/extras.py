"""Which extra of the package brings a module that is not installed, from the package's own metadata."""

from __future__ import annotations


def hint(module: str) -> str:
    """Say how to install the package that a module comes in.

    Parameters
    ----------
    module
        Name of the module that could not be imported, e.g. `"matplotlib.pyplot"`.

    Returns
    -------
    str
        One line, e.g. `needs matplotlib, which is not installed: pip install 'tunbp[report]'`.
    """
    top = module.partition(".")[0]
    return f"needs {top}, which is not installed: pip install 'tunbp[{extra_of(top) or 'all'}]'"


def extra_of(package: str) -> str | None:
    """The extra that lists a package, None if none does; case and `-` or `_` in its name do not matter.

    Parameters
    ----------
    package
        Name of a distribution, e.g. ``"matplotlib"``.

    Returns
    -------
    str | None
        Name of an extra of this package.
    """
    from importlib.metadata import PackageNotFoundError, metadata

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    try:
        own = metadata("tunbp")
    except PackageNotFoundError:  # a checkout on the path that was never installed
        return None
    wanted = canonicalize_name(package)
    listed = [Requirement(line) for line in own.get_all("Requires-Dist") or []]
    for extra in own.get_all("Provides-Extra") or []:
        for each in listed:
            brings = each.marker is not None and each.marker.evaluate({"extra": extra})
            if brings and canonicalize_name(each.name) == wanted:
                return str(extra)
    return None
