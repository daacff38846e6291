"""Fetch a distribution's kernel with apt into a cache folder of our own; nothing on the host is changed.

apt runs with its own sources list, lists and cache, but asks the mirror that this machine is set up for.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tunbp.errors import LabError
from tunbp.lab import process

SUITE = "trixie-backports"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FIRST_WITH_FLAG = (7, 3)
BOOT_MODULES = ("drivers/virtio", "drivers/char", "drivers/block", "fs/9p", "fs/fuse", "fs/netfs", "net/9p")
"""Loaded by virtme-ng's initramfs, whose busybox cannot decompress modules."""


def cache_folder() -> Path:
    """Where fetched kernels are kept: `tunbp/kernels` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tunbp" / "kernels"


def fetched(cache: Path | None = None) -> list[Path]:
    """Images of the kernels fetched so far, oldest version first."""
    found = (cache or cache_folder()).glob("*/usr/lib/modules/*/vmlinuz")
    return sorted(found, key=lambda image: version_key(image.parent.name))


def remove_leftovers(cache: Path | None = None) -> list[Path]:
    """Remove what an interrupted `fetch` left in the cache; returns what was removed."""
    left = sorted((cache or cache_folder()).glob("fetch-*"))
    for folder in left:
        shutil.rmtree(folder)
    return left


def version_key(version: str) -> tuple[int, ...]:
    """Numbers of a kernel version, for ordering ("7.3.4+deb13-amd64" -> (7, 3, 4, 13, 64))."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def fetch(suite: str = SUITE, mirror: str | None = None, cache: Path | None = None) -> Path:
    """Download and unpack the newest kernel with `IFF_BACKPRESSURE` of a Debian suite; returns its image.

    Raises
    ------
    LabError
        If apt, the suite or such a kernel is not to be had.
    """
    cache = cache or cache_folder()
    for tool in ("apt-get", "dpkg-deb", "depmod"):
        if shutil.which(tool) is None:
            raise LabError(
                f"`{tool}` is missing: kernels are fetched with Debian's tools; give `--vm` a kernel you have"
            )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as scratch:
        work = Path(scratch)
        apt = _apt_options(work, suite, mirror or configured_mirror())
        process.run(["apt-get", *apt, "update"], "check the network and the mirror in /etc/apt", timeout=600)
        names = process.run(["apt-cache", *apt, "--names-only", "search", "^linux-(image|binary|modules)-[0-9]"])
        version = newest_version([line.split(" - ")[0] for line in names.splitlines()], _architecture())
        final = cache / version
        image = final / "usr" / "lib" / "modules" / version / "vmlinuz"
        if not image.exists():
            packages = [n for n in package_names(version) if re.search(rf"^{re.escape(n)} - ", names, re.MULTILINE)]
            _download(apt, work, packages)
            tree = _unpack(work, version)
            shutil.rmtree(final, ignore_errors=True)
            os.replace(tree, final)
        return image


def configured_mirror() -> str:
    """Address of the Debian archive that this machine's apt is set up for.

    Raises
    ------
    LabError
        If its apt knows no Debian archive.
    """
    form = "$(LABEL) $(REPO_URI)"
    listing = process.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    for line in listing.splitlines():
        label, _, address = line.rpartition(" ")
        if label == "Debian":
            return address
    raise LabError(
        "apt on this machine knows no Debian archive; give one with `tunbp lab kernel --mirror URL`, or "
        "use a kernel you have: `--vm /path/to/vmlinuz`"
    )


def package_names(version: str) -> list[str]:
    """Packages that together hold a kernel image and its modules, in the namings Debian has used."""
    return [f"linux-image-{version}", f"linux-binary-{version}", f"linux-modules-{version}"]


def newest_version(packages: Sequence[str], architecture: str) -> str:
    """The newest generic kernel version among package names that is new enough to have the flag.

    Raises
    ------
    LabError
        If there is none; the message names the versions seen.
    """
    pattern = re.compile(rf"linux-(?:image|binary)-(\d+\.\d+\S*?-{re.escape(architecture)})$")
    versions = {match[1] for name in packages if (match := pattern.match(name))}
    # flavours (cloud, rt) carry a further word; the cloud flavour lacks 9p, the VM's root file system
    generic = {v for v in versions if re.fullmatch(rf"[^-]+-{re.escape(architecture)}", v)}
    able = [v for v in generic if version_key(v)[:2] >= FIRST_WITH_FLAG]
    if not able:
        seen = ", ".join(sorted(generic, key=version_key)) or "no kernel at all"
        raise LabError(
            f"no Linux {FIRST_WITH_FLAG[0]}.{FIRST_WITH_FLAG[1]} or newer in this suite (seen: {seen}); "
            "try another `--suite`, for example experimental"
        )
    return max(able, key=version_key)


def _architecture() -> str:
    return process.run(["dpkg", "--print-architecture"]).strip()


def _apt_options(work: Path, suite: str, mirror: str) -> list[str]:
    """Options that give apt a sources list, lists and a cache of its own."""
    if not KEYRING.exists():
        raise LabError(f"{KEYRING} is missing: it proves that packages are Debian's; install debian-archive-keyring")
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True)
    sources, status = work / "own.list", work / "status"
    sources.write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
    status.touch()
    settings = {
        "Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "-", "Dir::Etc::preferencesparts": "-",
        "Dir::State": work, "Dir::State::lists": work / "lists", "Dir::State::status": status,
        "Dir::Cache": work, "Dir::Cache::archives": work / "archives", "APT::Sandbox::User": "",
    }  # fmt: skip
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _download(apt: Sequence[str], work: Path, packages: Sequence[str]) -> None:
    """`apt-get download` puts files into the current folder, so it runs in `work`."""
    there = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(work)]
    command = [*there, "apt-get", *apt, "download", *packages]
    process.run(command, "check the network and the free space", timeout=1800)


def _unpack(work: Path, version: str) -> Path:
    """Unpack the packages in `work` and make the modules loadable; returns the tree."""
    tree = work / "tree"
    for package in sorted(work.glob("*.deb")):
        process.run(["dpkg-deb", "-x", str(package), str(tree)], timeout=600)
    modules = tree / "usr" / "lib" / "modules" / version
    if not (modules / "vmlinuz").exists():
        raise LabError(f"the packages of {version} hold no usr/lib/modules/{version}/vmlinuz; their layout is unknown")
    for folder in BOOT_MODULES:
        for compressed in (modules / "kernel" / folder).rglob("*.ko.xz"):
            compressed.with_suffix("").write_bytes(lzma.decompress(compressed.read_bytes()))
            compressed.unlink()
    process.run(["depmod", "--basedir", str(tree / "usr"), version], timeout=600)
    return tree
