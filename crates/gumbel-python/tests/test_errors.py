"""Errors: their types, their kinds and their places in the caller's array. Nothing returns NaN."""

import pickle

import numpy as np
import pytest

import gumbel
from gumbel import Error, Noise, vjp

NAN, INF = np.nan, np.inf


def zeros(*shape):
    return np.zeros(shape)


def changed(array, *changes):
    """A copy with other numbers at some places."""
    array = array.copy()
    for place, value in changes:
        array[place] = value
    return array


def noise():
    return Noise(1)


SQUARE = changed(zeros(2, 3, 2, 2), ((1, 2, slice(None), 1), -INF))

# A call, and the kind, row, column, value and index of its error.
CASES = {
    "tau 0": (lambda: gumbel.gumbel_softmax(zeros(2), 0.0, noise=noise()), "temperature", None, None, 0.0, None),
    "tau < 0": (lambda: gumbel.log_gumbel_softmax(zeros(2), -0.5, noise=noise()), "temperature", None, None, -0.5, None),
    "tau inf": (lambda: gumbel.relaxed(zeros(2), zeros(2), INF), "temperature", None, None, INF, None),
    "tau nan": (lambda: gumbel.sinkhorn(zeros(2, 2), NAN), "temperature", None, None, NAN, None),
    "tau 0 in single": (
        lambda: gumbel.gumbel_softmax(zeros(2).astype(np.float32), 1e-60, noise=noise()),
        "temperature", None, None, 1e-60, None,
    ),
    "tau 0 in half": (
        lambda: gumbel.sinkhorn(zeros(2, 2).astype(np.float16), 1e-60),
        "temperature", None, None, 1e-60, None,
    ),
    "tau inf in single": (
        lambda: gumbel.exp_concrete_log_prob(zeros(2).astype(np.float32), np.float32([0, 0]), 1e60),
        "temperature", None, None, 1e60, None,
    ),
    "tau of an empty batch": (lambda: gumbel.gumbel_softmax(zeros(0, 2), 0.0, noise=noise()), "temperature", None, None, 0.0, None),
    "tau of an empty batch in half": (
        lambda: gumbel.gumbel_softmax(zeros(0, 2).astype(np.float16), 0.0, noise=noise()),
        "temperature", None, None, 0.0, None,
    ),
    "tau of a product": (lambda: vjp.gumbel_softmax_vjp(zeros(2), zeros(2), 0.0), "temperature", None, None, 0.0, None),
    "tau of relaxed top-k": (lambda: gumbel.relaxed_top_k(zeros(2), 1, 0.0, noise=noise()), "temperature", None, None, 0.0, None),
    "no categories": (lambda: gumbel.softmax(zeros(3, 0)), "categories", None, None, None, None),
    "no categories on axis 0": (lambda: gumbel.gumbel_max(zeros(0, 3), noise=noise(), axis=0), "categories", None, None, None, None),
    "no categories in half": (
        lambda: gumbel.gumbel_softmax(zeros(3, 0).astype(np.float16), noise=noise()),
        "categories", None, None, None, None,
    ),
    "no matrix": (lambda: gumbel.assignment(zeros(0, 0)), "categories", None, None, None, None),
    "nan": (lambda: gumbel.softmax(changed(zeros(4, 3), ((2, 1), NAN))), "logit", 2, 1, NAN, (2, 1)),
    "+inf": (lambda: gumbel.gumbel_max(changed(zeros(4, 3), ((2, 1), INF)), noise=noise()), "logit", 2, 1, INF, (2, 1)),
    "nan of two axes": (lambda: gumbel.log_softmax(changed(zeros(4, 3, 2), ((3, 1, 1), NAN))), "logit", 10, 1, NAN, (3, 1, 1)),
    "nan, axis 0": (lambda: gumbel.softmax(changed(zeros(4, 3), ((2, 1), NAN)), axis=0), "logit", 1, 2, NAN, (2, 1)),
    "nan, axis 1 of 3": (
        lambda: gumbel.gumbel_softmax(changed(zeros(4, 3, 2), ((3, 1, 1), NAN)), noise=noise(), axis=1),
        "logit", 7, 1, NAN, (3, 1, 1),
    ),
    "nan in half": (
        lambda: gumbel.softmax(changed(zeros(9000, 3), ((8999, 1), NAN)).astype(np.float16)),
        "logit", 8999, 1, NAN, (8999, 1),
    ),
    "nan in half, many": (
        lambda: gumbel.softmax(changed(zeros(90000, 3), ((89999, 1), NAN), ((60000, 0), INF)).astype(np.float16)),
        "logit", 60000, 0, INF, (60000, 0),
    ),
    "nan, many rows": (
        lambda: gumbel.gumbel_max(changed(zeros(90000, 3), ((89999, 1), NAN), ((60000, 0), INF)), noise=noise()),
        "logit", 60000, 0, INF, (60000, 0),
    ),
    "nan, long row": (lambda: gumbel.softmax(changed(zeros(2, 200000), ((1, 199999), NAN))), "logit", 1, 199999, NAN, (1, 199999)),
    "nan of one dimension": (lambda: gumbel.entmax(changed(zeros(3), (2, NAN))), "logit", 0, 2, NAN, (2,)),
    "nan in fortran order": (
        lambda: gumbel.softmax(np.asfortranarray(changed(zeros(4, 3), ((2, 1), NAN)))),
        "logit", 2, 1, NAN, (2, 1),
    ),
    "nan in a matrix": (lambda: gumbel.sinkhorn(changed(zeros(2, 3, 2, 2), ((1, 2, 1, 0), NAN))), "logit", 11, 0, NAN, (1, 2, 1, 0)),
    "nan in a cost": (lambda: gumbel.assignment(changed(zeros(2, 3, 2, 2), ((1, 2, 1, 0), NAN))), "logit", 11, 0, NAN, (1, 2, 1, 0)),
    "nan of a subset": (lambda: gumbel.subset_marginals(changed(zeros(4, 3), ((2, 1), NAN)), 2), "logit", 2, 1, NAN, (2, 1)),
    "all masked": (lambda: gumbel.softmax(changed(zeros(4, 3), (2, -INF))), "all_masked", 2, None, None, (2,)),
    "all masked, axis 0": (
        lambda: gumbel.top_k(changed(zeros(4, 3), ((slice(None), 1), -INF)), 1, noise=noise(), axis=0),
        "all_masked", 1, None, None, (1,),
    ),
    "all masked, middle axis": (
        lambda: gumbel.log_sum_exp(changed(zeros(4, 3, 2), ((3, slice(None), 1), -INF)), axis=1),
        "all_masked", 7, None, None, (3, 1),
    ),
    "all masked, one row": (lambda: gumbel.softmax(np.full(3, -INF)), "all_masked", 0, None, None, ()),
    "too few to draw": (
        lambda: gumbel.top_k(changed(zeros(4, 3), ((2, slice(0, 2)), -INF)), 2, noise=noise()),
        "too_few", 2, None, None, (2,),
    ),
    "too few of a row": (lambda: gumbel.top_k(zeros(4, 3), 4, noise=noise()), "too_few", 0, None, None, (0,)),
    "very many": (lambda: gumbel.top_k(zeros(4, 3), 2**63, noise=noise()), "too_few", 0, None, None, (0,)),
    "too few for a subset": (
        lambda: gumbel.subset_log_partition(changed(zeros(4, 3), ((2, slice(0, 2)), -INF)), 2),
        "too_few", 2, None, None, (2,),
    ),
    "very large subset": (lambda: gumbel.sample_subset(zeros(4, 3), 2**62, noise=noise()), "too_few", 0, None, None, (0,)),
    "empty subset": (lambda: gumbel.subset_marginals(zeros(4, 3), 0), "empty_subset", None, None, None, None),
    "empty relaxed subset": (lambda: gumbel.relaxed_top_k(zeros(4, 3), 0, 1.0, noise=noise()), "empty_subset", None, None, None, None),
    "index": (lambda: gumbel.categorical_log_prob(zeros(4, 3), [0, 1, 3, 7]), "index", 2, None, 3.0, (2,)),
    "negative index": (lambda: gumbel.categorical_log_prob(zeros(4, 3), [0, -1, 3, 7]), "index", 1, None, -1.0, (1,)),
    "large index": (lambda: gumbel.categorical_log_prob(zeros(3), 2**40), "index", 0, None, 2.0**40, ()),
    "index, repeated": (lambda: gumbel.categorical_log_prob(zeros(2, 4, 3), [0, 0, 5, 0]), "index", 2, None, 5.0, (2,)),
    "logit beside a wrong index": (
        lambda: gumbel.categorical_log_prob(changed(zeros(4, 3), ((1, 1), NAN)), [0, 0, 5, 0]),
        "logit", 1, 1, NAN, (1, 1),
    ),
    "logit, repeated": (
        lambda: gumbel.categorical_log_prob(changed(zeros(4, 3), ((1, 1), NAN)), np.zeros((2, 4), int)),
        "logit", 1, 1, NAN, (1, 1),
    ),
    "noise": (lambda: gumbel.relaxed(zeros(4, 3), changed(zeros(4, 3), ((2, 1), NAN))), "noise", 2, None, None, (2,)),
    "noise, repeated logits": (
        lambda: gumbel.relaxed(zeros(3), changed(zeros(2, 4, 3), ((1, 2, 1), -INF))),
        "noise", 6, None, None, (1, 2),
    ),
    "logits beside repeated noise": (
        lambda: gumbel.relaxed(changed(zeros(4, 3), ((2, 1), NAN)), zeros(5, 4, 3)),
        "logit", 2, 1, NAN, (2, 1),
    ),
    "repeated along an axis": (
        lambda: gumbel.relaxed(changed(zeros(5, 1, 3), ((4, 0, 1), NAN)), zeros(5, 4, 3)),
        "logit", 16, 1, NAN, (4, 0, 1),
    ),
    "repeated, axis 0": (
        lambda: gumbel.relaxed(changed(zeros(3, 1, 5), ((1, 0, 4), NAN)), zeros(3, 4, 5), axis=0),
        "logit", 4, 1, NAN, (1, 0, 4),
    ),
    "masked, repeated, axis 1": (
        lambda: gumbel.relaxed(changed(zeros(3, 2), ((slice(None), 1), -INF)), zeros(4, 3, 2), axis=1),
        "all_masked", 1, None, None, (1,),
    ),
    "sample": (
        lambda: gumbel.exp_concrete_log_prob(changed(zeros(4, 3), ((2, 1), INF)), zeros(3), 1.0),
        "sample", 2, 1, INF, (2, 1),
    ),
    "negative sample": (
        lambda: gumbel.concrete_log_prob(changed(np.ones((4, 3)), ((2, 1), -0.5)), zeros(3), 1.0),
        "sample", 2, 1, -0.5, (2, 1),
    ),
    "sample of a product": (
        lambda: vjp.exp_concrete_log_prob_vjp(zeros(4, 3), changed(zeros(4, 3), ((2, 1), NAN)), zeros(4), 1.0),
        "sample", 2, 1, NAN, (2, 1),
    ),
    "no mass": (lambda: gumbel.exp_concrete_log_prob(changed(zeros(4, 3), (2, -INF)), zeros(3), 1.0), "no_mass", 2, None, None, (2,)),
    "no mass on the simplex": (lambda: gumbel.concrete_log_prob(zeros(3), zeros(4, 3), 1.0), "no_mass", 0, None, None, ()),
    "logit of a density": (
        lambda: gumbel.concrete_log_prob(np.ones((5, 4, 3)), changed(zeros(4, 3), ((2, 1), NAN)), 1.0),
        "logit", 2, 1, NAN, (2, 1),
    ),
    "relaxed bit": (
        lambda: gumbel.relaxed_bernoulli_log_prob(changed(zeros(4, 3), ((2, 1), 1.5)), zeros(3), 1.0),
        "sample", 7, 0, 1.5, (2, 1),
    ),
    "relaxed bit, repeated": (
        lambda: gumbel.relaxed_bernoulli_log_prob(changed(zeros(4, 1), ((2, 0), -0.1)), zeros(3), 1.0),
        "sample", 6, 0, -0.1, (2, 0),
    ),
    "nan in logit space": (
        lambda: gumbel.binary_concrete_log_prob(changed(zeros(4, 3), ((2, 1), NAN)), zeros(4, 3), 1.0),
        "sample", 7, 0, NAN, (2, 1),
    ),
    "log-odds": (
        lambda: gumbel.binary_concrete_log_prob(zeros(4, 3), changed(zeros(4, 3), ((2, 1), -INF)), 1.0),
        "log_odds", 7, None, -INF, (2, 1),
    ),
    "log-odds, repeated": (
        lambda: gumbel.relaxed_bernoulli_log_prob(np.full((4, 3), 0.5), changed(zeros(3), (1, INF)), 1.0),
        "log_odds", 1, None, INF, (1,),
    ),
    "log-odds of a scalar": (lambda: gumbel.binary_concrete_log_prob(zeros(3), NAN, 1.0), "log_odds", 0, None, NAN, ()),
    "p of a divergence": (
        lambda: gumbel.categorical_kl(changed(zeros(4, 3), ((2, 1), NAN)), zeros(3)),
        "logit", 2, 1, NAN, (2, 1),
    ),
    "q of a divergence": (
        lambda: gumbel.categorical_kl(zeros(4, 3), changed(zeros(3), (1, INF))),
        "logit", 0, 1, INF, (1,),
    ),
    "q without a category": (
        lambda: gumbel.categorical_kl(zeros(3), changed(zeros(4, 3), (2, -INF))),
        "all_masked", 2, None, None, (2,),
    ),
    "alpha": (lambda: gumbel.entmax(zeros(3), 0.9), "alpha", None, None, 0.9, None),
    "alpha, just below": (lambda: gumbel.entmax(zeros(3).astype(np.float32), 1 - 1e-12), "alpha", None, None, 1 - 1e-12, None),
    "alpha inf": (lambda: gumbel.entmax(zeros(3).astype(np.float32), 1e60), "alpha", None, None, 1e60, None),
    "alpha nan": (lambda: vjp.entmax_alpha_derivative(np.ones(1), NAN), "alpha", None, None, NAN, None),
    "no permutation": (lambda: gumbel.sinkhorn(SQUARE), "no_permutation", 5, None, None, (1, 2)),
    "no best permutation": (lambda: gumbel.assignment(SQUARE), "no_permutation", 5, None, None, (1, 2)),
    "no permutation of one": (lambda: gumbel.log_sinkhorn(np.full((2, 2), -INF)), "no_permutation", 0, None, None, ()),
    "iterations": (lambda: gumbel.sinkhorn(zeros(2, 2), iterations=0), "iterations", None, None, None, None),
    "negative iterations": (lambda: vjp.sinkhorn_vjp(zeros(2, 2), zeros(2, 2), iterations=-3), "iterations", None, None, None, None),
    "tolerance": (lambda: gumbel.log_sinkhorn(zeros(2, 2), tolerance=-1.0), "tolerance", None, None, -1.0, None),
    "tolerance nan": (lambda: gumbel.log_sinkhorn(zeros(2, 2), tolerance=NAN), "tolerance", None, None, NAN, None),
}


