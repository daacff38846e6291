"""Make the virtual environment from requirements.lock; any Python 3 can run it, to be told which is needed.

Called by the Makefile: `python3 tools/venv.py .venv`. Of the machine's pip settings only those that say where
to download from are used, so that the same lock gives the same environment everywhere.
"""

import ast
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, NEWEST = (3, 11), (3, 13)
KEPT = {"cert", "client-cert", "default-timeout", "extra-index-url", "find-links", "index-url", "no-index"}
KEPT |= {"proxy", "retries", "timeout", "trusted-host"}
KERNEL = ("--sys-prefix", "--name", "python3", "--display-name", "Python 3 (tunbp)")


def main(venv):
    """Make or update the environment in folder `venv`."""
    python = os.path.join(venv, "bin", "python")
    if version(python) < OLDEST or not made_here(venv):
        base = find_python()
        print("Making {} with Python {}.{}".format(venv, *version(base)), flush=True)
        run([base, "-m", "venv", "--clear", venv])
    environment = pip_environment(python)
    pip = [python, "-m", "pip", "-qq", "--disable-pip-version-check", "install", "--no-deps"]
    print("Installing what requirements.lock pins (the first time takes some minutes)", flush=True)
    run([*pip, "--require-hashes", "-r", "requirements.lock"], environment)
    run([*pip, "--no-build-isolation", "-e", "."], environment)
    run([python, "-m", "ipykernel", "install", *KERNEL], environment, stdout=subprocess.DEVNULL)
    settings = os.path.join(venv, "share", "jupyter", "lab", "settings")
    os.makedirs(settings, exist_ok=True)
    with open(os.path.join(settings, "overrides.json"), "w") as file:
        # JupyterLab shall not ask on its first start whether it may fetch news
        news = {"fetchNews": "false", "checkForUpdates": False}
        json.dump({"@jupyterlab/apputils-extension:notification": news}, file, indent=1)


def find_python():
    """Find a Python that the lock is valid for: the calling one if it is, else another of this machine."""
    others = [shutil.which(f"python3.{minor}") for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    usable = [path for path in [sys.executable, *others] if path and OLDEST <= version(path) <= NEWEST]
    if not usable:
        if version(sys.executable) > NEWEST:  # newer than was tested: pip will say if something is missing
            usable = [sys.executable]
        else:
            found = "{}.{}".format(*sys.version_info[:2])
            fail(
                f"python3 is Python {found}; tunbp needs Python 3.11, 3.12 or 3.13.",
                "Debian 12 and Ubuntu 24.04 or newer have one; or name one: make PYTHON=python3.12 reproduce",
            )
    for path in usable:
        if subprocess.call([path, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL) == 0:
            return path
    package = "python{}.{}-venv".format(*version(usable[0]))
    return fail("This Python cannot make environments.", f"apt-get install python3-venv (or {package}), then again")


def made_here(venv):
    """Whether the scripts of an environment start its own Python: not so once its folder was moved."""
    try:
        with open(os.path.join(venv, "bin", "pip")) as script:
            return os.path.abspath(venv) in script.read()
    except OSError:
        return False


def version(python):
    """Version of a Python as (major, minor); (0, 0) if it cannot be run."""
    try:
        text = subprocess.check_output(
            [python, "-c", "import sys; print(*sys.version_info[:2])"], stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    major, minor = text.split()
    return (int(major), int(minor))


def pip_environment(python):
    """Environment in which pip knows where to download from, and nothing else of the machine's settings."""
    # `user = true` is meant for `pip install`, but would make `pip config list` show the user's file alone
    asking = dict(os.environ, PIP_USER="0")
    command = [python, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.check_output(command, env=asking)
    found = {}
    for line in listed.decode().splitlines():
        key, _, value = line.partition("=")
        where, _, name = key.rpartition(".")
        if name in KEPT and where in ("global", "install", ":env:"):
            found[where, name] = str(ast.literal_eval(value))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    environment["PIP_CONFIG_FILE"] = os.devnull
    for where in ("global", "install", ":env:"):
        for name in sorted(KEPT):
            if (where, name) in found:
                environment["PIP_" + name.upper().replace("-", "_")] = found[where, name]
    return environment


def run(command, environment=None, **options):
    """Run a command in the project's folder, or end with its exit status."""
    status = subprocess.call(command, cwd=ROOT, env=environment, **options)
    if status:
        sys.exit(status)


def fail(*lines):
    """Say what is wrong and what to do, and end."""
    sys.exit("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1])
