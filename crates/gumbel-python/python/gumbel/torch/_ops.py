"""The operators of the namespace `gumbel`.

Rows lie on the last axis. `key` is int64 of shape [2] or [3], or has leading axes that are the first of the rows': then each
of its words starts the noise of a block of rows. A temperature is a number, or in the overload `tensor` a tensor with one
element or one for each row (shape [.., 1]).

An operator has three implementations: a native one for the CPU, one composed of PyTorch's operations for other devices, and one
that gives shapes. None has a gradient: that is a function outside (`_autograd`), which is cheaper than one inside.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .. import _native
from . import _composed

_library: Any = torch.library.Library("gumbel", "FRAGMENT")  # type: ignore[no-untyped-call]

Operator = Callable[..., Any]


def define(schema: str, cpu: Operator, elsewhere: Operator, shapes: Operator) -> Operator:
    """Registers an operator, and returns it.

    `cpu` is called as it is with tensors of the CPU, `elsewhere` with those of other devices, `shapes` with tensors without
    memory. Under `torch.vmap`, the axis of examples goes to the front of every tensor.
    """
    name = schema.split("(")[0]
    _library.define(schema, tags=(torch.Tag.pt2_compliant_tag, torch.Tag.flexible_layout))
    _library.impl(name, cpu, "CPU")
    _library.impl(name, torch.no_grad()(elsewhere), "CompositeExplicitAutograd")
    # Without it opcheck misses a kernel for gradients, and a call takes longer.
    _library.impl(name, torch.library.fallthrough_kernel, "Autograd")
    torch.library.register_fake(f"gumbel::{name}", shapes, lib=_library)
    base, _, overload = name.partition(".")
    operator: Operator = getattr(getattr(torch.ops.gumbel, base), overload or "default")
    torch.library.register_vmap(f"gumbel::{name}", partial(_examples, operator), lib=_library)
    return operator


def _examples(operator: Any, info: Any, in_dims: Sequence[int | None], *arguments: Any) -> tuple[Any, Any]:
    """An operator on every example at once."""
    schema = operator._schema
    names = [argument.name for argument in schema.arguments]
    given = dict(zip(names, zip(arguments, in_dims, strict=True), strict=True))
    tau, dim = given.pop("tau", (None, None))
    front = {name: _front(value, axis, info.batch_size) for name, (value, axis) in given.items()}
    rows = front[names[0]].shape if _elementwise(schema.name) else (*front[names[0]].shape[:-1], 1)
    front["tau"] = _front_tau(tau, dim, rows)
    result = operator(*(front[name] for name in names))
    return result, (0,) * len(result) if isinstance(result, tuple) else 0


def _front(value: Any, dim: int | None, size: int) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)


def _front_tau(tau: Any, dim: int | None, rows: Sequence[int]) -> Any:
    """A temperature for every example: one of one element stays, others get the shape of the rows."""
    if not isinstance(tau, Tensor) or (dim is None and tau.numel() == 1):
        return tau
    tau = tau.expand(rows[0], *tau.shape) if dim is None else tau.movedim(dim, 0)
    if tau[0].numel() == 1:
        tau = tau.reshape(-1, *[1] * (len(rows) - 1))
    return tau.expand(rows)


def _elementwise(name: str) -> bool:
    return "binary" in name or "bernoulli" in name


def _like(rows: Tensor, *_: Any) -> Tensor:
    _composed.check(rows)
    return torch.empty_like(rows, memory_format=torch.contiguous_format)


def _two_like(rows: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return _like(rows), _like(rows)


def _row_like(logits: Tensor, *_: Any) -> Tensor:
    _composed.check(logits)
    return logits.new_empty((*logits.shape[:-1], 1))


def _indices(logits: Tensor, key: Tensor) -> Tensor:
    _composed.check(logits)
    return logits.new_empty(logits.shape[:-1], dtype=torch.int64)


def _k_indices(logits: Tensor, key: Tensor, k: int) -> Tensor:
    _composed.check(logits)
    return logits.new_empty((*logits.shape[:-1], k), dtype=torch.int64)


softmax = define(
    "softmax(Tensor logits, Tensor key, float tau) -> Tensor",
    _native._torch_softmax,
    _composed.softmax,
    _like,
)
softmax_tensor = define(
    "softmax.tensor(Tensor logits, Tensor key, Tensor tau) -> Tensor",
    _native._torch_softmax_tensor,
    _composed.softmax,
    _like,
)
log_softmax = define(
    "log_softmax(Tensor logits, Tensor key, float tau) -> Tensor",
    _native._torch_log_softmax,
    _composed.log_softmax,
    _like,
)
log_softmax_tensor = define(
    "log_softmax.tensor(Tensor logits, Tensor key, Tensor tau) -> Tensor",
    _native._torch_log_softmax_tensor,
    _composed.log_softmax,
    _like,
)
straight_through = define(
    "straight_through(Tensor logits, Tensor key, float tau) -> (Tensor hard, Tensor soft)",
    _native._torch_straight_through,
    _composed.straight_through,
    _two_like,
)
straight_through_tensor = define(
    "straight_through.tensor(Tensor logits, Tensor key, Tensor tau) -> (Tensor hard, Tensor soft)",
    _native._torch_straight_through_tensor,
    _composed.straight_through,
    _two_like,
)
softmax_vjp = define(
    "softmax_vjp(Tensor y, Tensor dy, float tau) -> Tensor",
    _native._torch_softmax_vjp,
    _composed.checked_softmax_vjp,
    _like,
)
softmax_vjp_tensor = define(
    "softmax_vjp.tensor(Tensor y, Tensor dy, Tensor tau) -> Tensor",
    _native._torch_softmax_vjp_tensor,
    _composed.checked_softmax_vjp,
    _like,
)
log_softmax_vjp = define(
    "log_softmax_vjp(Tensor log_y, Tensor dy, float tau) -> Tensor",
    _native._torch_log_softmax_vjp,
    _composed.checked_log_softmax_vjp,
    _like,
)
log_softmax_vjp_tensor = define(
    "log_softmax_vjp.tensor(Tensor log_y, Tensor dy, Tensor tau) -> Tensor",
    _native._torch_log_softmax_vjp_tensor,
    _composed.checked_log_softmax_vjp,
    _like,
)
gumbel_max = define(
    "gumbel_max(Tensor logits, Tensor key) -> Tensor",
    _native._torch_gumbel_max,
    _composed.gumbel_max,
    _indices,
)
one_hot = define(
    "one_hot(Tensor logits, Tensor key) -> Tensor",
    _native._torch_one_hot,
    _composed.one_hot,
    _like,
)
top_k = define(
    "top_k(Tensor logits, Tensor key, int k) -> Tensor",
    _native._torch_top_k,
    _composed.top_k,
    _k_indices,
)
largest = define(
    "largest(Tensor logits, Tensor tau) -> Tensor",
    torch.no_grad()(_composed.largest),
    _composed.largest,
    _row_like,
)
noise = define(
    "noise(Tensor like, Tensor key, str law) -> Tensor",
    _native._torch_noise,
    _composed.noise,
    _like,
)
