"""Random calls over functions, shapes, types, layouts, masks, temperatures, axes and faults.

Each call must raise a typed error for a fault that its arguments have, or agree with the formula in double precision. The
numbers of a call depend on its number alone, which a failure names. A million of them, in a few minutes:

    GUMBEL_RANDOM_CALLS=1000000 python -m pytest tests/test_random_calls.py
"""

import os

import numpy as np
import numpy_reference as reference
import pytest
from scipy.optimize import linear_sum_assignment

import gumbel
from gumbel import Noise, vjp

COUNT = int(os.environ.get("GUMBEL_RANDOM_CALLS", 50_000))
DTYPES = [np.float16, np.float32, np.float64]
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 10, 16, 17, 33, 100]
TAUS = [1e-30, 1e-3, 0.1, 0.5, 1.0, 3.0, 1e3]
BAD_TAUS = [0.0, -1.0, np.nan, np.inf, 1e-60, 1e60]
ALPHAS = [1.0, 1.25, 1.5, 2.0, 2.5]
BAD_ALPHAS = [0.5, np.nan, np.inf, -1.0]


class Case:
    """The arguments of one call, and the kinds of their faults."""

    def __init__(self, number):
        self.random = np.random.default_rng(number)
        self.dtype = self.one_of(DTYPES)
        self.real = np.float64 if self.dtype == np.float64 else np.float32
        self.eps = float(np.finfo(self.real).eps)
        self.faults = set()

    def one_of(self, options):
        return options[self.random.integers(len(options))]

    def chance(self, p):
        return self.random.random() < p

    def shape(self, most=3, lengths=LENGTHS):
        batch = [int(self.one_of([0, 1, 1, 2, 3, 5])) for _ in range(self.random.integers(0, most))]
        return (*batch, self.one_of(lengths))

    def tau(self, taus=TAUS, real=None):
        real = real or self.real
        if self.chance(0.95):
            return self.one_of(taus)
        tau = self.one_of(BAD_TAUS)
        with np.errstate(over="ignore", under="ignore"):
            if not 0 < real(tau) < np.inf:
                self.faults.add("temperature")
        return tau

    def rounded(self, value):
        with np.errstate(over="ignore", under="ignore"):
            return float(self.real(value))

    def logits(self, shape, fault=True, spreads=(0.1, 1.0, 5.0, 50.0, 1e4), commons=(0.0, 0.0, 1.0, -30.0, 1e4, -1e30)):
        """Rows on the last axis, some with masks, some with faults."""
        random, most = self.random, 0.4 * float(np.finfo(self.dtype).max)
        common, spread = self.one_of(commons), self.one_of(spreads)
        logits = np.clip(common + spread * random.uniform(-1, 1, shape), -most, most)
        mask = random.random(shape) < self.one_of([0.0, 0.0, 0.3, 0.9])
        if mask.size:
            np.put_along_axis(mask, random.integers(0, shape[-1], (*shape[:-1], 1)), False, -1)
        logits = np.where(mask, -np.inf, logits).astype(self.dtype)
        if fault and logits.size and self.chance(0.1):
            place = tuple(random.integers(0, length) for length in shape)
            if self.chance(0.3):
                logits[place[:-1]] = -np.inf
                self.faults.add("all_masked")
            else:
                logits[place] = self.one_of([np.nan, np.inf])
                self.faults.add("logit")
        return logits

    def values(self, shape, scale=1.0):
        return (scale * self.random.normal(size=shape)).astype(self.dtype)

    def axis(self, array):
        """The array with its rows on another axis, and that axis from either end."""
        axis = int(self.random.integers(array.ndim))
        moved = np.ascontiguousarray(np.moveaxis(array, -1, axis))
        return moved, axis - array.ndim if self.chance(0.5) else axis

    def layout(self, array):
        """The same numbers, laid out otherwise."""
        kind = self.random.integers(8)
        if kind == 0:
            return np.asfortranarray(array)
        if kind == 1 and array.ndim:
            return np.repeat(array, 2, -1)[..., ::2]
        if kind == 2:
            return array.astype(array.dtype.newbyteorder(">"))
        if kind == 3 and array.ndim:
            return np.ascontiguousarray(array[::-1])[::-1]
        if kind == 4:
            return np.frombuffer(b"\0" + array.tobytes(), np.uint8)[1:].view(array.dtype).reshape(array.shape)
        if kind == 5 and self.dtype == np.float64 and array.size:
            return array.tolist()
        return array

    def narrowed(self, array):
        """An array with fewer or shorter axes before the last, to be broadcast."""
        keep = int(self.random.integers(array.ndim))
        array = array[(0,) * keep] if array.size else array
        for axis in range(array.ndim - 1):
            if array.size and self.chance(0.3):
                array = array[(slice(None),) * axis + (slice(0, 1),)]
        return array

    def check(self, found, expected, tolerance, dtype=None):
        """Compares, with room for the rounding of a result in half precision."""
        assert found.dtype == (dtype or self.dtype) and found.flags.c_contiguous and found.shape == expected.shape
        assert not np.isnan(found).any()
        found = found.astype(np.float64)
        if self.dtype == np.float16:
            tolerance = tolerance + np.abs(np.where(np.isfinite(expected), expected, 0.0)) * 2.0**-11 + 2.0**-24
        least = float(np.finfo(self.dtype).min)
        with np.errstate(invalid="ignore"):
            same = (found == expected) | (np.abs(found - expected) <= tolerance)
            beyond = (np.abs(expected) >= -least * (1 - 1e-3)) & (np.sign(expected) == np.sign(found)) & (np.abs(found) >= -least)
        assert (same | (beyond & np.isfinite(expected))).all(), f"{found} is not {expected} by {tolerance}"


