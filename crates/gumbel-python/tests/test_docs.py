"""The examples in every public docstring run, and show what they say."""

import doctest
import inspect

import numpy as np
import pytest

import gumbel
import gumbel.vjp


def public():
    """Every public object with a docstring, by name."""
    yield "gumbel", gumbel
    yield "gumbel.vjp", gumbel.vjp
    for module in (gumbel, gumbel.vjp):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.ismodule(thing):
                continue
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                members = (member for member in vars(thing) if not member.startswith("_"))
                yield from ((f"gumbel.{name}.{member}", getattr(thing, member)) for member in members)


NAMED = dict(public())
ATTRIBUTES = {"kind", "row", "column", "value", "index"}


@pytest.mark.parametrize("name", [name for name in NAMED if name.split(".")[-1] not in ATTRIBUTES])
def test_examples(name):
    text = inspect.getdoc(NAMED[name])
    assert text, f"{name} has no docstring"
    examples = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert examples.examples, f"{name} has no example"
    report: list[str] = []
    with np.printoptions(legacy=False):
        result = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert result.failed == 0, "".join(report)


@pytest.mark.parametrize("name", [name for name in NAMED if callable(NAMED[name])])
def test_functions_document_their_shapes_and_errors(name):
    function = NAMED[name]
    if name.startswith(("gumbel.Noise", "gumbel.Error")) or name.endswith("_num_threads"):
        return
    text = inspect.getdoc(function)
    assert "Shapes:" in text and "Raises:" in text, f"{name} documents no shapes or no errors"
