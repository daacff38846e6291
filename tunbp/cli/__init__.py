"""The `tunbp` command: one lazily imported module per sub-command, so that `tunbp --help` is instant."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from tunbp.errors import TunbpError
from tunbp.extras import hint

# command name -> (module, attribute, one-line help shown without importing the module)
COMMANDS = {
    "reproduce": ("tunbp.cli.reproduce", "reproduce", "Run the notebooks in batch and collect their results."),
    "predict": ("tunbp.cli.predict", "predict", "Predict throughput and latency of your own path."),
    "compare": ("tunbp.cli.compare", "compare", "Compare two measurements of one path: did a change help?"),
    "trace": ("tunbp.cli.trace", "trace", "Say what a measurement file is, and what it is worth."),
    "convert": ("tunbp.cli.trace", "convert", "Convert a measurement file to netCDF or Zarr."),
    "check": ("tunbp.cli.check", "check", "Model against published values, and published claims recomputed."),
    "sweep": ("tunbp.cli.sweep", "sweep", "Simulate a plan of many scenarios into a Zarr store, resumable."),
    "lab": ("tunbp.cli.lab", "lab", "Measure the real kernel, stock against backpressure."),
    "backpressure": ("tunbp.cli.backpressure", "backpressure", "Run a program with IFF_BACKPRESSURE on its devices."),
    "data": ("tunbp.cli.data", "data", "Fetch, verify and rebuild the bundled data."),
    "cite": ("tunbp.cli.cite", "cite", "Print the BibTeX entry and caption of a figure."),
    "archive": ("tunbp.cli.cite", "archive", "Pack results, parameters and hashes for a DOI deposit."),
}


CHUNKED = {"sweep"}
"""Commands that compute in chunks, with dask."""


UNUSABLE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EBUSY,
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP, errno.ENAMETOOLONG,
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.ETXTBSY,
)  # fmt: skip
"""Errors of the system that are the user's to mend: a full disk, a limit, a place that is not theirs or not there."""


class LazyGroup(click.Group):
    """A click group whose sub-commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all sub-commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one sub-command and return its click command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands from `COMMANDS` without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tunbp")
def tunbp() -> None:
    """Reproduce, predict and measure what the Linux tun/tap ring does to your traffic."""


def main(args: Sequence[str] | None = None, **extra: Any) -> None:
    """Entry point of the console script: a `TunbpError` becomes one clear message and exit status 1."""
    given = list(sys.argv[1:] if args is None else args)
    try:
        with without_dask(not CHUNKED.intersection(given[:1])):
            tunbp.main(args=given, standalone_mode=True, **extra)
    except TunbpError as error:
        from tunbp.cli.terminal import printable

        click.secho(f"Error: {printable(str(error))}", fg="red", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        from tunbp.cli.terminal import printable

        where = printable(f"{error.filename}: ") if error.filename else ""
        click.secho(f"Error: {where}{error.strerror}; nothing was left half written", fg="red", err=True)
        sys.exit(1)
    except MemoryError as error:
        words = f": {error}" if str(error) else ""
        click.secho(f"Error: there is not enough memory{words}; nothing was left half written", fg="red", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "tunbp":
            raise
        click.secho(f"Error: {' '.join(['tunbp', *given[:1]])} {hint(error.name)}", fg="red", err=True)
        sys.exit(1)


@contextmanager
def without_dask(active: bool = True) -> Iterator[None]:
    """Keep xarray from importing `dask.array` (a quarter of a second) to ask of each array whether it is one.

    For a process that makes no dask arrays and has not imported xarray; xarray takes dask for not installed meanwhile.
    """
    hide = active and not {"dask", "xarray"}.intersection(sys.modules)
    if hide:
        sys.modules["dask"] = None  # type: ignore[assignment]  # makes `import dask` an ImportError
    try:
        yield
    finally:
        if hide:
            del sys.modules["dask"]
