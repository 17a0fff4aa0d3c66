"""Log-densities of relaxed samples."""

import math

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy
gj = pytest.importorskip("gumbel.jax")
check_grads = pytest.importorskip("jax.test_util").check_grads
special = pytest.importorskip("scipy.special")

KEY = jax.random.key(31)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def exp_concrete(y, logits, tau):
    """One row in double precision."""
    y, logits = (np.asarray(x, np.float64) for x in (y, logits))
    live = logits > -np.inf
    if (live != (y > -np.inf)).any():
        return -np.inf
    n, a = live.sum(), (logits - tau * y)[live] if live.all() else logits[live] - tau * y[live]
    return special.gammaln(n) + (n - 1) * np.log(tau) + (a - special.logsumexp(a)).sum()


def binary_concrete(y, log_odds, tau):
    a = np.asarray(log_odds, np.float64) - tau * np.asarray(y, np.float64)
    return np.log(tau) + a - 2 * np.logaddexp(0, a)


@pytest.mark.parametrize("tau", [0.01, 0.5, 3.0])
def test_exp_concrete_against_the_formula(tau):
    logits = np.random.default_rng(0).normal(size=(20, 7)).astype(np.float32) * 3
    logits[5:, 2], logits[10:, 4:] = -np.inf, -np.inf
    y = gj.log_gumbel_softmax(KEY, logits, tau)
    ours = gj.exp_concrete_log_prob(y, logits, tau)
    expected = [exp_concrete(*row, np.float32(tau)) for row in zip(y, logits, strict=True)]
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("tau", [0.01, 0.5, 3.0])
def test_binary_concrete_against_the_formula(tau):
    y = np.linspace(-300, 300, 61, dtype=np.float32) / np.float32(tau)
    for log_odds in (-100.0, 0.0, 2.5, 100.0):
        expected = binary_concrete(y, np.float32(log_odds), np.float32(tau))
        np.testing.assert_allclose(gj.binary_concrete_log_prob(y, log_odds, tau), expected, rtol=1e-5, atol=2e-5)
    assert gj.binary_concrete_log_prob(0.0, 100.0, 1.0) == -100


def test_densities_integrate_to_one(x64):
    y = np.linspace(-80, 80, 16_001)
    binary = jnp.exp(gj.binary_concrete_log_prob(y, 0.7, 0.6)).sum() * 0.01
    # Of two categories the density is one of the difference, y[0] - y[1].
    pairs = jnp.stack([y, jnp.zeros_like(y)], -1)
    categories = jnp.exp(gj.exp_concrete_log_prob(pairs, jnp.array([0.7, 0.0]), 0.6)).sum() * 0.01
    np.testing.assert_allclose([binary, categories], 1, atol=1e-9)


def test_only_differences_of_the_sample_matter():
    y, logits = jnp.array([0.5, -1.0, -3.0]), jnp.array([1.0, 0.0, -1.0])
    ours = gj.exp_concrete_log_prob(y, logits, 0.5)
    np.testing.assert_allclose(gj.exp_concrete_log_prob(y + 2.0, logits - 3.0, 0.5), ours, rtol=1e-5)


def test_shapes():
    for y, logits, tau, shape in [
        ((3,), (3,), (), ()),
        ((5, 3), (3,), (), (5,)),
        ((5, 1, 3), (4, 3), (), (5, 4)),
        ((4, 3), (4, 3), (4, 1), (4,)),
        ((5, 4, 3), (4, 3), (4, 1), (5, 4)),
        ((3,), (3,), (2, 1), (2,)),
        ((0, 3), (3,), (), (0,)),
    ]:
        taus = jnp.full(tau, 0.5)
        assert gj.exp_concrete_log_prob(jnp.zeros(y), jnp.zeros(logits), taus).shape == shape
    assert gj.binary_concrete_log_prob(jnp.zeros((5, 1)), jnp.zeros(3), jnp.full((5, 1), 0.5)).shape == (5, 3)


