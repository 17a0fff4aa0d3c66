"""Log-densities of relaxed samples, with derivatives of any order in all three arguments."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ._call import call, check_axis, check_tau, checked, floats, temperature


def exp_concrete_log_prob(y: ArrayLike, logits: ArrayLike, tau: ArrayLike) -> jax.Array:
    """Log-density of the ExpConcrete distribution, that of `log_gumbel_softmax`, at `y`.

    ln Γ(n) + (n - 1) ln tau + Σ a - n ln Σ exp(a) with a = logits - tau y, over the n unmasked categories. With respect to the
    n - 1 log-ratios of the sample, so only differences of `y` matter. -inf where `y` is -inf at an unmasked category, or more
    than -inf at a mask. Half precision is computed in single precision and rounded.

    Shapes: y, logits [.., K], which broadcast; tau a number, or an array that broadcasts with [.., 1]; result [..].

    Raises: `jax.errors.JaxRuntimeError` if a logit is NaN or +inf, a row is masked throughout, `y` is NaN or +inf, or -inf
    throughout a row, or `tau` is not positive and finite. `TypeError` if an argument is not of floats. `ValueError` for shapes
    that do not broadcast, or no categories. `NotImplementedError` as `gumbel_softmax`.

    Source: Maddison, Mnih and Teh (2017), appendix C.

    >>> import jax, jax.numpy as jnp
    >>> from gumbel.jax import exp_concrete_log_prob
    >>> y = jnp.log(jnp.array([0.1, 0.9]))
    >>> print(exp_concrete_log_prob(y, jnp.zeros(2), 1.0))
    -2.4079456
    """
    y, logits = floats("y", y), floats("logits", logits)
    check_axis(y, -1)
    check_axis(logits, -1)
    if y.shape[-1] != logits.shape[-1]:
        raise ValueError(f"y and logits must have as many categories, got shapes {y.shape} and {logits.shape}")
    if np.shape(tau)[-1:] not in ((), (1,)):
        raise ValueError(f"tau must be a number or broadcast with [.., 1], got shape {np.shape(tau)}")
    np.broadcast_shapes(y.shape, logits.shape, np.shape(tau))
    check_tau(tau, jnp.promote_types(y.dtype, logits.dtype))
    return checked(_exp_concrete, y, logits, tau)


def binary_concrete_log_prob(y: ArrayLike, log_odds: ArrayLike, tau: ArrayLike) -> jax.Array:
    """Log-density of the Binary Concrete distribution (relaxed Bernoulli) in logit space, at `y`.

    ln tau + a - 2 softplus(a) with a = log_odds - tau y: the distribution of y = (log_odds + logistic noise) / tau. -inf at
    y = ±inf. Half precision is computed in single precision and rounded.

    Shapes: y, log_odds and tau [..], which broadcast; result [..].

    Raises: `jax.errors.JaxRuntimeError` if `y` is NaN, log-odds are not finite, or `tau` is not positive and finite. Others as
    `exp_concrete_log_prob`.

    Source: Maddison, Mnih and Teh (2017), appendix B.

    >>> from gumbel.jax import binary_concrete_log_prob
    >>> print(binary_concrete_log_prob(50.0, 100.0, 1.0))
    -50.0
    """
    y, log_odds = floats("y", y), floats("log_odds", log_odds)
    np.broadcast_shapes(y.shape, log_odds.shape, np.shape(tau))
    check_tau(tau, jnp.promote_types(y.dtype, log_odds.dtype))
    return checked(_binary_concrete, y, log_odds, tau)


@jax.jit
def _exp_concrete(y: jax.Array, logits: jax.Array, tau: Any) -> jax.Array:
    dtype, y, logits, tau = _checked("check_exp_concrete", y, logits, tau)
    live, reached = logits > -jnp.inf, y > -jnp.inf
    outside = jnp.any(live != reached, axis=-1)
    # What is infinite is replaced before the formula, not after: a gradient through it would be NaN.
    value = jnp.where(live, logits, 0) - tau * jnp.where(reached, y, 0)
    used = (live & reached) | outside[..., None]
    a = jnp.where(used, value, -jnp.inf)
    a -= jax.lax.stop_gradient(jnp.max(a, axis=-1, keepdims=True))
    log_p = jnp.where(used, a - jnp.log(jnp.sum(jnp.exp(a), axis=-1, keepdims=True)), 0)
    n = jnp.sum(live, axis=-1).astype(a.dtype)
    volume = jax.lax.lgamma(n) + (n - 1) * jnp.log(tau[..., 0] if tau.ndim else tau)
    # One category leaves no freedom.
    log_prob = jnp.where(n > 1, volume + jnp.sum(log_p, axis=-1), 0)
    return jnp.where(outside, -jnp.inf, log_prob).astype(dtype)


@jax.jit
def _binary_concrete(y: jax.Array, log_odds: jax.Array, tau: Any) -> jax.Array:
    dtype, y, log_odds, tau = _checked("check_binary_concrete", y, log_odds, tau)
    inside = jnp.isfinite(y)
    a = log_odds - tau * jnp.where(inside, y, 0)
    log_prob = jnp.log(tau) + jax.nn.log_sigmoid(a) + jax.nn.log_sigmoid(-a)
    return jnp.where(inside, log_prob, -jnp.inf).astype(dtype)


def _checked(check: str, y: jax.Array, parameter: jax.Array, tau: Any) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
    """The type of the result, and the arguments in that of the computation.

    The native check raises what the formula cannot. The temperature is multiplied by its result, 1, so that neither a
    density nor its gradient is computed without it.
    """
    dtype = jnp.promote_types(y.dtype, parameter.dtype)
    tau = temperature(tau, dtype)
    y, parameter = y.astype(tau.dtype), parameter.astype(tau.dtype)
    operands = map(jax.lax.stop_gradient, (y, parameter, tau))
    return dtype, y, parameter, tau * call(check, [((), tau.dtype)], *operands)[0]
