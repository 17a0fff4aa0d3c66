"""The examples of the pages that a user reads first run, and show what they say."""

import doctest
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("jax")

HERE = Path(__file__).parent.parent


@pytest.mark.parametrize("page", ["README.md", "docs/from-pytorch.md"])
def test_examples(page):
    result = doctest.testfile(str(HERE / page), module_relative=False)
    assert result.attempted > 5 and result.failed == 0
