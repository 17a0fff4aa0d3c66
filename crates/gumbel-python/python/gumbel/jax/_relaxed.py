"""Relaxed one-hot samples, with derivatives of any order in the logits and the temperature."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from ._call import call, check_axis, check_tau, checked, floats, key_words, temperature
from ._slope import slope


def gumbel_softmax(
    key: ArrayLike, logits: ArrayLike, tau: ArrayLike = 1.0, *, axis: int = -1, hard: bool = False
) -> jax.Array:
    """Relaxed one-hot sample: softmax((logits + Gumbel noise) / tau) along an axis.

    A logit of -inf masks its category: its entry is exactly 0, and so is its gradient, whatever the cotangent is there. With
    `hard`, the value is the exact one-hot sample that `categorical` draws with the same key, and the gradient is that of the
    relaxed sample (straight-through). The sample has derivatives of any order in the logits and in `tau`; a new temperature
    compiles nothing again.

    `key` is a key of `jax.random.key` or `jax.random.PRNGKey`. The noise of one with the words a, b is that of
    `gumbel.Noise(a << 32 | b)`, so the sample is that of `gumbel.gumbel_softmax`, bit for bit. Of four words, the last two
    are the id of the noise. `tau` is one number; `jax.vmap` takes one for each example. Half precision is computed in
    single precision and rounded.

    Shapes: logits and result [.., K, ..], with the categories on `axis`; float16, bfloat16, float32 or float64.

    Raises: `jax.errors.JaxRuntimeError` if a logit is NaN or +inf, a row is masked throughout, or `tau` is not positive and
    finite. `TypeError` if the logits are not floats, or `key` is not a key. `ValueError` for an axis out of range
    (`numpy.exceptions.AxisError`), no categories, a batch of keys or of temperatures. `NotImplementedError` if it is
    compiled for a platform other than the CPU. In a function that the caller compiled, JAX may report a
    `JaxRuntimeError` as a `ValueError` with the same message, from the second run on.

    Source: Jang, Gu and Poole (2017), eq. 2; Maddison, Mnih and Teh (2017), section 3.

    >>> import jax, jax.numpy as jnp
    >>> from gumbel.jax import gumbel_softmax
    >>> key, logits = jax.random.key(7), jnp.array([0.0, 1.0, -jnp.inf])
    >>> print(gumbel_softmax(key, logits, 0.5).round(4))
    [0.8382 0.1618 0.    ]
    >>> print(gumbel_softmax(key, logits, 0.5, hard=True))
    [1. 0. 0.]
    >>> print(jax.grad(lambda logits: gumbel_softmax(key, logits, 0.5)[0])(logits).round(4))
    [ 0.2712 -0.2712  0.    ]
    """
    array = floats("logits", logits)
    axis = check_axis(array, axis)
    check_tau(tau, array.dtype)
    return checked(_gumbel_softmax, key, array, tau, axis, bool(hard))


def log_gumbel_softmax(
    key: ArrayLike, logits: ArrayLike, tau: ArrayLike = 1.0, *, axis: int = -1
) -> jax.Array:
    """Logarithm of the sample of `gumbel_softmax` with the same key.

    Finite however small the sample is: -inf exactly at masks, where the gradient is exactly 0.

    Shapes: logits and result [.., K, ..], with the categories on `axis`.

    Raises: what `gumbel_softmax` raises.

    Source: Maddison, Mnih and Teh (2017), appendix C.

    >>> import jax, jax.numpy as jnp
    >>> from gumbel.jax import log_gumbel_softmax
    >>> print(log_gumbel_softmax(jax.random.key(7), jnp.array([0.0, 1.0]), 0.01).round(4))
    [  0.       -82.243195]
    """
    array = floats("logits", logits)
    axis = check_axis(array, axis)
    check_tau(tau, array.dtype)
    return checked(_log_gumbel_softmax, key, array, tau, axis)


@partial(jax.jit, static_argnums=(3, 4), inline=True)
def _gumbel_softmax(key: Any, logits: jax.Array, tau: Any, axis: int, hard: bool) -> jax.Array:
    operands = key_words(key), jnp.moveaxis(logits, axis, -1), _scalar(tau, logits)
    y: jax.Array = _straight_through(*operands)[0] if hard else _softmax(*operands)
    return jnp.moveaxis(y, -1, axis)


@partial(jax.jit, static_argnums=3, inline=True)
def _log_gumbel_softmax(key: Any, logits: jax.Array, tau: Any, axis: int) -> jax.Array:
    log_y: jax.Array = _log_softmax(key_words(key), jnp.moveaxis(logits, axis, -1), _scalar(tau, logits))
    return jnp.moveaxis(log_y, -1, axis)


def _scalar(tau: Any, logits: jax.Array) -> jax.Array:
    array = temperature(tau, logits.dtype)
    if array.size != 1:
        raise ValueError(f"tau must be one number, got shape {array.shape}; use jax.vmap for one per example")
    return array.reshape(())


@jax.custom_jvp
def _softmax(words: jax.Array, logits: jax.Array, tau: jax.Array) -> jax.Array:
    return call("softmax", [(logits.shape, logits.dtype)], logits, words, tau)[0]


@jax.custom_jvp
def _log_softmax(words: jax.Array, logits: jax.Array, tau: jax.Array) -> jax.Array:
    return call("log_softmax", [(logits.shape, logits.dtype)], logits, words, tau)[0]


@jax.custom_jvp
def _straight_through(words: jax.Array, logits: jax.Array, tau: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The exact sample and the relaxed one, with the same tangent."""
    results = [(logits.shape, logits.dtype), (logits.shape[:-1], jnp.int32)]
    y, index = call("softmax_with_index", results, logits, words, tau)
    return jax.nn.one_hot(index, logits.shape[-1], dtype=logits.dtype), y


