"""A process that executes notebooks with papermill, and the handle by which a batch drives it.

`python -m tunbp.run.worker` reads jobs `{"notebook", "output", "parameters"}` from standard input and writes, for
each, events `{"event": "cell"}` after every cell and one last `{"event": "done"}` or
`{"event": "failed", "cell", "source", "error", "message"}`. It ends with its standard input, so that it never
outlives the batch that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from tunbp import atomic

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


ENDED = "worker ended"
"""Error of a job whose worker process ended while it ran, e.g. because memory ran out."""


def has_died(event: Mapping[str, Any]) -> bool:
    """Whether a job failed because its worker or its kernel ended, not because a cell raised an error.

    Parameters
    ----------
    event
        Last event of the job, as the worker sent it.

    Returns
    -------
    bool
        True where trying again makes sense.
    """
    # a kernel that ends before its first cell, e.g. because another one took its port, is a bare RuntimeError
    began = event.get("error") == "RuntimeError" and event.get("cell") is None
    return began or event.get("error") in (ENDED, "DeadKernelError")


SCRATCH = "tunbp-worker"
"""Name of the folder for temporary files of a worker and its kernels."""


class Worker:
    """A running worker process; use it in a `with` statement, which ends it and its kernel.

    Parameters
    ----------
    threads
        Threads that linear algebra of each notebook may use; the engines may use all processors.
    """

    def __init__(self, threads: int) -> None:
        self.scratch = contextlib.ExitStack()
        folder = self.scratch.enter_context(atomic.scratch(SCRATCH))
        temporary = folder / "tmp"
        temporary.mkdir()
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {
            **os.environ,
            **dict.fromkeys(names, str(threads)),
            # engines take what others leave, and the last notebook all of it; their results do not depend on it
            "NUMBA_NUM_THREADS": str(len(os.sched_getaffinity(0))),
            "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this environment, whatever the user has installed
            "PYTHONHASHSEED": "0",
            # what lies in the current folder is no package, and no folder of the user's has to be writable
            "PYTHONSAFEPATH": "1",
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "TMPDIR": str(temporary),  # keys of kernels too: what is left after a kill is swept away with the folder
        }
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `stop`)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tunbp.run.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the batch, which ends its workers itself
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.log.close()
        self.scratch.close()

    @property
    def gone(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def execute(
        self, notebook: Path, output: Path, parameters: Mapping[str, Any], on_cell: Callable[[], object]
    ) -> dict[str, Any]:
        """Execute one notebook.

        Parameters
        ----------
        notebook, output
            The notebook, and the file its executed copy is written to.
        parameters
            Values for papermill to set.
        on_cell
            Called after each cell.

        Returns
        -------
        dict
            The last event, `done` or `failed`.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        job = {"notebook": str(notebook), "output": str(output), "parameters": parameters}
        try:
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            self.process.stdin.flush()
            for line in self.process.stdout:
                event: dict[str, Any] = json.loads(line)
                if event["event"] != "cell":
                    return event
                on_cell()
        except (BrokenPipeError, ValueError):
            pass  # it is gone, or was stopped: its last words tell why
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        self.log.seek(0)
        words = self.log.read().decode(errors="replace").strip()[-2000:]
        if self.process.returncode is not None and self.process.returncode < 0:
            name = signal.Signals(-self.process.returncode).name
            hint = " (out of memory? try `--jobs 1`)" if name == "SIGKILL" else ""
            words = f"killed by {name}{hint} {words}".strip()
        return {"event": "failed", "cell": None, "source": "", "error": ENDED, "message": words}

    def stop(self) -> None:
        """End the process and the kernel it runs; may be called twice, and from any thread."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=8)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main() -> None:
    """Execute jobs until standard input ends."""
    # libraries may print: keep the event stream to ourselves and send their words to standard error
    events = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    stopping = threading.Event()
    threading.Thread(target=_receive, args=(jobs, stopping), daemon=True).start()
    while not stopping.is_set():
        _send(events, _execute(jobs.get(), events))


def _receive(jobs: queue.SimpleQueue[dict[str, Any]], stopping: threading.Event) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    # The batch is gone or wants us to stop. While a notebook runs, nbclient's handler of this signal shuts
    # the kernel down; between notebooks the default one ends this process.
    stopping.set()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(3)
    os._exit(0)


def _send(events: TextIO, event: dict[str, Any]) -> None:
    events.write(json.dumps(event) + "\n")


def _execute(job: dict[str, Any], events: TextIO) -> dict[str, Any]:
    """Execute one notebook; whatever goes wrong becomes the event that says so."""
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError

    at: dict[str, Any] = {"cell": None, "source": ""}

    class Reporting(NBClientEngine):  # type: ignore[misc]
        """papermill's own engine, which also says when a cell is done."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            start, complete = nb_man.cell_start, nb_man.cell_complete

            def started(cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
                at.update(cell=cell_index, source=cell.source)
                start(cell, cell_index, **kwargs)

            def completed(*args: Any, **kwargs: Any) -> None:
                complete(*args, **kwargs)
                _send(events, {"event": "cell"})

            nb_man.cell_start, nb_man.cell_complete = started, completed
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("reporting", Reporting)
    try:
        papermill.execute_notebook(
            job["notebook"],
            job["output"],
            parameters=job["parameters"],
            engine_name="reporting",
            extra_arguments=["--InteractiveShellApp.ignore_cwd=True"],
            progress_bar=False,
            start_timeout=180,
        )
    except PapermillExecutionError as error:
        return _failure(error.ename, error.evalue, cell=error.cell_index, source=error.source)
    except Exception as error:
        return _failure(type(error).__name__, str(error), **at)
    return {"event": "done"}


def _failure(error: str, message: str, cell: int | None, source: str) -> dict[str, Any]:
    return {
        "event": "failed",
        "cell": cell,
        "source": source,
        "error": error,
        "message": _ANSI.sub("", message).strip(),
    }


if __name__ == "__main__":
    main()