@pytest.mark.parametrize("name", CASES)
def test_data_that_cannot_be_used(name):
    call, kind, row, column, value, index = CASES[name]
    with pytest.raises(Error) as raised:
        call()
    error = raised.value
    assert isinstance(error, ValueError)
    assert (error.kind, error.row, error.column, error.index) == (kind, row, column, index)
    np.testing.assert_equal(error.value, value)
    assert error.index is None or all(type(place) is int for place in error.index)
    if value is not None and np.isfinite(value) and 1e-5 < abs(value) < 1e10:
        assert f"{value:g}" in str(error)


def test_the_sentence_is_that_of_rust():
    with pytest.raises(Error, match="^the logit at row 2, column 1 is NaN; expected a finite number, or -inf to mask the category$"):
        gumbel.softmax(changed(zeros(4, 3), ((2, 1), NAN)))
    with pytest.raises(Error, match=r"^temperature must be positive and finite, got -0\.5$"):
        gumbel.gumbel_softmax(zeros(2), -0.5, noise=noise())
    with pytest.raises(Error, match="^the number of iterations must be at least 1, got -3$"):
        gumbel.sinkhorn(zeros(2, 2), iterations=-3)
    with pytest.raises(Error, match="^cannot choose 99 categories from row 0: only 3 are unmasked"):
        gumbel.subset_marginals(zeros(4, 3), 99)


