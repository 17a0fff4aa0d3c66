"""Functions without randomness, and subsets: against NumPy in double precision, with their products."""

import itertools

import numpy as np
import numpy_reference as reference
import pytest
from scipy.optimize import linear_sum_assignment

import gumbel
from gumbel import Noise, vjp

DTYPES = [np.float16, np.float32, np.float64]
# Relative to the largest number involved.
TOLERANCE = {np.float16: 2e-3, np.float32: 3e-6, np.float64: 1e-12}
SHAPES = [(1,), (6,), (1, 1), (5, 1), (3, 2), (7, 4), (2, 3, 5), (3, 66), (2, 1025), (0, 4), (2, 0, 3)]


def logits_of(shape, dtype, seed=0, masked=0.2):
    """Logits with masks, but none on the first category."""
    random = np.random.default_rng(seed)
    logits = (2 * random.normal(size=shape)).astype(dtype)
    mask = random.random(shape) < masked
    mask[..., :1] = False
    logits[mask] = -np.inf
    return logits


def near(found, expected, dtype, scale=1.0):
    assert found.dtype == dtype and found.flags.c_contiguous
    assert found.shape == expected.shape
    finite = expected[np.isfinite(expected)]
    size = max(1.0, scale, float(np.abs(finite).max(initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * size)


# Functions of logits: (function, reference, whether the result keeps the axis).
MAPS = {
    "softmax": (gumbel.softmax, reference.softmax, True),
    "log_softmax": (gumbel.log_softmax, reference.log_softmax, True),
    "log_sum_exp": (gumbel.log_sum_exp, reference.log_sum_exp, False),
    "categorical_entropy": (gumbel.categorical_entropy, reference.categorical_entropy, False),
    "entmax": (gumbel.entmax, lambda x: reference.entmax(x, 1.5, 1.0), True),
    "entmax 1": (lambda x, **a: gumbel.entmax(x, 1.0, 0.5, **a), lambda x: reference.entmax(x, 1.0, 0.5), True),
    "entmax 1.3": (lambda x, **a: gumbel.entmax(x, 1.3, 0.5, **a), lambda x: reference.entmax(x, 1.3, 0.5), True),
    "entmax 3": (lambda x, **a: gumbel.entmax(x, 3.0, 2.0, **a), lambda x: reference.entmax(x, 3.0, 2.0), True),
    "sparsemax": (lambda x, **a: gumbel.sparsemax(x, 0.5, **a), lambda x: reference.entmax(x, 2.0, 0.5), True),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_functions_of_logits(name, dtype, shape):
    function, expected, _ = MAPS[name]
    logits = logits_of(shape, dtype)
    near(function(logits), expected(logits), dtype)


@pytest.mark.parametrize("name", [name for name in MAPS if name != "categorical_entropy"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_every_axis(name, axis):
    function, _, keeps = MAPS[name]
    logits = logits_of((3, 4, 5), np.float32)
    expected = function(logits)
    result = function(np.moveaxis(logits, -1, axis), axis=axis)
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(np.moveaxis(result, axis, -1) if keeps else result, expected)


def test_masks_are_exactly_zero_and_only_masks_are_minus_infinity():
    for dtype in DTYPES:
        logits = logits_of((40, 9), dtype) * dtype(3000)
        masked = logits == -np.inf
        assert (gumbel.softmax(logits)[masked] == 0).all() and (gumbel.entmax(logits)[masked] == 0).all()
        np.testing.assert_array_equal(gumbel.log_softmax(logits) == -np.inf, masked)
    wide = np.array([65504, -65504, -np.inf], np.float16)
    np.testing.assert_array_equal(gumbel.log_softmax(wide), np.array([0, -65504, -np.inf], np.float16))


def test_logits_may_be_as_large_as_their_type_holds():
    for dtype in DTYPES:
        most = np.finfo(dtype).max
        np.testing.assert_array_equal(gumbel.softmax(np.array([most, -most])), np.array([1, 0], dtype))
        np.testing.assert_array_equal(gumbel.softmax(np.array([most, most])), np.array([0.5, 0.5], dtype))
        assert gumbel.log_sum_exp(np.array([most, most])) == most or dtype == np.float16
        assert np.isfinite(gumbel.log_sum_exp(np.array([most, most], dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_relaxed(dtype, shape):
    logits, values = logits_of(shape, dtype), logits_of(shape, dtype, seed=1, masked=0)
    for tau in (0.5, 3.0):
        near(gumbel.relaxed(logits, values, tau), reference.relaxed(logits, values, tau), dtype, scale=8 / tau)


def test_relaxed_with_the_same_noise_is_a_gumbel_softmax_sample():
    logits = logits_of((20, 6), np.float32)
    drawn = gumbel.gumbel_softmax(logits, 0.5, noise=Noise(1))
    np.testing.assert_allclose(gumbel.relaxed(logits, Noise(1).gumbel((20, 6)), 0.5), drawn, atol=1e-6)


def points(shape, dtype, seed=0):
    """Log-space points and logits, masked in the same places."""
    logits, y = logits_of(shape, dtype, seed), logits_of(shape, dtype, seed + 1, masked=0)
    y = reference.log_softmax(np.where(logits > -np.inf, y, -np.inf)).astype(dtype)
    return y, logits


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_concrete_densities(dtype, shape):
    y, logits = points(shape, dtype)
    for tau in (0.3, 1.0, 2.5):
        scale = 10 * shape[-1] * max(1, tau)
        near(gumbel.exp_concrete_log_prob(y, logits, tau), reference.exp_concrete_log_prob(y, logits, tau), dtype, scale)
        x = np.maximum(np.exp(y), np.finfo(dtype).tiny * (logits > -np.inf)).astype(dtype)
        near(gumbel.concrete_log_prob(x, logits, tau), reference.concrete_log_prob(x, logits, tau), dtype, scale)


# (weights, tau, x, on the simplex, in log space): those of crates/gumbel-kernels/tests/it/log_prob.rs, from 30-digit mpmath
# numbers by Maddison et al. (2017), definition 1.
DENSITIES = [
    ([1.0, 1.0, 1.0], 0.5, [0.2, 0.3, 0.5], -0.5344478754342467, -4.041005772754228),
    ([2.0, 1.0, 0.5], 0.7, [0.2, 0.3, 0.5], -0.750841716057638, -4.257399613377619),
    ([1.0, 2.0, 3.0, 4.0], 2 / 3, [0.1, 0.2, 0.3, 0.4], 1.0040528703222105, -5.028233671306027),
    ([1.0, 1.0], 1.0, [0.25, 0.75], 0.0, -1.6739764335716716),
    ([0.1, 0.9], 0.1, [0.01, 0.99], 0.25081720509369587, -4.364403316747897),
]


@pytest.mark.parametrize(("weights", "tau", "x", "simplex", "logs"), DENSITIES)
def test_densities_are_those_of_rust(weights, tau, x, simplex, logs):
    np.testing.assert_allclose(gumbel.concrete_log_prob(x, np.log(weights), tau), simplex, rtol=0, atol=1e-14)
    np.testing.assert_allclose(gumbel.exp_concrete_log_prob(np.log(x), np.log(weights), tau), logs, rtol=1e-14)


def test_other_numbers_are_those_of_rust():
    """From the tests of gumbel-kernels: log_prob.rs and categorical.rs, in 30-digit mpmath numbers."""
    near = lambda found, expected: np.testing.assert_allclose(found, expected, rtol=1e-14)  # noqa: E731
    near(gumbel.relaxed_bernoulli_log_prob(0.3, np.log(3.0), 0.5), -1.0495387413726716)
    near(gumbel.binary_concrete_log_prob(0.7, np.log(3.0), 0.5), -2.216392315846426)
    near(gumbel.categorical_entropy(np.log([1.0, 2.0, 3.0, 4.0])), 1.2798542258336674)
    near(gumbel.categorical_kl(np.log([1.0, 2.0, 3.0, 4.0]), np.log([4.0, 3.0, 2.0, 1.0])), 0.45643481914678363)


def test_densities_at_edges_are_limits():
    assert gumbel.exp_concrete_log_prob([0.0, -np.inf], [0.0, 0.0], 0.5) == -np.inf
    assert gumbel.exp_concrete_log_prob([0.0, -1.0], [0.0, -np.inf], 0.5) == -np.inf
    assert gumbel.exp_concrete_log_prob([0.0, -np.inf], [0.0, -np.inf], 0.5) == 0
    assert gumbel.concrete_log_prob([1.0, 0.0], [0.0, 0.0], 0.5) == np.inf
    assert gumbel.concrete_log_prob([1.0, 0.0], [0.0, 0.0], 2.0) == -np.inf
    np.testing.assert_array_equal(gumbel.relaxed_bernoulli_log_prob([0.0, 1.0], [3.0, 3.0], 1.0), [-3.0, 3.0])
    np.testing.assert_array_equal(gumbel.relaxed_bernoulli_log_prob([0.0, 1.0], [3.0, 3.0], 0.5), [np.inf, np.inf])
    np.testing.assert_array_equal(gumbel.relaxed_bernoulli_log_prob([0.0, 1.0], [3.0, 3.0], 2.0), [-np.inf, -np.inf])
    np.testing.assert_array_equal(gumbel.binary_concrete_log_prob([np.inf, -np.inf], [3.0, 3.0], 2.0), [-np.inf] * 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_densities_of_the_own_samples_are_never_nan(dtype):
    """At low temperatures too, where samples lie at vertices, and other libraries' densities are NaN."""
    logits = logits_of((200, 5), dtype)
    for tau in (1e-4, 1e-2, 0.1, 1.0, 10.0):
        y = gumbel.log_gumbel_softmax(logits, tau, noise=Noise(1))
        x = gumbel.gumbel_softmax(logits, tau, noise=Noise(1))
        assert not np.isnan(gumbel.exp_concrete_log_prob(y, logits, tau)).any()
        assert not np.isnan(gumbel.concrete_log_prob(x, logits, tau)).any()
        if dtype != np.float16:
            assert np.isfinite(gumbel.exp_concrete_log_prob(y, logits, tau)).all()


def test_the_relaxed_bernoulli_density_is_computed_in_log_space():
    """Where PyTorch gives -inf."""
    np.testing.assert_allclose(gumbel.relaxed_bernoulli_log_prob(0.5, 100.0, 1.0), -98.614, atol=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_densities(dtype):
    random = np.random.default_rng(3)
    log_odds, y = (4 * random.normal(size=(2, 5, 7))).astype(dtype)
    x = random.uniform(0.01, 0.99, (5, 7)).astype(dtype)
    for tau in (0.3, 1.0, 2.5):
        expected = reference.binary_concrete_log_prob(y, log_odds, tau)
        near(gumbel.binary_concrete_log_prob(y, log_odds, tau), expected, dtype, 30)
        expected = reference.relaxed_bernoulli_log_prob(x, log_odds, tau)
        near(gumbel.relaxed_bernoulli_log_prob(x, log_odds, tau), expected, dtype, 30)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_categorical(dtype, shape):
    logits, other = logits_of(shape, dtype), logits_of(shape, dtype, seed=5, masked=0)
    index = np.random.default_rng(1).integers(0, shape[-1], shape[:-1])
    near(gumbel.categorical_log_prob(logits, index), reference.categorical_log_prob(logits, index), dtype)
    near(gumbel.categorical_kl(logits, other), reference.categorical_kl(logits, other), dtype, 10)


def test_divergence_is_never_negative_and_infinite_where_only_q_masks():
    p = np.random.default_rng(0).normal(size=(500, 5)).astype(np.float32)
    assert (gumbel.categorical_kl(p, p + np.float32(1e-4)) >= 0).all()
    assert (gumbel.categorical_kl(p, p) == 0).all()
    assert gumbel.categorical_kl([0.0, -1e9], [0.0, -np.inf]) == np.inf
    assert gumbel.categorical_kl([0.0, -np.inf], [0.0, -np.inf]) == 0


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64, ">i4"])
def test_index_of_any_integer_type(dtype):
    logits = np.log([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    found = gumbel.categorical_log_prob(logits, np.array([2, 0], dtype))
    np.testing.assert_allclose(found, np.log([0.5, 0.5]))


def test_broadcasting():
    """As samples [S, .., K] under logits [.., K]; and the other way about."""
    random = np.random.default_rng(0)
    y, logits = random.normal(size=(4, 1, 2, 3)), random.normal(size=(5, 1, 3))
    wide = np.broadcast_to(y, (4, 5, 2, 3)), np.broadcast_to(logits, (4, 5, 2, 3))
    x = gumbel.softmax(y)
    same = np.testing.assert_array_equal
    same(gumbel.exp_concrete_log_prob(y, logits, 0.5), gumbel.exp_concrete_log_prob(*wide, 0.5))
    same(gumbel.concrete_log_prob(x, logits, 0.5), gumbel.concrete_log_prob(np.broadcast_to(x, wide[0].shape), wide[1], 0.5))
    same(gumbel.relaxed(logits, y, 0.5), gumbel.relaxed(wide[1], wide[0], 0.5))
    same(gumbel.categorical_kl(y, logits), gumbel.categorical_kl(*wide))
    same(gumbel.binary_concrete_log_prob(y, logits, 0.5), gumbel.binary_concrete_log_prob(*wide, 0.5))
    same(gumbel.relaxed_bernoulli_log_prob(x, logits, 0.5).shape, wide[0].shape)
    assert gumbel.exp_concrete_log_prob(y, logits, 0.5).shape == (4, 5, 2)
    index = random.integers(0, 3, (4, 1, 2))
    np.testing.assert_allclose(gumbel.categorical_log_prob(logits, index), reference.categorical_log_prob(logits, index))
    assert gumbel.categorical_log_prob(logits, 0).shape == (5, 1)
    assert gumbel.categorical_log_prob(logits[0, 0], index).shape == (4, 1, 2)


@pytest.mark.parametrize("axis", [0, 1, 2, -3])
def test_relaxed_broadcasts_along_every_axis(axis):
    logits, values = np.random.default_rng(0).normal(size=(1, 3, 4)), np.random.default_rng(1).normal(size=(2, 1, 4))
    expected = gumbel.relaxed(logits, values)
    moved = gumbel.relaxed(np.moveaxis(logits, -1, axis), np.moveaxis(values, -1, axis), axis=axis)
    np.testing.assert_array_equal(np.moveaxis(moved, axis, -1), expected)


def test_types_are_promoted_as_numpy_does():
    half, single, double = (np.zeros(3, dtype) for dtype in DTYPES)
    assert gumbel.relaxed(half, single).dtype == np.float32
    assert gumbel.relaxed(single, double).dtype == np.float64
    assert gumbel.relaxed(half, half).dtype == np.float16
    assert gumbel.relaxed(single, [0.0, 0.0, 0.0]).dtype == np.float64
    assert gumbel.binary_concrete_log_prob(0.5, half, 1.0).dtype == np.float16
    assert gumbel.binary_concrete_log_prob(single, 0.5, 1.0).dtype == np.float32
    assert gumbel.binary_concrete_log_prob(np.float64(0.5), single, 1.0).dtype == np.float64
    assert gumbel.binary_concrete_log_prob(0.5, 0.5, 1.0).dtype == np.float64


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_sinkhorn(dtype, n):
    logits = logits_of((2, 3, n, n), dtype, masked=0.1)
    logits[..., np.arange(n), np.arange(n)] = 0.5  # so that one permutation is allowed
    for tau, iterations, tolerance in [(1.0, 20, 0.0), (0.5, 5, 0.0), (2.0, 100, 1e-3)]:
        log = gumbel.log_sinkhorn(logits, tau, iterations=iterations, tolerance=tolerance)
        single = [reference.log_sinkhorn(matrix, tau, iterations, tolerance) for matrix in logits.reshape(-1, n, n)]
        near(log, np.array(single).reshape(logits.shape), dtype)
        matrix = gumbel.sinkhorn(logits, tau, iterations=iterations, tolerance=tolerance)
        near(matrix, np.exp(single).reshape(logits.shape), dtype)
        np.testing.assert_array_equal(log == -np.inf, logits == -np.inf)
        np.testing.assert_allclose(matrix.astype(np.float64).sum(-2), 1, atol=1e-2 if dtype == np.float16 else 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_assignment(dtype, n):
    logits = logits_of((2, 4, n, n), dtype, masked=0.2)
    logits[..., np.arange(n), np.arange(n)] = 0.5
    found = gumbel.assignment(logits)
    assert found.dtype == np.int64 and found.shape == (2, 4, n)
    for matrix, columns in zip(logits.reshape(-1, n, n), found.reshape(-1, n)):
        wide = np.where(np.isfinite(matrix), matrix.astype(np.float64), -1e6)
        best = wide[linear_sum_assignment(wide, maximize=True)].sum()
        np.testing.assert_allclose(wide[np.arange(n), columns].sum(), best)
        assert sorted(columns) == list(range(n))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "k"), [((1,), 1), ((5,), 1), ((5,), 5), ((3, 6), 2), ((2, 3, 7), 4), ((0, 3), 2)])
def test_subsets(dtype, shape, k):
    logits = logits_of(shape, dtype, masked=0.0)
    if shape[-1] > k:
        logits[..., -1] = -np.inf
    near(gumbel.subset_log_partition(logits, k), reference.subset_log_partition(logits, k), dtype)
    near(gumbel.subset_marginals(logits, k), reference.subset_marginals(logits, k), dtype)
    sample = gumbel.sample_subset(logits, k, noise=Noise(4))
    assert sample.dtype == np.int64 and sample.shape == (*shape[:-1], k)
    uniform = Noise(4).uniform(shape, np.float64).reshape(-1, shape[-1])
    expected = [reference.sample_subset(row, k, u) for row, u in zip(logits.reshape(-1, shape[-1]), uniform)]
    np.testing.assert_array_equal(sample.reshape(-1, k), np.array(expected).reshape(-1, k))


def test_subsets_are_sampled_with_their_probabilities():
    """Chi-square; a right sampler fails once in 10^4."""
    from scipy import stats

    logits = np.array([0.5, -1.0, 1.0, 0.0, -np.inf], np.float32)
    drawn = gumbel.sample_subset(np.tile(logits, (40_000, 1)), 2, noise=Noise(5))
    pairs, counts = np.unique(drawn, axis=0, return_counts=True)
    weights = np.exp([logits[list(pair)].sum(dtype=np.float64) for pair in itertools.combinations(range(4), 2)])
    assert [tuple(pair) for pair in pairs] == list(itertools.combinations(range(4), 2))
    assert stats.chisquare(counts, 40_000 * weights / weights.sum()).pvalue > 1e-4


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "k"), [((1,), 1), ((5,), 1), ((3, 6), 2), ((2, 3, 7), 4)])
def test_relaxed_top_k(dtype, shape, k):
    logits = logits_of(shape, dtype, masked=0.0)
    noise = Noise(6).gumbel(shape, np.float64 if dtype == np.float64 else np.float32)
    for tau in (0.5, 2.0):
        found = gumbel.relaxed_top_k(logits, k, tau, noise=Noise(6))
        near(found, reference.relaxed_top_k(logits, noise, k, tau), dtype, 10)
        np.testing.assert_allclose(found.astype(np.float64).sum(-1), k, atol=2e-2 if dtype == np.float16 else 1e-5)
    hard = gumbel.relaxed_top_k(logits, k, 1e-3, noise=Noise(6))
    indicator = np.zeros(shape)
    np.put_along_axis(indicator, gumbel.top_k(logits, k, noise=Noise(6)), 1.0, -1)
    np.testing.assert_allclose(hard, indicator, atol=1e-2)


def test_layouts():
    """One copy of the machinery serves all functions; here with several arguments and matrices."""
    random = np.random.default_rng(0)
    y, logits = random.normal(size=(2, 6, 4)).astype(np.float32)
    square = random.normal(size=(3, 4, 4)).astype(np.float32)
    for change in (np.asfortranarray, lambda a: a.astype(a.dtype.newbyteorder(">")), lambda a: np.repeat(a, 2, -1)[..., ::2]):
        assert not change(y).flags.c_contiguous or change(y).dtype != y.dtype
        same = np.testing.assert_array_equal
        same(gumbel.exp_concrete_log_prob(change(y), change(logits), 0.5), gumbel.exp_concrete_log_prob(y, logits, 0.5))
        same(gumbel.relaxed(change(y), logits, axis=0), gumbel.relaxed(y, logits, axis=0))
        same(gumbel.log_sinkhorn(change(square)), gumbel.log_sinkhorn(square))
        same(gumbel.assignment(change(square)), gumbel.assignment(square))
        same(gumbel.subset_marginals(change(y), 2), gumbel.subset_marginals(y, 2))
        same(gumbel.softmax(change(y), axis=0), gumbel.softmax(y, axis=0))


# Vector-Jacobian products, by central differences in double precision.


def check(product, function, x, d, tolerance=1e-7):
    np.testing.assert_allclose(product, reference.derivative(function, x, d), rtol=1e-6, atol=tolerance)


@pytest.fixture
def arrays():
    random = np.random.default_rng(12)
    logits = random.normal(size=(3, 5))
    logits[1, 2] = -np.inf
    return logits, random.normal(size=(3, 5)), random.normal(size=3)


def test_products_of_softmax(arrays):
    logits, dy, d = arrays
    check(vjp.softmax_vjp(gumbel.softmax(logits), dy), gumbel.softmax, logits, dy)
    finite = lambda x: np.where(logits > -np.inf, gumbel.log_softmax(x), 0.0)  # noqa: E731
    check(vjp.log_softmax_vjp(gumbel.log_softmax(logits), dy), finite, logits, dy)
    check(vjp.log_sum_exp_vjp(logits, d), gumbel.log_sum_exp, logits, d)


def test_products_of_relaxed_samples(arrays):
    logits, dy, _ = arrays
    soft = lambda x: gumbel.gumbel_softmax(x, 0.7, noise=Noise(1))  # noqa: E731
    check(vjp.gumbel_softmax_vjp(soft(logits), dy, 0.7), soft, logits, dy)
    log = lambda x: np.where(logits > -np.inf, gumbel.log_gumbel_softmax(x, 0.7, noise=Noise(1)), 0.0)  # noqa: E731
    log_y = gumbel.log_gumbel_softmax(logits, 0.7, noise=Noise(1))
    check(vjp.log_gumbel_softmax_vjp(log_y, dy, 0.7), log, logits, dy)
    given = lambda x: gumbel.relaxed(x, dy, 0.7)  # noqa: E731
    check(vjp.relaxed_vjp(given(logits), dy, 0.7), given, logits, dy)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0, 2.5])
def test_products_of_entmax(arrays, alpha):
    logits, dy, _ = arrays
    function = lambda x: gumbel.entmax(x, alpha, 2.0)  # noqa: E731
    check(vjp.entmax_vjp(function(logits), dy, alpha, 2.0), function, logits, dy)
    if alpha == 2.0:
        np.testing.assert_array_equal(
            vjp.sparsemax_vjp(function(logits), dy, 2.0), vjp.entmax_vjp(function(logits), dy, 2.0, 2.0)
        )
    if alpha > 1:
        of_alpha = (gumbel.entmax(logits, alpha + 1e-6, 2.0) - gumbel.entmax(logits, alpha - 1e-6, 2.0)) / 2e-6
        np.testing.assert_allclose(vjp.entmax_alpha_derivative(function(logits), alpha), of_alpha, atol=1e-6)


def test_products_of_densities(arrays):
    logits, y, d = arrays
    y = np.where(logits > -np.inf, y, -np.inf)
    x = gumbel.softmax(y)
    step = 1e-6
    cases = [
        (vjp.exp_concrete_log_prob_vjp, gumbel.exp_concrete_log_prob, y),
        (vjp.concrete_log_prob_vjp, gumbel.concrete_log_prob, x),
    ]
    for product, density, point in cases:
        d_logits, d_point, d_tau = product(logits, point, d, 0.7)
        check(d_logits, lambda logits: density(point, logits, 0.7), logits, d)
        inner = np.where(point > 0, point, 1.0) if density is gumbel.concrete_log_prob else point
        check(np.where(inner == point, d_point, 0.0), lambda p: density(np.where(inner == point, p, point), logits, 0.7), inner, d)
        check_tau = (density(point, logits, 0.7 + step) - density(point, logits, 0.7 - step)) / (2 * step)
        np.testing.assert_allclose(d_tau, d * check_tau, atol=1e-6)


def test_products_of_binary_densities():
    random = np.random.default_rng(1)
    log_odds, y, d = random.normal(size=(3, 4, 2))
    x = random.uniform(0.1, 0.9, (4, 2))
    step = 1e-6
    cases = [
        (vjp.binary_concrete_log_prob_vjp, gumbel.binary_concrete_log_prob, y),
        (vjp.relaxed_bernoulli_log_prob_vjp, gumbel.relaxed_bernoulli_log_prob, x),
    ]
    for product, density, point in cases:
        d_log_odds, d_point, d_tau = product(log_odds, point, d, 0.7)
        check(d_log_odds, lambda l: density(point, l, 0.7), log_odds, d)
        check(d_point, lambda p: density(p, log_odds, 0.7), point, d)
        check_tau = (density(point, log_odds, 0.7 + step) - density(point, log_odds, 0.7 - step)) / (2 * step)
        np.testing.assert_allclose(d_tau, d * check_tau, atol=1e-6)


def test_products_of_sinkhorn():
    random = np.random.default_rng(2)
    logits, d = random.normal(size=(2, 2, 3, 3))
    logits[1, 0, 2] = -np.inf
    options = {"iterations": 6}
    log = lambda x: np.where(logits > -np.inf, gumbel.log_sinkhorn(x, 0.7, **options), 0.0)  # noqa: E731
    check(vjp.log_sinkhorn_vjp(logits, d, 0.7, **options), log, logits, d)
    check(vjp.sinkhorn_vjp(logits, d, 0.7, **options), lambda x: gumbel.sinkhorn(x, 0.7, **options), logits, d)


def test_products_of_subsets(arrays):
    logits, dy, d = arrays
    for k in (1, 2, 4):
        check(vjp.subset_log_partition_vjp(logits, d, k), lambda x, k=k: gumbel.subset_log_partition(x, k), logits, d)
        check(vjp.subset_marginals_vjp(logits, dy, k), lambda x, k=k: gumbel.subset_marginals(x, k), logits, dy)
        soft = lambda x, k=k: gumbel.relaxed_top_k(x, k, 0.7, noise=Noise(3))  # noqa: E731
        check(vjp.relaxed_top_k_vjp(logits, dy, k, 0.7, noise=Noise(3)), soft, logits, dy)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_keep_the_type_and_every_axis(dtype):
    y, dy = gumbel.softmax(logits_of((3, 4, 5), dtype)), logits_of((3, 4, 5), dtype, masked=0)
    cases = [
        vjp.softmax_vjp,
        lambda *a, **b: vjp.gumbel_softmax_vjp(*a, 0.5, **b),
        vjp.entmax_vjp,
        vjp.sparsemax_vjp,
        lambda y, dy, **b: vjp.entmax_alpha_derivative(y, **b),
    ]
    for product in cases:
        expected = product(y, dy)
        assert expected.dtype == dtype and expected.shape == y.shape
        for axis in (0, 1, -2):
            moved = product(np.moveaxis(y, -1, axis), np.moveaxis(dy, -1, axis), axis=axis)
            assert moved.flags.c_contiguous
            np.testing.assert_array_equal(np.moveaxis(moved, axis, -1), expected)
    d = dy[..., 0]
    moved = vjp.log_sum_exp_vjp(np.moveaxis(dy, -1, 0), d, axis=0)
    np.testing.assert_array_equal(np.moveaxis(moved, 0, -1), vjp.log_sum_exp_vjp(dy, d))


def test_cotangents_have_no_effect_at_masks():
    for bad in (np.nan, np.inf, -np.inf):
        np.testing.assert_array_equal(vjp.softmax_vjp([0.5, 0.5, 0.0], [1.0, 0.0, bad]), [0.25, -0.25, 0.0])
        log_y = np.array([np.log(0.5), np.log(0.5), -np.inf])
        np.testing.assert_array_equal(vjp.log_softmax_vjp(log_y, [1.0, 0.0, bad]), [0.5, -0.5, 0.0])
        logits = np.array([0.0, 0.0, -np.inf])
        np.testing.assert_array_equal(vjp.subset_marginals_vjp(logits, [1.0, 0.0, bad], 1), [0.25, -0.25, 0.0])
        soft = vjp.relaxed_top_k_vjp(logits, [1.0, 0.0, bad], 1, 0.5, noise=Noise(1))
        np.testing.assert_array_equal(soft, vjp.relaxed_top_k_vjp(logits, [1.0, 0.0, 0.0], 1, 0.5, noise=Noise(1)))
        assert soft[0] > 0 and soft[2] == 0
        square = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
        for product in (vjp.log_sinkhorn_vjp, vjp.sinkhorn_vjp):
            assert np.isfinite(product(square, [[1.0, bad], [bad, 0.0]])).all()