def test_shapes_that_do_not_fit():
    wrong = [((3,), (4,), ()), ((2, 3), (4, 3), ()), ((3,), (3,), (3,)), ((3,), (3,), (2, 2)), ((0,), (0,), ())]
    for y, logits, tau in wrong:
        with pytest.raises(ValueError):
            gj.exp_concrete_log_prob(jnp.zeros(y), jnp.zeros(logits), jnp.ones(tau))
    with pytest.raises(ValueError):
        gj.binary_concrete_log_prob(jnp.zeros(2), jnp.zeros(3), 1.0)
    with pytest.raises(np.exceptions.AxisError):
        gj.exp_concrete_log_prob(1.0, 1.0, 1.0)


def test_a_batch_of_temperatures():
    """Row by row, and not each with each."""
    logits, taus = jnp.asarray(np.random.default_rng(1).normal(size=(4, 3)), jnp.float32), jnp.array([0.1, 0.5, 1.0, 2.0])
    y = jax.vmap(gj.log_gumbel_softmax, (None, 0, 0))(KEY, logits, taus)
    ours = gj.exp_concrete_log_prob(y, logits, taus[:, None])
    np.testing.assert_allclose(ours, jax.vmap(gj.exp_concrete_log_prob)(y, logits, taus), rtol=1e-6)
    alone = [gj.exp_concrete_log_prob(*row) for row in zip(y, logits, taus, strict=True)]
    np.testing.assert_allclose(ours, alone, rtol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_derivatives_of_exp_concrete(masked, x64):
    random = np.random.default_rng(2)
    logits, y = (jnp.asarray(random.normal(size=(2, 4))) for _ in range(2))
    if masked:
        logits, y = logits.at[:, 1].set(-jnp.inf), y.at[:, 1].set(-jnp.inf)
        live = jnp.array([0, 2, 3])
        whole = lambda part, full: full.at[:, live].set(part)
        density = lambda part, others, tau: gj.exp_concrete_log_prob(whole(part, y), whole(others, logits), tau)
        check_grads(density, (y[:, live], logits[:, live], jnp.float64(0.7)), order=2)
    else:
        check_grads(gj.exp_concrete_log_prob, (y, logits, jnp.float64(0.7)), order=2)


def test_derivatives_of_binary_concrete(x64):
    y, log_odds = jnp.array([-3.0, 0.0, 0.5]), jnp.array([0.3, 0.0, 2.0])
    check_grads(gj.binary_concrete_log_prob, (y, log_odds, jnp.float64(0.7)), order=2)
    # At the mode, where a formula by the absolute value has the wrong curvature.
    np.testing.assert_allclose(jax.grad(jax.grad(gj.binary_concrete_log_prob))(0.0, 0.0, 1.0), -0.5)


def test_gradients_at_masks_and_outside_of_the_support():
    logits, y = jnp.array([[0.0, -jnp.inf, 1.0]] * 5), jnp.array([[-1.0, -jnp.inf, -0.5]] * 5)
    y = y.at[1, 0].set(-jnp.inf).at[2, 1].set(0.0).at[3, 0].set(-3.4e38).at[4].set(jnp.array([-jnp.inf, 0.0, -jnp.inf]))
    inside = jnp.isfinite(gj.exp_concrete_log_prob(y, logits, 0.5))
    np.testing.assert_array_equal(inside, [True, False, False, True, False])
    density = lambda *arguments: gj.exp_concrete_log_prob(*arguments).sum()
    within = lambda *arguments: jnp.where(inside, gj.exp_concrete_log_prob(*arguments), 0).sum()
    for argument in (0, 1, 2):
        gradient = jax.jit(jax.grad(density, argument))(y, logits, 0.5)
        assert np.isfinite(gradient).all()
        np.testing.assert_array_equal(gradient, jax.jit(jax.grad(within, argument))(y, logits, 0.5))
        if argument < 2:
            assert (gradient[:, 1] == 0).all() and (gradient[~inside] == 0).all() and (gradient[0] != 0).any()


def test_far_points_of_binary_concrete():
    y = jnp.array([jnp.inf, -jnp.inf, 3e38, -3e38])
    assert np.isneginf(gj.binary_concrete_log_prob(y, 1.0, 2.0)).all()
    gradients = jax.vmap(jax.grad(gj.binary_concrete_log_prob, (0, 1, 2)), (0, None, None))(y, 1.0, 2.0)
    assert not any(np.isnan(gradient).any() for gradient in gradients)


def test_one_category():
    assert gj.exp_concrete_log_prob(jnp.array([0.3]), jnp.array([5.0]), 0.01) == 0
    assert gj.exp_concrete_log_prob(jnp.array([0.3, -jnp.inf]), jnp.array([5.0, -jnp.inf]), 0.01) == 0


def test_density_of_own_samples_at_small_temperatures():
    """Where others saturate and return NaN."""
    logits = jnp.asarray(np.random.default_rng(3).normal(size=(50, 6)), jnp.float32)
    for tau in (1e-3, 1e-6, 1e-30):
        y = gj.log_gumbel_softmax(KEY, logits, tau)
        assert np.isfinite(y).all() and np.isfinite(gj.exp_concrete_log_prob(y, logits, tau)).all()


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision(dtype):
    logits, y = jnp.array([1.0, 2.0, 3.0], dtype), jnp.array([-1.0, -0.5, -2.0], dtype)
    wide = gj.exp_concrete_log_prob(y.astype(jnp.float32), logits.astype(jnp.float32), 0.3)
    half = gj.exp_concrete_log_prob(y, logits, 0.3)
    assert half.dtype == dtype and half == wide.astype(dtype)
    assert gj.exp_concrete_log_prob(y, logits.astype(jnp.float32), 0.3).dtype == jnp.float32
    assert jax.grad(lambda y: gj.binary_concrete_log_prob(y, 0.5, 0.3).astype(jnp.float32).sum())(y).dtype == dtype


FAULTS = {
    "logit": ([0.0, 0.0], [0.0, np.nan], 1.0, "the logit at row 0, column 1 is NaN"),
    "infinite logit": ([0.0, 0.0], [np.inf, 0.0], 1.0, "the logit at row 0, column 0 is inf"),
    "all masked": ([0.0, 0.0], [-np.inf, -np.inf], 1.0, "every logit of row 0 is -inf"),
    "sample": ([np.nan, 0.0], [0.0, 0.0], 1.0, "the sample at row 0, column 0 is NaN"),
    "infinite sample": ([np.inf, 0.0], [0.0, 0.0], 1.0, "the sample at row 0, column 0 is inf"),
    "no mass": ([-np.inf, -np.inf], [0.0, 0.0], 1.0, "the sample of row 0 is zero in every category"),
    "tau": ([0.0, 0.0], [0.0, 0.0], 0.0, "temperature must be positive and finite, got 0"),
    "small tau": ([0.0, 0.0], [0.0, 0.0], 1e-60, "temperature must be positive and finite, got (1e-60|0)"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("gradient", [None, 0, 1, 2])
def test_faults(fault, gradient):
    """Also where only a gradient is computed, which does not need the density."""
    y, logits, tau, message = FAULTS[fault]
    density = gj.exp_concrete_log_prob if gradient is None else jax.grad(gj.exp_concrete_log_prob, gradient)
    with pytest.raises(jax.errors.JaxRuntimeError, match=message):
        jax.block_until_ready(density(jnp.array(y), jnp.array(logits), tau))


@pytest.mark.parametrize("gradient", [None, 0])
def test_faults_of_binary_concrete(gradient):
    density = gj.binary_concrete_log_prob if gradient is None else jax.grad(gj.binary_concrete_log_prob, gradient)
    for arguments, message in [
        ((jnp.nan, 0.0, 1.0), "the sample at row 0, column 0 is NaN"),
        ((0.0, jnp.inf, 1.0), "the log-odds at index 0 are inf"),
        ((0.0, 0.0, -1.0), "temperature must be positive and finite, got -1"),
    ]:
        with pytest.raises(jax.errors.JaxRuntimeError, match=message):
            jax.block_until_ready(density(*arguments))


def test_training_a_density_needs_no_noise():
    """The score of the log-density has mean 0: its z-score over 20 000 samples, for a false alarm in 10 000 keys."""
    logits = jnp.array([0.5, -0.5, 1.0])
    y = gj.log_gumbel_softmax(KEY, jnp.broadcast_to(logits, (20_000, 3)), 0.7)
    scores = jax.jit(jax.vmap(jax.grad(gj.exp_concrete_log_prob, 1), (0, None, None)))(y, logits, 0.7)
    z = scores.mean(0) / (scores.std(0) / math.sqrt(20_000))
    assert (abs(z) < 4.1).all() and scores.std() > 0.1
