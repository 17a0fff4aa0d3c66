"""Calls of the native handlers."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jax.typing import ArrayLike, DTypeLike

from .._native import xla_handlers

# How messages of faults of the data begin: the name of the status that the handlers return.
FAULT = "OUT_OF_RANGE: "
FLOATS = ("float16", "bfloat16", "float32", "float64")

# The positive numbers of single precision.
SMALLEST, LARGEST = 2.0**-149, (2 - 2.0**-23) * 2.0**127

for _name, _handler in xla_handlers().items():
    jax.ffi.register_ffi_target(_name, _handler, platform="cpu", api_version=1)


def call(
    name: str, results: Sequence[tuple[Sequence[int], DTypeLike]], *operands: jax.Array
) -> list[jax.Array]:
    """Calls a handler. An operand that `jax.vmap` leaves alone is not copied for each example."""
    first, *others = alike(*operands)
    metadata = [_like(first, tuple(shape), dtype) for shape, dtype in results]
    function = jax.ffi.ffi_call(f"gumbel.{name}", metadata, vmap_method="expand_dims")
    return list(function(on_cpu(first), *others))


def alike(*operands: jax.Array) -> tuple[jax.Array, ...]:
    """The operands, within `jax.shard_map` with the same varying axes, as a primitive needs them."""
    axes = frozenset[str]().union(*map(_varying, operands))
    return tuple(_vary(operand, tuple(axes - _varying(operand))) for operand in operands)


def _varying(array: jax.Array) -> frozenset[str]:
    aval: Any = jax.typeof(array)
    axes: frozenset[str] = aval.mat.varying if hasattr(aval, "mat") else getattr(aval, "vma", frozenset())
    return axes


def _vary(array: jax.Array, axes: tuple[str, ...]) -> jax.Array:
    if not axes:
        return array
    lax: Any = jax.lax  # The function has another name in JAX 0.8.
    varied: jax.Array = lax.pcast(array, axes, to="varying") if hasattr(lax, "pcast") else lax.pvary(array, axes)
    return varied


def _like(array: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
    """The type of a result, within `jax.shard_map` with the varying axes of an operand."""
    if _varying(array):
        return jax.typeof(jax.lax.full_like(array, 0, dtype=dtype, shape=shape))
    return jax.ShapeDtypeStruct(shape, dtype)


def checked(function: Callable[..., Any], *arguments: Any) -> jax.Array:
    """Calls a jitted function.

    A fault that a handler finds is a `JaxRuntimeError`; of a function that it has called before, and that is so cheap
    that it runs in the calling thread, JAX makes a `ValueError` of it.
    """
    try:
        result: jax.Array = function(*arguments)
    except ValueError as error:
        if not str(error).startswith(FAULT):
            raise
        raise jax.errors.JaxRuntimeError(str(error)) from None
    return result


def floats(name: str, values: ArrayLike) -> jax.Array:
    """An argument that has to be of floats, as an array."""
    array = jnp.asarray(values)
    if array.dtype.name not in FLOATS:
        raise TypeError(f"{name} must be {', '.join(FLOATS[:-1])} or {FLOATS[-1]}, got {array.dtype}")
    return array


def check_axis(logits: jax.Array, axis: int) -> int:
    """An axis of logits, counted from the start."""
    rank, axis = logits.ndim, operator.index(axis)
    if not -rank <= axis < rank:
        raise np.exceptions.AxisError(axis, rank)
    axis %= rank
    if logits.size == 0 and logits.shape[axis] == 0:
        raise ValueError("a row must have from 1 to 4294967295 categories, got 0")
    return axis


def key_words(key: Any) -> jax.Array:
    """The words of a key: two or four."""
    expected = "key must be a key of jax.random.key, of two or four words"
    if not isinstance(key, (jax.Array, np.ndarray)):
        raise TypeError(f"{expected}; got {type(key).__name__}")
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    words: jax.Array = jax.random.key_data(key) if typed else jnp.asarray(key)
    if words.dtype != jnp.uint32 or words.ndim == 0 or words.shape[-1] not in (2, 4):
        raise TypeError(f"{expected}; got {key.dtype}{list(key.shape)}")
    if words.ndim > 1:
        text = f"key must be a single key, got keys of shape {words.shape[:-1]}; use jax.vmap for a batch"
        raise ValueError(text)
    return words


def check_tau(tau: ArrayLike, dtype: np.dtype[Any]) -> None:
    """Rejects a number that is zero or infinite in the type of the computation, while it is known as it was given."""
    if isinstance(tau, float) and dtype != jnp.float64 and 0.0 < tau < np.inf:
        if not SMALLEST <= tau <= LARGEST:
            text = f"{FAULT}temperature must be positive and finite, got {tau} for {dtype} logits"
            raise jax.errors.JaxRuntimeError(text)


def temperature(tau: ArrayLike, dtype: np.dtype[Any]) -> jax.Array:
    """The temperature in the type that samples of logits of a type are computed in."""
    array = jnp.asarray(tau)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"tau must be a real number, got {array.dtype}")
    return array.astype(jnp.float64 if dtype == jnp.float64 else jnp.float32)


def _identity(words: Any) -> Any:
    return words


def _keep(_context: mlir.LoweringRuleContext, words: Any) -> list[Any]:
    return [words]


def _refuse(context: mlir.LoweringRuleContext, _words: Any) -> list[Any]:
    platforms = context.platforms or context.module_context.platforms
    raise NotImplementedError(
        f"gumbel.jax samples on the CPU only, but this computation is compiled for {', '.join(platforms)}; move its "
        "arguments there: jax.device_put(logits, jax.devices('cpu')[0])"
    )


_on_cpu = Primitive("gumbel_on_cpu")
_on_cpu.def_impl(_identity)
_on_cpu.def_abstract_eval(_identity)
batching.defvectorized(_on_cpu)
mlir.register_lowering(_on_cpu, _refuse)
mlir.register_lowering(_on_cpu, _keep, platform="cpu")


def on_cpu(words: jax.Array) -> jax.Array:
    """The same array, in a computation that compiles for the CPU only."""
    result: jax.Array = _on_cpu.bind(words)
    return result