def log_error(case, logits, log_p, tau, noise=0.0):
    """The error of log-probabilities: the rounding of gaps, of noise and of functions."""
    gap = np.where(logits > -np.inf, reference.gaps(logits), 0.0)
    with np.errstate(over="ignore"):
        each = case.eps * (8 + 2 * (np.abs(gap) + np.abs(noise)) / tau + 2 * np.where(log_p > -np.inf, np.abs(log_p), 0.0))
    p = np.exp(log_p)
    return each + np.where(p > 0, p * each, 0.0).sum(-1, keepdims=True)


def softmaxes(case):
    logits = case.logits(case.shape())
    given, axis = case.axis(logits)
    name = case.one_of(["softmax", "log_softmax", "log_sum_exp"])
    found = getattr(gumbel, name)(case.layout(given), axis=axis)
    log_p = reference.log_softmax(logits)
    error = log_error(case, logits, log_p, 1.0)
    if name == "log_sum_exp":
        expected = reference.log_sum_exp(logits)
        return case.check(found, expected, 4 * case.eps * (np.abs(expected) + np.abs(double_max(logits)) + 4))
    back = np.moveaxis(found, axis, -1)
    if name == "softmax":
        return case.check(np.ascontiguousarray(back), np.exp(log_p), np.exp(log_p) * error + case.eps)
    assert ((back == -np.inf) == (logits == -np.inf)).all()
    return case.check(np.ascontiguousarray(back), log_p, error)


def double_max(logits):
    return reference.double(logits).max(-1)


def relaxed_samples(case):
    logits, tau, seed = case.logits(case.shape()), case.tau(), int(case.random.integers(2**62))
    given, axis = case.axis(logits)
    name = case.one_of(["gumbel_softmax", "log_gumbel_softmax"])
    given, noise, options = case.layout(given), Noise(seed), {}
    if case.chance(0.2):
        given = np.asarray(given, case.dtype)
        options["out"] = np.zeros(given.shape, case.dtype)
    try:
        found = getattr(gumbel, name)(given, tau, noise=noise, axis=axis, **options)
    finally:
        assert noise.parts == (seed, 0, logits.size)
    assert not options or found is options["out"]
    drawn = Noise(seed).gumbel(logits.shape, case.real)
    tau = case.rounded(tau)
    log_y = reference.log_relaxed(logits, drawn, tau)
    error = log_error(case, logits, log_y, tau, drawn)
    back = np.ascontiguousarray(np.moveaxis(found, axis, -1))
    if name == "gumbel_softmax":
        return case.check(back, np.exp(log_y), np.where(log_y > -800, np.exp(log_y) * error, 0.0) + case.eps)
    assert ((back == -np.inf) == (logits == -np.inf)).all()
    return case.check(back, log_y, error)


