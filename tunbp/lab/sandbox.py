"""Private namespaces around everything the lab starts: what is made inside ends with it, however it ends.

`unshare --kill-child` makes the kernel kill the whole process tree when its first process goes, and with the
last process go the network namespaces, their devices and their mounts. Nothing on the host is named, so
nothing stays.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

from tunbp.errors import LabError

COMMON = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
USER = ["--user", "--map-root-user"]


@cache
def prefix() -> tuple[str, ...]:
    """The command that puts another one into private namespaces: as root, else by a user namespace.

    Raises
    ------
    LabError
        If this user may not make namespaces.
    """
    if shutil.which("unshare") is None:
        raise LabError("`unshare` is not installed; it comes with util-linux")
    options = COMMON if os.geteuid() == 0 else USER + COMMON
    command = ["unshare", *options]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise LabError(
            f"this user may not make network namespaces: {tried.stderr.strip()}\nWhat to do: run as root, or "
            "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also "
            "kernel.apparmor_restrict_unprivileged_userns=0)"
        )
    return tuple(command)
