"""The wheel's extras: the folder data/, the only copy in git, as tunbp/data, and kernels that `make wheel` compiled."""

from pathlib import Path

from setuptools import find_packages, setup

MADE = ["tunbp.model.kernels"] if Path("build/kernels").is_dir() else []

setup(
    packages=[*find_packages(include=["tunbp", "tunbp.*"]), "tunbp.data", *MADE],
    package_dir={"tunbp.data": "data", "tunbp.model.kernels": "build/kernels"},
    package_data={
        "tunbp": ["py.typed"],
        "tunbp.data": ["**/*"],
        "tunbp.model.kernels": ["**/*.o"],
        "": ["**/*.yaml", "**/*.nc", "**/*.j2", "**/*.mplstyle", "**/*.c", "**/*.sed", "**/*.css", "**/*.js"],
    },
)