def exact_samples(case):
    logits, seed = case.logits(case.shape()), int(case.random.integers(2**62))
    given, axis = case.axis(logits)
    k = int(case.one_of([0, 1, 1, 2, 5]))
    available = (logits > -np.inf).sum(-1).min(initial=5)
    name = case.one_of(["gumbel_max", "one_hot", "top_k"])
    if name == "top_k" and k > available and logits.size:
        case.faults.add("too_few")
    arguments = (k,) if name == "top_k" else ()
    found = getattr(gumbel, name)(case.layout(given), *arguments, noise=Noise(seed), axis=axis)
    noise = Noise(seed).gumbel(logits.shape, case.real)
    order = reference.top_k(logits.astype(case.real), noise, max(k, 1))
    if name == "one_hot":
        expected = np.eye(logits.shape[-1])[order[..., 0]]
        return case.check(np.ascontiguousarray(np.moveaxis(found, axis, -1)), expected, 0.0)
    if not logits.size:  # then k may be more than there are categories
        order = np.zeros((*logits.shape[:-1], max(k, 1)), np.int64)
    expected = order[..., 0] if name == "gumbel_max" else np.moveaxis(order[..., :k], -1, axis)
    return case.check(found, expected, 0.0, np.int64)


def given_noise(case):
    shape = case.shape()
    logits, values, tau = case.logits(shape), case.values(shape), case.tau()
    if case.chance(0.05) and values.size:
        values.flat[case.random.integers(values.size)] = case.one_of([np.nan, np.inf])
        case.faults.add("noise")
    logits, values = (case.narrowed(logits), values) if case.chance(0.5) else (logits, case.narrowed(values))
    case.faults -= {"logit"} if not (np.isnan(logits) | (logits == np.inf)).any() else set()
    case.faults -= {"all_masked"} if not (logits == -np.inf).all(-1).any() else set()
    case.faults -= {"noise"} if np.isfinite(values).all() else set()
    if not (np.isnan(np.where(logits == -np.inf, 0, values)) | (np.where(logits == -np.inf, 0, values) == np.inf)).any():
        case.faults -= {"noise"}
    found = gumbel.relaxed(case.layout(logits), case.layout(values), tau)
    values = np.where(np.isfinite(values), values, 0)  # at masks only
    tau = case.rounded(tau)
    log_y = reference.log_relaxed(logits, values, tau)
    error = log_error(case, np.broadcast_to(logits, log_y.shape), log_y, tau, reference.double(values))
    return case.check(found, np.exp(log_y), np.where(log_y > -800, np.exp(log_y) * error, 0.0) + case.eps)


def sparse(case):
    logits, tau = case.logits(case.shape()), case.tau([0.1, 0.5, 1.0, 3.0])
    given, axis = case.axis(logits)
    alpha = case.one_of(ALPHAS)
    if case.chance(0.05):
        alpha = case.one_of(BAD_ALPHAS)
        case.faults.add("alpha")
    found = gumbel.entmax(case.layout(given), alpha, tau, axis=axis)
    expected = reference.entmax(logits, case.rounded(alpha), case.rounded(tau))
    return case.check(np.ascontiguousarray(np.moveaxis(found, axis, -1)), expected, 4 * case.eps + 1e-9)


