"""The examples in the docstrings run, and show what they say."""

import doctest
import inspect

import pytest

gj = pytest.importorskip("gumbel.jax")


@pytest.mark.parametrize("name", gj.__all__)
def test_examples(name):
    text = inspect.getdoc(getattr(gj, name))
    examples = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert len(examples.examples) >= 2
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert result.failed == 0, "".join(report)
    assert all(section in text for section in ("Shapes: ", "Raises: ", "Source: ")), name
