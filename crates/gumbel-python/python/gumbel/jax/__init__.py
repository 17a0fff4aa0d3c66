"""Samples of discrete variables and their relaxations in JAX, on the CPU.

Every function works under `jax.jit`, `jax.vmap`, `jax.lax.scan` and, where its result has a gradient, under forward and
reverse differentiation of any order. Faults of the data raise `jax.errors.JaxRuntimeError` with the sentence that
`gumbel.Error` has, at the latest when the result is waited for; no function returns NaN for them.

The samples are calls of native handlers, `gumbel.*` in a compiled program. `jax.export` takes them with
`disabled_checks=[jax.export.DisabledSafetyCheck.custom_call("gumbel.softmax"), ..]`; a computation that is divided between
devices gathers the logits for them, except within `jax.shard_map`.
"""

try:
    import jax as _jax
except ImportError as error:
    raise ImportError("gumbel.jax needs JAX: pip install 'gumbel-softmax[jax]'") from error

from ._density import binary_concrete_log_prob, exp_concrete_log_prob
from ._relaxed import gumbel_softmax, log_gumbel_softmax
from ._sample import categorical, gumbel, top_k

__all__ = [
    "binary_concrete_log_prob",
    "categorical",
    "exp_concrete_log_prob",
    "gumbel",
    "gumbel_softmax",
    "log_gumbel_softmax",
    "top_k",
]