def categoricals(case):
    shape = case.shape()
    logits = case.logits(shape)
    name = case.one_of(["entropy", "log_prob", "kl"])
    if name == "entropy":
        found, expected = gumbel.categorical_entropy(case.layout(logits)), reference.categorical_entropy(logits)
        return case.check(found, expected, case.eps * 40)
    if name == "log_prob":
        index = case.random.integers(0, shape[-1], shape[:-1])
        if case.chance(0.1) and index.size:
            index.flat[case.random.integers(index.size)] = case.one_of([-1, shape[-1], 2**40])
            case.faults.add("index")
        found = gumbel.categorical_log_prob(case.layout(logits), index)
        log_p = reference.log_softmax(logits)
        error = log_error(case, logits, log_p, 1.0)
        return case.check(found, reference.categorical_log_prob(logits, index), error.max(-1))
    other = case.logits(shape)
    found = gumbel.categorical_kl(case.layout(logits), case.layout(other))
    log_p, log_q = reference.log_softmax(logits), reference.log_softmax(other)
    expected = reference.categorical_kl(logits, other)
    weight = np.exp(log_p)
    with np.errstate(invalid="ignore"):
        size = np.where(weight > 0, weight * (np.abs(log_p) + np.abs(log_q)), 0.0).sum(-1)
    finite = np.where(np.isfinite(size), size, 0.0)
    # A category that p nearly excludes and q masks: infinite, which the formula finds only if p does not round to 0.
    forbidden = ((log_q == -np.inf) & (log_p > -np.inf)).any(-1)
    return case.check(found, np.where(forbidden, np.inf, expected), case.eps * 16 * (1 + finite))


def densities(case):
    shape = case.shape()
    logits, tau = case.logits(shape, spreads=(0.1, 1.0, 5.0, 50.0)), case.tau([0.1, 0.5, 1.0, 3.0])
    y = reference.log_softmax(np.where(logits > -np.inf, case.values(shape), -np.inf)) if not case.faults & {"logit", "all_masked"} else case.values(shape)
    y = y.astype(case.dtype)
    if case.chance(0.05) and y.size:
        y.flat[case.random.integers(y.size)] = case.one_of([np.nan, np.inf])
        case.faults.add("sample")
    simplex = case.chance(0.5)
    tiny = np.finfo(case.dtype).tiny
    with np.errstate(over="ignore"):
        point = np.where(y > -np.inf, np.maximum(np.exp(y), tiny), np.exp(y)).astype(case.dtype) if simplex else y
    function = gumbel.concrete_log_prob if simplex else gumbel.exp_concrete_log_prob
    found = function(case.layout(point), case.layout(logits), tau)
    tau = case.rounded(tau)
    expected = (reference.concrete_log_prob if simplex else reference.exp_concrete_log_prob)(point, logits, tau)
    gap, n = np.where(logits > -np.inf, reference.gaps(logits), 0.0), (logits > -np.inf).sum(-1)
    logs = np.where(y > -np.inf, np.abs(reference.double(y)), 0.0)
    size = (np.abs(gap) + (1 + tau) * logs).sum(-1) + n * (np.abs(gap) + tau * logs).max(-1) + n * 8 + 8
    return case.check(found, expected, case.eps * 4 * (size + np.abs(expected)))


def binary_densities(case):
    shape = case.shape()
    log_odds, tau = case.values(shape, 10.0), case.tau([0.1, 0.5, 1.0, 3.0])
    unit = case.chance(0.5)
    point = case.random.uniform(0.01, 0.99, shape).astype(case.dtype) if unit else case.values(shape, 5.0)
    if case.chance(0.05) and point.size:
        point.flat[case.random.integers(point.size)] = np.nan
        case.faults.add("sample")
    if case.chance(0.05) and point.size:
        log_odds.flat[case.random.integers(point.size)] = case.one_of([np.nan, np.inf, -np.inf])
        case.faults.add("log_odds")
    function = gumbel.relaxed_bernoulli_log_prob if unit else gumbel.binary_concrete_log_prob
    found = function(case.layout(point), case.layout(log_odds), tau)
    tau = case.rounded(tau)
    expected = (reference.relaxed_bernoulli_log_prob if unit else reference.binary_concrete_log_prob)(point, log_odds, tau)
    return case.check(found, expected, case.eps * (16 + 8 * (np.abs(expected) + np.abs(log_odds) + 5 + tau * (np.abs(point) + 5))))


