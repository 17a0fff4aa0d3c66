"""Exact samples, and noise."""

import math
import operator
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from ._call import FLOATS, call, check_axis, checked, floats, key_words


def categorical(
    key: ArrayLike,
    logits: ArrayLike,
    axis: int = -1,
    shape: Sequence[int] | None = None,
    replace: bool = True,
    mode: str | None = None,
    *,
    out_sharding: Any = None,
) -> jax.Array:
    """Index of an exact sample, by the Gumbel-max trick: `jax.random.categorical` with noise that has full tails.

    A category of probability 1e-18 is drawn as often as it should be, in half precision too. With the same key, the index is
    that of the largest entry of `gumbel_softmax`. `mode` is accepted because `jax.random.categorical` has it; the noise does
    not depend on it. `out_sharding` places the result, as there. The result has no gradient.

    Shapes: logits [.., K, ..], with the categories on `axis`; result `shape`, to which the shape of the logits without `axis`
    broadcasts (the default). int32. Without `replace`, the samples that the leading axes of `shape` add are different
    categories, drawn in order.

    Raises: what `gumbel_softmax` raises; `ValueError` if the logits do not broadcast to `shape`, or more samples are drawn
    without replacement than there are categories.

    Source: Maddison, Tarlow and Minka (2014); without replacement Kool, van Hoof and Welling (2019).

    >>> import jax, jax.numpy as jnp
    >>> from gumbel.jax import categorical
    >>> logits = jnp.log(jnp.array([0.1, 0.2, 0.7]))
    >>> print(categorical(jax.random.key(0), logits, shape=(8,)))
    [2 1 0 2 2 1 1 2]
    >>> print(categorical(jax.random.key(0), logits, shape=(2,), replace=False))
    [2 1]
    """
    array = floats("logits", logits)
    axis = check_axis(array, axis)
    return _placed(checked(_categorical, key, array, axis, _shape(shape), bool(replace)), out_sharding)


def top_k(key: ArrayLike, logits: ArrayLike, k: int, *, axis: int = -1) -> jax.Array:
    """Indices of `k` categories drawn without replacement, in order of sampling (Plackett-Luce).

    The first is the sample of `categorical` with the same key. The result has no gradient.

    Shapes: logits [.., K, ..], with the categories on `axis`; result [.., k, ..], int32.

    Raises: what `gumbel_softmax` raises; `jax.errors.JaxRuntimeError` if a row has fewer than `k` unmasked categories;
    `ValueError` if `k` is negative.

    Source: Kool, van Hoof and Welling (2019).

    >>> import jax, jax.numpy as jnp
    >>> from gumbel.jax import top_k
    >>> print(top_k(jax.random.key(3), jnp.array([0.0, 1.0, 2.0, 3.0]), 2))
    [3 2]
    """
    array = floats("logits", logits)
    axis, k = check_axis(array, axis), operator.index(k)
    if k < 0:
        raise ValueError(f"k must not be negative, got {k}")
    return checked(_top_k, key, array, k, axis)


def gumbel(
    key: ArrayLike,
    shape: Sequence[int] = (),
    dtype: DTypeLike | None = float,
    mode: str | None = None,
    *,
    out_sharding: Any = None,
) -> jax.Array:
    """Standard Gumbel noise from -4.2 to 67.2, never truncated and never infinite.

    That of `gumbel.Noise(a << 32 | b).gumbel` for a key with the words a, b. Half precision is single precision rounded, so
    its tails are as full. `mode` is accepted because `jax.random.gumbel` has it; the noise does not depend on it. `out_sharding` places the
    result, as there.

    Shapes: result `shape`; `dtype` is float16, bfloat16, float32 or float64.

    Raises: `TypeError` if `dtype` is another type, or `key` is not a key; `ValueError` for a negative length or a batch of
    keys; `NotImplementedError` as `gumbel_softmax`.

    Source: Gumbel (1954); the inverse of the distribution function.

    >>> import jax
    >>> from gumbel.jax import gumbel
    >>> print(gumbel(jax.random.key(7), (3,)))
    [ 3.069037   1.246605  -0.7747282]
    """
    dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    if dtype.name not in FLOATS:
        raise TypeError(f"dtype must be {', '.join(FLOATS[:-1])} or {FLOATS[-1]}, got {dtype}")
    return _placed(checked(_gumbel, key, _shape(shape) or (), dtype), out_sharding)


@partial(jax.jit, static_argnums=(2, 3, 4), inline=True)
def _categorical(
    key: Any, logits: jax.Array, axis: int, shape: tuple[int, ...] | None, replace: bool
) -> jax.Array:
    rows = jax.lax.stop_gradient(jnp.moveaxis(logits, axis, -1))
    batch, categories = rows.shape[:-1], rows.shape[-1]
    shape = batch if shape is None else shape
    prefix = shape[: max(len(shape) - len(batch), 0)]
    fits = (own in (1, length) for own, length in zip(reversed(batch), reversed(shape), strict=False))
    if len(shape) < len(batch) or not all(fits):
        text = f"shape must be one that the logits without their axis, {batch}, broadcast to; got {shape}"
        raise ValueError(text)
    if replace:
        return _max(key_words(key), jnp.broadcast_to(rows, (*shape, categories)))
    count = math.prod(prefix)
    if count > categories:
        text = f"Number of samples without replacement must be at most that of categories, {categories}; got {count}"
        raise ValueError(text)
    rows = jnp.broadcast_to(rows, (*shape[len(prefix) :], categories))
    return jnp.moveaxis(_first(key_words(key), rows, count), -1, 0).reshape(shape)


@partial(jax.jit, static_argnums=(2, 3), inline=True)
def _top_k(key: Any, logits: jax.Array, k: int, axis: int) -> jax.Array:
    rows = jax.lax.stop_gradient(jnp.moveaxis(logits, axis, -1))
    return jnp.moveaxis(_first(key_words(key), rows, k), -1, axis)


@partial(jax.jit, static_argnums=(1, 2), inline=True)
def _gumbel(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> jax.Array:
    return call("noise", [(shape, dtype)], key_words(key))[0]


def _max(words: jax.Array, logits: jax.Array) -> jax.Array:
    return call("max", [(logits.shape[:-1], jnp.int32)], logits, words)[0]


def _first(words: jax.Array, logits: jax.Array, k: int) -> jax.Array:
    return call("top_k", [((*logits.shape[:-1], k), jnp.int32)], logits, words)[0]


def _shape(shape: Sequence[int] | None) -> tuple[int, ...] | None:
    if shape is None:
        return None
    lengths = tuple(map(operator.index, shape if isinstance(shape, Sequence) else np.atleast_1d(shape)))
    if any(length < 0 for length in lengths):
        raise ValueError(f"shape must not have negative lengths, got {lengths}")
    return lengths


def _placed(array: jax.Array, sharding: Any) -> jax.Array:
    return array if sharding is None else jax.sharding.reshard(array, sharding)
