"""Samples of categories: against NumPy with the same noise, against Rust, and against their laws."""

import copy
import itertools

import numpy as np
import numpy_reference as reference
import pytest
from rust_numbers import GOLDEN
from scipy import stats

import gumbel
from gumbel import Noise

DTYPES = [np.float16, np.float32, np.float64]
# What rounding of keys near 20, of `exp` and of the type itself allow, at a temperature of 1.
TOLERANCE = {np.float16: 1e-3, np.float32: 1e-5, np.float64: 1e-13}
SHAPES = [(1,), (10,), (1, 1), (5, 1), (3, 2), (7, 4), (2, 3, 5), (4, 100), (3, 1025), (0, 4), (2, 0, 3)]


def logits_of(shape, dtype, seed=0, masked=0.2):
    """Logits with masks, but none on the first category."""
    random = np.random.default_rng(seed)
    logits = (3 * random.normal(size=shape)).astype(dtype)
    mask = random.random(shape) < masked
    mask[..., :1] = False
    logits[mask] = -np.inf
    return logits


def noise_of(logits, noise):
    """The noise that is added to logits, in the type of the computation."""
    return noise.gumbel(logits.shape, np.float64 if logits.dtype == np.float64 else np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_relaxed_samples(shape, dtype):
    logits = logits_of(shape, dtype)
    for tau in (0.1, 1.0, 7.0):
        soft = gumbel.gumbel_softmax(logits, tau, noise=Noise(3))
        log = gumbel.log_gumbel_softmax(logits, tau, noise=Noise(3))
        assert soft.dtype == log.dtype == dtype and soft.shape == log.shape == shape
        tolerance = TOLERANCE[dtype] * max(1.0, 1 / tau)
        noise = noise_of(logits, Noise(3))
        np.testing.assert_allclose(soft, reference.relaxed(logits, noise, tau), rtol=0, atol=tolerance)
        np.testing.assert_allclose(log, reference.log_relaxed(logits, noise, tau), rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(soft == 0, (log == -np.inf) | (soft == 0))
        assert (log[logits == -np.inf] == -np.inf).all() and (log[logits > -np.inf] > -np.inf).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_exact_samples(shape, dtype):
    """Equal to the last bit: they add the same noise in the same precision."""
    logits = logits_of(shape, dtype)
    noise = noise_of(logits, Noise(3))
    wide = logits.astype(noise.dtype)
    k = min(2, shape[-1])
    logits[..., :k] = wide[..., :k] = 0.5
    order = reference.top_k(wide, noise, k)
    top, index, one = (
        gumbel.top_k(logits, k, noise=Noise(3)),
        gumbel.gumbel_max(logits, noise=Noise(3)),
        gumbel.one_hot(logits, noise=Noise(3)),
    )
    assert top.dtype == index.dtype == np.int64 and one.dtype == dtype
    np.testing.assert_array_equal(top, order)
    np.testing.assert_array_equal(index, order[..., 0])
    np.testing.assert_array_equal(one, np.eye(shape[-1])[order[..., 0]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_noise_gives_samples_that_agree(dtype):
    logits = logits_of((50, 12), np.float32).astype(dtype)
    logits[:, :4] = 0.0
    index = gumbel.gumbel_max(logits, noise=Noise(8))
    for tau in (1e-3, 1.0, 50.0):
        soft = gumbel.gumbel_softmax(logits.astype(np.float32), tau, noise=Noise(8))
        log = gumbel.log_gumbel_softmax(logits.astype(np.float32), tau, noise=Noise(8))
        if dtype != np.float64:
            np.testing.assert_array_equal(log.argmax(-1), index)
            np.testing.assert_array_equal(np.take_along_axis(soft, index[:, None], -1)[:, 0], soft.max(-1))
    np.testing.assert_array_equal(gumbel.top_k(logits, 4, noise=Noise(8))[:, 0], index)
    np.testing.assert_array_equal(gumbel.one_hot(logits, noise=Noise(8)).argmax(-1), index)


def test_half_precision_draws_the_categories_of_single_precision():
    half = logits_of((40, 30), np.float16, masked=0.1)
    single = half.astype(np.float32)
    np.testing.assert_array_equal(gumbel.gumbel_max(half, noise=Noise(1)), gumbel.gumbel_max(single, noise=Noise(1)))
    kept = (half > -np.inf).sum(-1).min()
    np.testing.assert_array_equal(gumbel.top_k(half, kept, noise=Noise(1)), gumbel.top_k(single, kept, noise=Noise(1)))
    for function in (gumbel.gumbel_softmax, gumbel.log_gumbel_softmax):
        rounded = np.maximum(function(single, 0.7, noise=Noise(1)), np.where(single > -np.inf, -65504, -np.inf))
        np.testing.assert_array_equal(function(half, 0.7, noise=Noise(1)), rounded.astype(np.float16))


def test_double_precision_draws_the_same_with_more_digits():
    single = logits_of((40, 30), np.float32)
    wide = gumbel.gumbel_softmax(single.astype(np.float64), 0.5, noise=Noise(1))
    np.testing.assert_allclose(gumbel.gumbel_softmax(single, 0.5, noise=Noise(1)), wide, atol=1e-5)


LOGITS = [[0.5, -1.0, 2.0, 0.0], [1.0, 1.0, -np.inf, 1.0], [-3.0, 0.0, 3.0, 0.25]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_are_those_of_rust(dtype):
    logits, expected = np.array(LOGITS, dtype), GOLDEN[np.dtype(dtype).name]
    found = {
        "gumbel_softmax": gumbel.gumbel_softmax(logits, 0.5, noise=Noise.from_parts(42, 7, 0)),
        "log_gumbel_softmax": gumbel.log_gumbel_softmax(logits, 0.5, noise=Noise.from_parts(42, 7, 0)),
        "gumbel_max": gumbel.gumbel_max(logits, noise=Noise.from_parts(42, 7, 0)),
        "top_k": gumbel.top_k(logits, 3, noise=Noise.from_parts(42, 7, 0)),
        "sample_subset": gumbel.sample_subset(logits, 3, noise=Noise.from_parts(42, 7, 0)),
        "relaxed_top_k": gumbel.relaxed_top_k(logits, 2, 0.5, noise=Noise.from_parts(42, 7, 0)),
    }
    for name, numbers in expected.items():
        same = np.array(numbers, found[name].dtype).reshape(found[name].shape)
        if same.dtype == np.int64:
            np.testing.assert_array_equal(found[name], same)
        else:  # bit for bit on the machine that printed them; others round ln and exp otherwise
            np.testing.assert_allclose(found[name], same, rtol=1e-14 if dtype == np.float64 else 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_axis(dtype):
    logits = logits_of((3, 4, 5), dtype)
    functions = [
        lambda x, axis: gumbel.gumbel_softmax(x, 0.7, noise=Noise(2), axis=axis),
        lambda x, axis: gumbel.log_gumbel_softmax(x, 0.7, noise=Noise(2), axis=axis),
        lambda x, axis: gumbel.one_hot(x, noise=Noise(2), axis=axis),
        lambda x, axis: gumbel.top_k(x, 1, noise=Noise(2), axis=axis),
    ]
    for axis in (0, 1, 2, -1, -2, -3):
        given = np.ascontiguousarray(np.moveaxis(logits, -1, axis))
        for function in functions:
            result = function(given, axis)
            assert result.flags.c_contiguous
            np.testing.assert_array_equal(np.moveaxis(result, axis, -1), function(logits, -1))
        index = gumbel.gumbel_max(given, noise=Noise(2), axis=axis)
        np.testing.assert_array_equal(index, gumbel.gumbel_max(logits, noise=Noise(2)))


class Subclass(np.ndarray):
    """A subclass that says nothing of its own."""


def layouts(array):
    """The same numbers, laid out otherwise."""
    yield "transposed", np.ascontiguousarray(array.T).T
    yield "fortran", np.asfortranarray(array)
    yield "strided", np.repeat(array, 2, axis=0)[::2]
    yield "strided rows", np.repeat(array, 3, axis=-1)[..., 1::3]
    yield "reversed", np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]
    yield "big-endian", array.astype(array.dtype.newbyteorder(">"))
    buffer = np.zeros(array.nbytes + 1, np.uint8)
    unaligned = buffer[1:].view(array.dtype).reshape(array.shape)
    unaligned[...] = array
    yield "unaligned", unaligned
    fixed = array.copy()
    fixed.flags.writeable = False
    yield "read-only", fixed
    yield "subclass", array.view(Subclass)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts(dtype):
    logits = logits_of((6, 5), dtype)
    for axis in (0, 1):
        logits[0, :], logits[:, 0] = 0.0, 0.0
        expected = gumbel.gumbel_softmax(logits, 0.7, noise=Noise(2), axis=axis)
        index = gumbel.gumbel_max(logits, noise=Noise(2), axis=axis)
        for name, given in layouts(logits):
            before = np.array(given)
            result = gumbel.gumbel_softmax(given, 0.7, noise=Noise(2), axis=axis)
            assert type(result) is np.ndarray and result.dtype == dtype and result.flags.c_contiguous, name
            np.testing.assert_array_equal(result, expected, name)
            np.testing.assert_array_equal(gumbel.gumbel_max(given, noise=Noise(2), axis=axis), index, name)
            np.testing.assert_array_equal(given, before, f"{name}: the logits are changed")


def test_repeated_rows_are_samples_of_their_own():
    logits = np.broadcast_to(np.zeros(4, np.float32), (3, 4))
    soft = gumbel.gumbel_softmax(logits, noise=Noise(1))
    np.testing.assert_array_equal(soft, gumbel.gumbel_softmax(np.zeros((3, 4), np.float32), noise=Noise(1)))


def test_lists_are_taken():
    expected = gumbel.gumbel_softmax(np.array([[0.0, 1.0]]), noise=Noise(1))
    for given in ([[0.0, 1.0]], ((0.0, 1.0),), [np.array([0.0, 1.0])]):
        np.testing.assert_array_equal(gumbel.gumbel_softmax(given, noise=Noise(1)), expected)


@pytest.mark.parametrize("function", [gumbel.gumbel_softmax, gumbel.log_gumbel_softmax])
@pytest.mark.parametrize("dtype", DTYPES)
def test_out(function, dtype):
    logits = logits_of((6, 5), dtype)
    logits[0, :], logits[:, 0] = 0.0, 0.0
    for axis in (0, 1):
        expected = function(logits, 0.7, noise=Noise(2), axis=axis)
        out = np.full((6, 5), 9, dtype)
        assert function(logits, 0.7, noise=Noise(2), axis=axis, out=out) is out
        np.testing.assert_array_equal(out, expected)
        same = logits.copy()
        assert function(same, 0.7, noise=Noise(2), axis=axis, out=same) is same
        np.testing.assert_array_equal(same, expected, "the input as output")
        memory = np.zeros((8, 5), dtype)
        memory[1:7] = logits
        function(memory[1:7], 0.7, noise=Noise(2), axis=axis, out=memory[2:8])
        np.testing.assert_array_equal(memory[2:8], expected, "an output that overlaps the input")
        np.testing.assert_array_equal(memory[1], logits[0])


def test_noise_moves_past_the_numbers_of_the_logits():
    logits = np.zeros((3, 4))
    calls = [
        lambda noise: gumbel.gumbel_softmax(logits, noise=noise),
        lambda noise: gumbel.log_gumbel_softmax(logits, noise=noise),
        lambda noise: gumbel.gumbel_max(logits, noise=noise),
        lambda noise: gumbel.one_hot(logits, noise=noise),
        lambda noise: gumbel.top_k(logits, 2, noise=noise),
        lambda noise: gumbel.sample_subset(logits, 2, noise=noise),
        lambda noise: gumbel.relaxed_top_k(logits, 2, 0.5, noise=noise),
    ]
    for call in calls:
        noise, twin = Noise(1), Noise(1)
        first, second = call(noise), call(noise)
        assert noise.parts == (1, 0, 24)
        twin.take(12)
        np.testing.assert_array_equal(call(twin), second)
        assert (first != second).any()


def test_noise_moves_also_when_a_sample_raises():
    bad = np.array([[0.0, np.nan], [0.0, 0.0]])
    calls = [
        lambda noise: gumbel.gumbel_softmax(bad, noise=noise),
        lambda noise: gumbel.gumbel_max(bad, noise=noise),
        lambda noise: gumbel.top_k(bad, 1, noise=noise),
        lambda noise: gumbel.top_k(bad, 9, noise=noise),
        lambda noise: gumbel.gumbel_softmax(np.zeros((2, 2)), -1.0, noise=noise),
        lambda noise: gumbel.sample_subset(bad, 1, noise=noise),
        lambda noise: gumbel.relaxed_top_k(bad, 1, 1.0, noise=noise),
        lambda noise: gumbel.relaxed_top_k(np.zeros((2, 2)), 1, 0.0, noise=noise),
    ]
    for call in calls:
        noise = Noise(1)
        with pytest.raises(gumbel.Error):
            call(noise)
        assert noise.parts == (1, 0, 4)


def test_a_generator_gives_two_words_for_seed_and_id():
    words = np.random.default_rng(5).integers(0, 2**64 - 1, 2, np.uint64, endpoint=True)
    expected = gumbel.gumbel_max(np.zeros((4, 9)), noise=Noise.from_parts(*words, 0))
    generator = np.random.default_rng(5)
    np.testing.assert_array_equal(gumbel.gumbel_max(np.zeros((4, 9)), noise=generator), expected)
    again = gumbel.gumbel_max(np.zeros((4, 9)), noise=generator)
    assert (again != expected).any(), "the generator has not moved"


@pytest.mark.parametrize("dtype", DTYPES)
def test_gumbel_max_has_the_probabilities_of_the_softmax(dtype):
    """Chi-square; a right sampler fails once in 10^4."""
    logits = np.array([1.0, 0.0, -np.inf, 2.0, -1.0, 0.5], dtype)
    drawn = gumbel.gumbel_max(np.tile(logits, (60_000, 1)), noise=Noise(77))
    p = reference.softmax(logits)
    counts = np.bincount(drawn, minlength=6)
    assert counts[2] == 0
    assert stats.chisquare(counts[p > 0], 60_000 * p[p > 0]).pvalue > 1e-4


@pytest.mark.parametrize("dtype", DTYPES)
def test_top_k_is_plackett_luce(dtype):
    """Chi-square over all orders of 3 of 4; a right sampler fails once in 10^4."""
    logits = np.array([1.0, 0.0, 2.0, -0.5], dtype)
    drawn = gumbel.top_k(np.tile(logits, (60_000, 1)), 3, noise=Noise(78))
    p, expected = reference.softmax(logits), {}
    for order in itertools.permutations(range(4), 3):
        left = 1 - np.concatenate([[0.0], np.cumsum(p[list(order)])[:-1]])
        expected[order] = np.prod(p[list(order)] / left)
    orders, counts = np.unique(drawn, axis=0, return_counts=True)
    assert {tuple(order) for order in orders} == set(expected)
    assert stats.chisquare(counts, [60_000 * expected[tuple(order)] for order in orders]).pvalue > 1e-4


def test_many_categories_in_half_precision():
    """Fifty thousand equal logits: the sample is uniform. Noise of eleven bits would tie, and favour low indices. Chi-square
    over 50 groups, and the mean; a right sampler fails once in 10^4."""
    drawn = gumbel.gumbel_max(np.zeros((2_000, 50_000), np.float16), noise=Noise(79))
    counts = np.bincount(drawn // 1_000, minlength=50)
    assert stats.chisquare(counts).pvalue > 5e-5
    z = (drawn.mean() - 24_999.5) / (50_000 / np.sqrt(12 * 2_000))
    assert abs(z) < 4.1, z
    assert len(np.unique(drawn)) > 1_900, "few of 2000 draws of 50 000 coincide"


def test_relaxed_samples_at_a_low_temperature_are_nearly_one_hot():
    logits = logits_of((200, 7), np.float32)
    soft = gumbel.gumbel_softmax(logits, 1e-30, noise=Noise(4))
    np.testing.assert_array_equal(soft, gumbel.one_hot(logits, noise=Noise(4)))


def test_common_parts_of_logits_change_nothing():
    logits = np.random.default_rng(0).integers(-8, 8, (50, 6)).astype(np.float32)
    for constant in (2.0**20, -(2.0**20), -(2.0**15)):
        np.testing.assert_array_equal(
            gumbel.gumbel_softmax(logits + np.float32(constant), 0.5, noise=Noise(6)),
            gumbel.gumbel_softmax(logits, 0.5, noise=Noise(6)),
        )


def test_copies_of_a_noise_repeat_a_sample():
    noise = Noise(3)
    twin = copy.copy(noise)
    logits = np.zeros((4, 5))
    np.testing.assert_array_equal(gumbel.gumbel_softmax(logits, noise=noise), gumbel.gumbel_softmax(logits, noise=twin))