def test_an_error_that_is_made_by_hand_has_the_attributes():
    error = Error("text")
    assert (error.kind, error.row, error.column, error.value, error.index) == ("", None, None, None, None)
    assert str(pickle.loads(pickle.dumps(error))) == "text"


def test_errors_survive_a_pickle():
    """As they must, to come back from a worker process."""
    with pytest.raises(Error) as raised:
        gumbel.softmax(changed(zeros(4, 3), ((2, 1), INF)), axis=0)
    twin = pickle.loads(pickle.dumps(raised.value))
    assert type(twin) is Error and str(twin) == str(raised.value)
    assert (twin.kind, twin.row, twin.column, twin.value, twin.index) == ("logit", 1, 2, INF, (2, 1))


HALF = zeros(3).astype(np.float16)
READ_ONLY = zeros(3)
READ_ONLY.flags.writeable = False

MISTAKES = {
    "integers": (lambda: gumbel.softmax([0, 1]), TypeError, "int64"),
    "booleans": (lambda: gumbel.softmax([True, False]), TypeError, "bool"),
    "complex": (lambda: gumbel.softmax([1j]), TypeError, "complex128"),
    "objects": (lambda: gumbel.softmax(np.array([0.0, None])), TypeError, "object"),
    "text": (lambda: gumbel.softmax("abc"), TypeError, "U3"),
    "extended precision": (lambda: gumbel.softmax(np.zeros(3, np.longdouble)), TypeError, "float128"),
    "records": (lambda: gumbel.softmax(np.zeros(3, [("a", "f4")])), TypeError, "dtype"),
    "ragged": (lambda: gumbel.softmax([[0.0], [0.0, 1.0]]), ValueError, "inhomogeneous"),
    "masked array": (lambda: gumbel.softmax(np.ma.array([0.0, 1.0], mask=[0, 1])), TypeError, "filled"),
    "tau text": (lambda: gumbel.gumbel_softmax(zeros(3), "1", noise=noise()), TypeError, "tau"),
    "tau none": (lambda: gumbel.gumbel_softmax(zeros(3), None, noise=noise()), TypeError, "tau"),
    "tau array": (lambda: gumbel.gumbel_softmax(zeros(3), np.ones(2), noise=noise()), TypeError, "0-dimensional"),
    "no noise": (lambda: gumbel.gumbel_softmax(zeros(3)), TypeError, "noise"),
    "noise by position": (lambda: gumbel.gumbel_max(zeros(3), noise()), TypeError, "positional"),
    "noise none": (lambda: gumbel.gumbel_max(zeros(3), noise=None), TypeError, "numpy.random.Generator, got NoneType"),
    "noise of a number": (lambda: gumbel.gumbel_max(zeros(3), noise=1), TypeError, "got int"),
    "old noise": (lambda: gumbel.gumbel_max(zeros(3), noise=np.random.RandomState(1)), TypeError, "got RandomState"),
    "noise that ends": (lambda: gumbel.gumbel_max(zeros(3), noise=Noise.from_parts(1, 2, 2**62 - 3)), ValueError, "used up"),
    "axis": (lambda: gumbel.softmax(zeros(2, 3), axis=2), IndexError, "axis 2 is out of bounds for array of dimension 2"),
    "axis is numpy's error": (lambda: gumbel.softmax(zeros(2, 3), axis=-3), np.exceptions.AxisError, "axis -3"),
    "axis is a value error": (lambda: gumbel.gumbel_max(zeros(2, 3), noise=noise(), axis=-3), ValueError, "axis -3"),
    "axis text": (lambda: gumbel.softmax(zeros(2, 3), axis="0"), TypeError, "axis"),
    "axis fraction": (lambda: gumbel.softmax(zeros(2, 3), axis=1.0), TypeError, "axis"),
    "no axis": (lambda: gumbel.softmax(1.0), IndexError, "dimension 0"),
    "no axis of categories": (lambda: gumbel.categorical_log_prob(1.0, 0), ValueError, r"\(\)"),
    "k negative": (lambda: gumbel.top_k(zeros(3), -1, noise=noise()), ValueError, "k must be from 0"),
    "k fraction": (lambda: gumbel.top_k(zeros(3), 1.0, noise=noise()), TypeError, "k must be an integer"),
    "k too large": (lambda: gumbel.subset_marginals(zeros(3), 2**64), ValueError, "k must be from 0"),
    "index fraction": (lambda: gumbel.categorical_log_prob(zeros(3), 0.0), TypeError, "integers"),
    "index boolean": (lambda: gumbel.categorical_log_prob(zeros(3), True), TypeError, "integers"),
    "index shape": (lambda: gumbel.categorical_log_prob(zeros(4, 3), [0, 0]), ValueError, r"\(2,\).*\(4, 3\)"),
    "rows of two lengths": (
        lambda: gumbel.exp_concrete_log_prob(zeros(4, 3), zeros(4, 2), 1.0),
        ValueError, r"y \(4, 3\) and logits \(4, 2\)",
    ),
    "categories are not broadcast": (
        lambda: gumbel.relaxed(zeros(4, 3), zeros(4, 1)),
        ValueError, r"logits \(4, 3\) and values \(4, 1\); expected rows of one length",
    ),
    "nor from a number": (lambda: gumbel.relaxed(zeros(4, 3), 0.0), ValueError, r"values \(\)"),
    "batches of two lengths": (lambda: gumbel.categorical_kl(zeros(4, 3), zeros(2, 3)), ValueError, r"p \(4, 3\) and q \(2, 3\)"),
    "points of two lengths": (
        lambda: gumbel.binary_concrete_log_prob(zeros(4), zeros(3), 1.0),
        ValueError, r"y \(4,\) and log_odds \(3,\)",
    ),
    "not square": (lambda: gumbel.sinkhorn(zeros(4, 2, 3)), ValueError, r"square.*\(4, 2, 3\)"),
    "no matrix": (lambda: gumbel.assignment(zeros(3)), ValueError, r"square.*\(3,\)"),
    "cotangent": (lambda: vjp.softmax_vjp(zeros(4, 3), zeros(3)), ValueError, r"dy must have shape \(4, 3\).*got \(3,\)"),
    "cotangent of rows": (lambda: vjp.log_sum_exp_vjp(zeros(4, 3), zeros(3)), ValueError, r"d must have shape \(4,\).*got \(3,\)"),
    "out list": (lambda: gumbel.gumbel_softmax(zeros(3), noise=noise(), out=[0.0] * 3), TypeError, "array"),
    "out type": (lambda: gumbel.gumbel_softmax(zeros(3), noise=noise(), out=HALF), TypeError, "float64; got float16"),
    "out shape": (lambda: gumbel.gumbel_softmax(zeros(3), noise=noise(), out=zeros(1, 3)), ValueError, r"\(3,\); got \(1, 3\)"),
    "out order": (lambda: gumbel.gumbel_softmax(zeros(2, 3), noise=noise(), out=zeros(3, 2).T), ValueError, "C-contiguous"),
    "out read-only": (lambda: gumbel.gumbel_softmax(zeros(3), noise=noise(), out=READ_ONLY), ValueError, "writeable"),
    "out of another byte order": (
        lambda: gumbel.gumbel_softmax(zeros(3).astype(">f8"), noise=noise(), out=zeros(3).astype(">f8")),
        TypeError, "byte order",
    ),
    "unknown argument": (lambda: gumbel.softmax(zeros(3), dim=0), TypeError, "dim"),
    "threads": (lambda: gumbel.set_num_threads(-1), ValueError, "-1"),
    "many threads": (lambda: gumbel.set_num_threads(10**6), ValueError, "1000000"),
    "memory": (lambda: gumbel.subset_marginals(zeros(1, 3 * 10**6), 10**6), MemoryError, "memory"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_of_the_caller(name):
    call, error, text = MISTAKES[name]
    with pytest.raises(error, match=text) as raised:
        call()
    assert not isinstance(raised.value, Error), "that is for data"


def test_a_refused_call_leaves_its_arguments_usable():
    """No borrow outlives an error."""
    logits = changed(zeros(4, 3), ((2, 1), NAN))
    for _ in range(3):
        with pytest.raises(Error):
            gumbel.gumbel_softmax(logits, noise=noise(), out=logits)
        logits[...] = 0.0
        gumbel.gumbel_softmax(logits, noise=noise(), out=logits)
        logits[2, 1] = NAN