@partial(_softmax.defjvp, symbolic_zeros=True)
def _softmax_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    y = _softmax(*primals)
    return y, _tangent(y, primals[2], *tangents[1:])


@partial(_straight_through.defjvp, symbolic_zeros=True)
def _straight_through_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    one_hot, y = _straight_through(*primals)
    tangent = _tangent(y, primals[2], *tangents[1:])
    return (one_hot, y), (tangent, tangent)


@partial(_log_softmax.defjvp, symbolic_zeros=True)
def _log_softmax_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    """(v - Σ y v) / tau; exactly 0 at masks, whatever the tangents, or transposed the cotangents, are there."""
    log_y, tau = _log_softmax(*primals), primals[2]
    wide = log_y.astype(tau.dtype)
    live = wide > -jnp.inf
    direction = jnp.where(live, _direction(jnp.where(live, wide, 0), *tangents[1:]), 0)
    mean = jnp.sum(jnp.exp(wide) * direction, axis=-1, keepdims=True)
    return log_y, (jnp.where(live, direction - mean, 0) / tau).astype(log_y.dtype)


def _tangent(y: jax.Array, tau: jax.Array, d_logits: Any, d_tau: Any) -> jax.Array:
    wide = y.astype(tau.dtype)
    log_y = jnp.log(jnp.where(wide > 0, wide, 1))
    return slope(wide, _direction(log_y, d_logits, d_tau), tau).astype(y.dtype)


def _direction(log_y: jax.Array, d_logits: Any, d_tau: Any) -> jax.Array:
    """v = d_logits - ln(y) d_tau: the tangent of (logits + noise) / tau, times tau, up to a constant of each row."""
    zero = isinstance(d_logits, SymbolicZero)
    direction = jnp.zeros_like(log_y) if zero else d_logits.astype(log_y.dtype)
    return direction if isinstance(d_tau, SymbolicZero) else direction - log_y * d_tau
