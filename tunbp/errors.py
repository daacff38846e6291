"""The errors a user can meet: each message names the file or field, the value, and what would be right."""


class TunbpError(Exception):
    """Base of every error that tunbp raises on purpose; the command line prints it without a traceback."""


class ScenarioError(TunbpError, ValueError):
    """A simulation scenario that cannot exist: which field, its value, and what is allowed."""


class ParamsError(TunbpError, ValueError):
    """A parameter file or a notebook parameter that is wrong: which key, its value, and what is allowed."""

    def _render_traceback_(self) -> list[str]:
        # a notebook shows this instead of a traceback, in which the message would be the last of many lines
        return [f"{type(self).__name__}: {self}"]


class SweepError(TunbpError, ValueError):
    """A sweep that cannot run: a plan that is wrong, a store made from another plan, or no scheduler."""


class TraceError(TunbpError, ValueError):
    """A measured file that cannot be read: which file, where in it, and why."""


class DataError(TunbpError):
    """Bundled or downloaded data that is missing or does not match its recorded hash."""


class LabError(TunbpError, RuntimeError):
    """A live measurement that could not be made: the cause, the log's last lines, and what to do."""


class ReproduceError(TunbpError, RuntimeError):
    """A batch run in which at least one notebook failed."""


class OutputError(TunbpError, ValueError):
    """A figure, table or number that cannot be written or found: which one, and what would be right."""
