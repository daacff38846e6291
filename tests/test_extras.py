"""Which extra brings a module."""

from __future__ import annotations

import pytest

from tunbp.extras import extra_of, hint


@pytest.mark.parametrize(("package", "extra"), [("matplotlib", "report"), ("zarr", "sweep"), ("SALib", "infer"),
                                                ("virtme_ng", "lab"), ("pooch", "fetch")])  # fmt: skip
def test_the_packages_own_metadata_says_which(package: str, extra: str) -> None:
    assert extra_of(package) == extra


def test_the_core_and_strangers_are_of_no_extra() -> None:
    assert extra_of("numpy") is None
    assert extra_of("no-such-package") is None


def test_a_hint_names_package_and_command() -> None:
    assert hint("seaborn.objects") == "needs seaborn, which is not installed: pip install 'tunbp[report]'"
    assert hint("no_such.part").endswith("pip install 'tunbp[all]'")
