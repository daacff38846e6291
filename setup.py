"""The wheel's one extra: the top-level folder data/, the only copy in git, becomes the package data of tunbp/data."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["tunbp", "tunbp.*"]), "tunbp.data"],
    package_dir={"tunbp.data": "data"},
    package_data={
        "tunbp": ["py.typed"],
        "tunbp.data": ["**/*"],
        "": ["**/*.yaml", "**/*.j2", "**/*.mplstyle", "**/*.c", "**/*.sed", "**/*.css", "**/*.js"],
    },
)
