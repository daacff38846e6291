"""Which rows of a Dataset are tunnel devices: by what the device is, else by its name."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr
from numpy.typing import NDArray

NAMED = re.compile(
    r"^(?:tun|tap|utun|ovpn|vnet|macvtap|tailscale|nebula|cscotun|gpd|nordtun)\d*\b|^(?:tun|tap)[-_]"
    r"|^zt[a-z0-9]{8}$|^CloudflareWARP\b"
)
"""Names that programs give tun and tap devices (VPNs, QEMU, libvirt, Tailscale, Nebula, ZeroTier, AnyConnect, WARP)."""
KINDS = ("tun", "macvtap")


def tunnel_rows(dataset: xr.Dataset) -> NDArray[np.bool_]:
    """Which rows along `queue` are of tun or tap devices.

    What the tool says of the device decides (`ip -d`, a link without addresses below); a device whose kind is not
    told goes by its name. Where every row is of one unnamed device (`tc qdisc show dev NAME`), all of them are.

    Parameters
    ----------
    dataset
        Counters over `queue`.

    Returns
    -------
    ndarray of bool
        Shape (queue,).
    """
    rows = dataset.sizes["queue"]
    if "device" not in dataset.coords:
        return np.zeros(rows, dtype=bool)
    names = [str(name) for name in dataset["device"].to_numpy()]
    found = np.array([bool(NAMED.match(name)) for name in names], dtype=bool)
    if "kind" in dataset.coords:
        known = {
            name for name, kind in zip(names, dataset["kind"].to_numpy(), strict=True) if str(kind) in KINDS and name
        }
        found |= np.array([name in known for name in names], dtype=bool)
    named = np.array([bool(name) for name in names], dtype=bool)
    if found[named].all():
        found[:] = True  # tc show dev leaves the name out; there is no other device it could be
    return found
