"""The derivative of a relaxed sample in a direction, as a primitive: linear in the direction, and its own transpose."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ._call import alike, call


def slope(y: jax.Array, direction: jax.Array, tau: jax.Array) -> jax.Array:
    """y (v - Σ y v) / tau along the last axis, with v the direction: the tangent of y = softmax(x) for dx = v / tau.

    Exactly 0 where y is 0, whatever the direction is there.
    """
    result: jax.Array = _slope.bind(*alike(y, direction, tau))
    return result


def _formula(y: jax.Array, direction: jax.Array, tau: jax.Array) -> jax.Array:
    """The same by operations of JAX. `tau` broadcasts."""
    live = y > 0
    direction = jnp.where(live, direction, 0)
    return jnp.where(live, y * (direction - jnp.sum(y * direction, axis=-1, keepdims=True)), 0) / tau


def _native(y: jax.Array, direction: jax.Array, tau: jax.Array) -> jax.Array:
    return call("slope", [(y.shape, y.dtype)], y, direction, tau)[0]


def _in_y(d_y: jax.Array, y: jax.Array, direction: jax.Array, tau: jax.Array) -> jax.Array:
    tangent: jax.Array = jax.jvp(lambda y: _formula(y, direction, tau), (y,), (d_y,))[1]
    return tangent


def _in_direction(d_direction: jax.Array, y: jax.Array, _: jax.Array, tau: jax.Array) -> jax.Array:
    return slope(y, d_direction, tau)


def _in_tau(d_tau: jax.Array, y: jax.Array, direction: jax.Array, tau: jax.Array) -> jax.Array:
    return -slope(y, direction, tau) * (d_tau / tau)


def _transpose(cotangent: Any, y: Any, direction: Any, tau: Any) -> list[Any]:
    if isinstance(cotangent, ad.Zero):
        return [None, ad.Zero(direction.aval), None]
    return [None, slope(y, cotangent, tau), None]


def _batch(operands: Any, axes: Any) -> tuple[jax.Array, int]:
    size = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    y, direction = (batching.bdim_at_front(x, axis, size) for x, axis in zip(operands[:2], axes, strict=False))
    tau = operands[2]
    if axes[2] is None:
        return slope(y, direction, tau), 0
    # A temperature for each example: rows are not all alike.
    return _formula(y, direction, tau.reshape((size,) + (1,) * (y.ndim - 1))), 0


_slope = Primitive("gumbel_slope")
_slope.def_impl(_native)
_slope.def_abstract_eval(lambda y, _direction, _tau: y)
mlir.register_lowering(_slope, mlir.lower_fun(_native, multiple_results=False))
ad.defjvp(_slope, _in_y, _in_direction, _in_tau)
ad.primitive_transposes[_slope] = _transpose
batching.primitive_batchers[_slope] = _batch