def permutations(case):
    n = int(case.one_of([1, 2, 3, 5]))
    shape = (*case.shape(2)[:-1], n, n)
    logits = case.logits(shape, spreads=(0.1, 1.0, 5.0))
    if case.faults:  # then no pair is spared a mask
        case.faults.add("no_permutation")
    diagonal = np.arange(n)
    if not case.faults:
        logits[..., diagonal, diagonal] = np.where(np.isfinite(logits[..., diagonal, diagonal]), logits[..., diagonal, diagonal], 0.5)
    name = case.one_of(["sinkhorn", "log_sinkhorn", "assignment"])
    if name == "assignment":
        found = gumbel.assignment(case.layout(logits))
        assert found.dtype == np.int64 and found.shape == shape[:-1]
        for matrix, columns in zip(logits.reshape(-1, n, n), found.reshape(-1, n)):
            wide = reference.double(matrix)
            low = wide[np.isfinite(wide)].min() - 1 - 2 * n * np.ptp(wide[np.isfinite(wide)])
            finite = np.where(np.isfinite(wide), wide, low)
            best = finite[linear_sum_assignment(finite, maximize=True)].sum()
            assert abs(finite[diagonal, columns].sum() - best) <= 1e-12 * n * np.abs(finite).max()
        return None
    tau, iterations = case.tau([0.1, 0.5, 1.0, 3.0]), int(case.one_of([0, 1, 2, 10]))
    if iterations == 0:
        case.faults.add("iterations")
    found = getattr(gumbel, name)(case.layout(logits), tau, iterations=iterations)
    tau = case.rounded(tau)
    each = [reference.log_sinkhorn(matrix, tau, iterations) for matrix in logits.reshape(-1, n, n)]
    log = np.array(each).reshape(shape)
    size = np.where(np.isfinite(log), np.abs(log), 0.0)
    if name == "sinkhorn":
        return case.check(found, np.exp(log), 2 * case.eps + 1e-9)
    return case.check(found, log, 2 * case.eps * size + 1e-9)


def subsets(case):
    shape = case.shape(3, [1, 2, 3, 5, 7])
    logits, k, seed = case.logits(shape, spreads=(0.1, 1.0, 5.0)), int(case.one_of([0, 1, 2, 3, 6])), int(case.random.integers(2**62))
    if k == 0:
        case.faults.add("empty_subset")
    if logits.size and k > (logits > -np.inf).sum(-1).min():
        case.faults.add("too_few")
    name = case.one_of(["subset_log_partition", "subset_marginals", "sample_subset", "relaxed_top_k"])
    tau = case.tau([0.1, 0.5, 1.0, 3.0], np.float64) if name == "relaxed_top_k" else 1.0
    arguments = {"sample_subset": {"noise": Noise(seed)}, "relaxed_top_k": {"tau": tau, "noise": Noise(seed)}}.get(name, {})
    found = getattr(gumbel, name)(case.layout(logits), k, **arguments)
    gap, most = reference.gaps(logits), reference.double(logits).max(-1)
    if k > shape[-1]:
        return None  # of an empty batch
    if name == "subset_log_partition":
        expected = reference.subset_log_partition(gap, k) + k * most
        return case.check(found, expected, 4 * case.eps * (np.abs(expected) + k * np.abs(most) + 10))
    if name == "subset_marginals":
        return case.check(found, reference.subset_marginals(gap, k), 2 * case.eps + 1e-9)
    if name == "sample_subset":
        uniform = Noise(seed).uniform(shape, np.float64).reshape(-1, shape[-1])
        rows = [reference.sample_subset(row, k, u) for row, u in zip(gap.reshape(-1, shape[-1]), uniform)]
        return case.check(found, np.array(rows, np.int64).reshape(*shape[:-1], k), 0.0, np.int64)
    noise = Noise(seed).gumbel(shape, case.real)
    return case.check(found, reference.relaxed_top_k(logits.astype(case.real), noise, k, tau), 8 * case.eps + 1e-9)


