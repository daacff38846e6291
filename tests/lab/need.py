"""What tests of the laboratory need and skip without, with the reason."""

import shutil

import pytest

from tunbp.lab.compiled import COMPILERS

compiler = pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no C compiler")
