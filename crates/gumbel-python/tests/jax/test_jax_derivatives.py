"""Derivatives in the logits and the temperature: forward, reverse, second order, and what masks do to them."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy
gj = pytest.importorskip("gumbel.jax")
check_grads = pytest.importorskip("jax.test_util").check_grads

KEY = jax.random.key(4)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def logits_of(shape, dtype=np.float64, masked=False):
    logits = np.random.default_rng(1).normal(size=shape)
    if masked:
        logits[..., 1] = -np.inf
    return jnp.asarray(logits, dtype)


def reference(logits, tau):
    """The relaxed sample as JAX would differentiate it, with noise found from a sample at temperature 1."""
    noise = jax.lax.stop_gradient(gj.log_gumbel_softmax(KEY, logits, 1.0) - logits)
    return jax.nn.softmax((logits + noise) / tau)


@pytest.mark.parametrize("function", ["gumbel_softmax", "log_gumbel_softmax"])
@pytest.mark.parametrize("tau", [0.3, 1.0, 4.0])
def test_against_differences(function, tau, x64):
    sample = getattr(gj, function)
    check_grads(lambda logits, tau: sample(KEY, logits, tau), (logits_of((3, 5)), jnp.float64(tau)), order=2)


def test_against_automatic_differentiation(x64):
    logits, tau = logits_of((4, 6)), jnp.float64(0.6)
    for log in (False, True):
        ours = (lambda *args: gj.log_gumbel_softmax(KEY, *args)) if log else (lambda *args: gj.gumbel_softmax(KEY, *args))
        theirs = (lambda *args: jnp.log(reference(*args))) if log else reference
        for transform in (jax.jacfwd, jax.jacrev, jax.hessian):
            pairs = zip(
                jax.tree.leaves(jax.jit(transform(ours, (0, 1)))(logits, tau)),
                jax.tree.leaves(jax.jit(transform(theirs, (0, 1)))(logits, tau)),
                strict=True,
            )
            for our, their in pairs:
                np.testing.assert_allclose(our, their, rtol=1e-8, atol=1e-10)


def test_forward_and_reverse_agree(x64):
    logits, tau = logits_of((7,), masked=True), jnp.float64(0.5)
    sample = lambda *args: gj.gumbel_softmax(KEY, *args)
    for argument in (0, 1):
        forward, reverse = (
            jax.jit(transform(sample, argument))(logits, tau) for transform in (jax.jacfwd, jax.jacrev)
        )
        np.testing.assert_allclose(forward, reverse, rtol=1e-12)
    loss = lambda logits: (sample(logits, tau) ** 2).sum()
    hessian = jax.jit(jax.hessian(loss))(logits)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-13)
    np.testing.assert_allclose(hessian, jax.jit(jax.jacrev(jax.jacrev(loss)))(logits), atol=1e-13)
    np.testing.assert_allclose(hessian, jax.jit(jax.jacfwd(jax.jacfwd(loss)))(logits), atol=1e-13)
    assert (hessian[1] == 0).all() and (hessian[:, 1] == 0).all() and abs(hessian).max() > 0.1


def test_third_derivative(x64):
    logits = logits_of((3,))
    third = lambda sample: jax.jit(jax.grad(jax.grad(jax.grad(lambda tau: sample(logits, tau)[0]))))(0.7)
    np.testing.assert_allclose(third(lambda *args: gj.gumbel_softmax(KEY, *args)), third(reference))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_types_of_gradients(dtype):
    logits = logits_of((3, 5), dtype)
    weights = jnp.arange(5.0)
    for tau in (jnp.float32(0.5), jnp.bfloat16(0.5)):
        loss = lambda logits, tau: (gj.gumbel_softmax(KEY, logits, tau) * weights).sum()
        d_logits, d_tau = jax.jit(jax.grad(loss, (0, 1)))(logits, tau)
        assert d_logits.dtype == dtype and d_tau.dtype == tau.dtype
        wide = jax.jit(jax.grad(loss, (0, 1)))(logits.astype(jnp.float32), jnp.float32(0.5))
        tolerance = 0.02 if dtype != jnp.float32 else 1e-6
        np.testing.assert_allclose(d_logits.astype(jnp.float32), wide[0], atol=tolerance * 3)
        np.testing.assert_allclose(float(d_tau), wide[1], rtol=0.05)


def test_hard_has_the_gradient_of_the_soft_sample():
    logits, weights = logits_of((6, 4), jnp.float32), jnp.arange(4.0) ** 2
    loss = lambda hard: lambda logits, tau: (gj.gumbel_softmax(KEY, logits, tau, hard=hard) * weights).sum()
    (hard, soft) = (jax.jit(jax.value_and_grad(loss(hard), (0, 1)))(logits, 0.7) for hard in (True, False))
    assert hard[0] != soft[0]
    for ours, theirs in zip(jax.tree.leaves(hard[1]), jax.tree.leaves(soft[1]), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    second = [jax.jit(jax.hessian(loss(hard)))(logits[0], 0.7) for hard in (True, False)]
    np.testing.assert_array_equal(*second)
    assert abs(second[0]).max() > 0.01


def test_gradient_in_every_axis():
    logits, weights = logits_of((3, 4, 5), jnp.float32), jnp.asarray(np.random.default_rng(2).normal(size=(3, 4, 5)))
    for axis in (0, 1, -1):
        loss = lambda logits: (gj.gumbel_softmax(KEY, logits, 0.5, axis=axis) * weights).sum()
        y, gradient = gj.gumbel_softmax(KEY, logits, 0.5, axis=axis), jax.jit(jax.grad(loss))(logits)
        expected = y * (weights - (y * weights).sum(axis, keepdims=True)) / 0.5
        np.testing.assert_allclose(gradient, expected, atol=2e-6)


LOSSES = {
    "linear": lambda y, log_y, logits: (y * jnp.arange(5.0)).sum(),
    "entropy": lambda y, log_y, logits: jax.scipy.special.xlogy(y, y).sum(),
    "norm": lambda y, log_y, logits: jnp.sqrt((y**2).sum(-1)).sum(),
    "logarithm": lambda y, log_y, logits: jnp.where(y > 0, jnp.log(y), 0).sum(),
    "root": lambda y, log_y, logits: jnp.sqrt(y).sum(),
    "reciprocal": lambda y, log_y, logits: jnp.where(y > 0, 1 / y, 0).sum(),
    "log of sample": lambda y, log_y, logits: jnp.where(jnp.isneginf(log_y), 0, log_y).sum(),
    "exp of log": lambda y, log_y, logits: (jnp.exp(log_y) * jnp.arange(5.0)).sum(),
    "density": lambda y, log_y, logits: gj.exp_concrete_log_prob(log_y, logits, 0.5).sum(),
    "density of another": lambda y, log_y, logits: gj.exp_concrete_log_prob(
        log_y, jnp.where(jnp.isneginf(logits), logits, 0.0), 0.3
    ).sum(),
}


# Losses with an infinite slope at 0, where a hard sample is.
STEEP = ("entropy", "logarithm", "root", "reciprocal")


@pytest.mark.parametrize(("loss", "hard"), [(loss, hard) for loss in LOSSES for hard in (False, True)])
def test_masks_have_no_gradient(loss, hard):
    """Exactly 0, and the others' finite, even where the loss sends an infinite or undefined cotangent."""
    mask = jnp.asarray([[True, False, True, True, False]] * 3)
    parameters = logits_of((3, 5), jnp.float32)

    def total(parameters, logits, tau):
        logits = jnp.where(mask, parameters, logits)
        y, log_y = gj.gumbel_softmax(KEY, logits, tau, hard=hard), gj.log_gumbel_softmax(KEY, logits, tau)
        return LOSSES[loss](y, log_y, logits)

    gradients = jax.jit(jax.grad(total, (0, 1, 2)))(parameters, jnp.full((3, 5), -jnp.inf), jnp.float32(0.5))
    assert (gradients[0][:, 1] == 0).all() and (gradients[0][:, 4] == 0).all() and (gradients[1] == 0).all()
    assert (gradients[0][:, 0] != 0).any()
    if not (hard and loss in STEEP):
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("bad", [jnp.inf, jnp.nan])
def test_what_happens_at_a_mask_stays_there(bad):
    logits = jnp.array([0.0, -jnp.inf, 1.0])
    for sample in (gj.gumbel_softmax, gj.log_gumbel_softmax):
        y, pull = jax.vjp(lambda logits, tau: sample(KEY, logits, tau), logits, jnp.float32(0.5))
        clean, dirty = (pull(jnp.array([1.0, at_mask, 2.0])) for at_mask in (0.0, bad))
        np.testing.assert_array_equal(clean[0], dirty[0])
        assert clean[1] == dirty[1] and clean[0][1] == 0
        push = lambda at_mask: jax.jvp(
            lambda logits: sample(KEY, logits, 0.5), (logits,), (jnp.array([1.0, at_mask, 2.0]),)
        )[1]
        np.testing.assert_array_equal(push(0.0), push(bad))
        assert push(bad)[1] == 0


def test_temperatures_far_apart():
    """Finite from far below where the sample saturates to far above where it is uniform."""
    logits = logits_of((4, 6), jnp.float32)
    for tau in (1e-6, 1e-3, 1e3, 1e6):
        loss = lambda logits, tau: (gj.gumbel_softmax(KEY, logits, tau) * jnp.arange(6.0)).sum()
        for gradient in jax.grad(loss, (0, 1))(logits, tau):
            assert np.isfinite(gradient).all()


def test_samples_have_no_gradient():
    loss = lambda logits: gj.categorical(KEY, logits).astype(jnp.float32) + logits.sum()
    np.testing.assert_array_equal(jax.grad(loss)(jnp.zeros(4)), jnp.ones(4))
    loss = lambda logits: gj.top_k(KEY, logits, 2).astype(jnp.float32).sum() + logits.sum()
    np.testing.assert_array_equal(jax.jvp(loss, (jnp.zeros(4),), (jnp.ones(4),))[1], 4.0)