def products(case):
    shape = case.shape()
    y, dy, tau = gumbel.softmax(case.logits(shape, fault=False)), case.values(shape), case.tau([0.1, 0.5, 1.0, 3.0])
    (given, axis), cotangent = case.axis(y), None
    cotangent = np.moveaxis(dy, -1, axis)
    name = case.one_of(["gumbel_softmax_vjp", "log_gumbel_softmax_vjp"])
    wide, slope = reference.double(y), reference.double(dy)
    if name == "log_gumbel_softmax_vjp":
        with np.errstate(divide="ignore"):
            given = np.log(given)
            wide = np.exp(reference.double(np.moveaxis(given, axis, -1)))
    found = getattr(vjp, name)(case.layout(given), case.layout(cotangent), tau, axis=axis)
    tau = case.rounded(tau)
    if name == "gumbel_softmax_vjp":
        expected = wide * (slope - (wide * slope).sum(-1, keepdims=True)) / tau
    else:
        present = np.moveaxis(np.asarray(given), axis, -1) > -np.inf
        expected = np.where(present, (slope - wide * np.where(present, slope, 0.0).sum(-1, keepdims=True)) / tau, 0.0)
    size = (np.abs(slope).sum(-1, keepdims=True) + np.abs(slope)) / tau
    return case.check(np.ascontiguousarray(np.moveaxis(found, axis, -1)), expected, 16 * case.eps * size)


def mistakes(case):
    """Arguments that no function takes."""
    logits = case.logits(case.shape(), fault=False)
    axis = case.one_of([logits.ndim, -logits.ndim - 1, 1000])
    error, call = case.one_of(
        [
            (TypeError, lambda: gumbel.softmax(np.zeros(logits.shape, case.one_of([int, bool, complex, object, "U1"])))),
            (IndexError, lambda: gumbel.softmax(logits, axis=axis)),
            (IndexError, lambda: gumbel.gumbel_max(logits, noise=Noise(1), axis=axis)),
            (TypeError, lambda: gumbel.gumbel_max(logits, noise=case.one_of([None, 1, "noise", np.random]))),
            (ValueError, lambda: gumbel.relaxed(logits, np.zeros((*logits.shape[:-1], logits.shape[-1] + 1)))),
            (ValueError, lambda: gumbel.categorical_kl(logits, np.zeros((7, *logits.shape[:-1], logits.shape[-1] + 1)))),
            (ValueError, lambda: gumbel.sinkhorn(np.zeros((2, 3)))),
            (ValueError, lambda: vjp.softmax_vjp(logits, np.zeros((*logits.shape, 1)))),
            (ValueError, lambda: gumbel.top_k(logits, -1, noise=Noise(1))),
            (gumbel.Error, lambda: gumbel.softmax(np.zeros((*logits.shape[:-1], 0)))),
        ]
    )
    with pytest.raises(error):
        call()


FAMILIES = [
    softmaxes, relaxed_samples, relaxed_samples, exact_samples, given_noise, sparse, categoricals, densities,
    binary_densities, permutations, subsets, products, mistakes,
]  # fmt: skip


def check_call(number):
    case = Case(number)
    family = case.one_of(FAMILIES)
    try:
        family(case)
    except gumbel.Error as error:
        assert error.kind in case.faults, f"{error.kind} is none of {case.faults}: {error}"
        return
    assert not case.faults or family is mistakes, f"{case.faults} are not noticed"


@pytest.mark.filterwarnings("error::RuntimeWarning:gumbel")
def test_random_calls():
    for number in range(COUNT):
        try:
            check_call(number)
        except Exception as error:
            raise AssertionError(f"call {number}") from error
