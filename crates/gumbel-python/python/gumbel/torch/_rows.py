"""Rows of logits with a hard sample of each: checked, and ready to be computed with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .. import Error


class Rows:
    """Logits minus the largest of their row, with a sample of them; in single precision at least.

    Logits are unnormalised: differences are not lost in rounding, however large their common part is. The largest is a
    constant in the gradient.
    """

    def __init__(self, logits: Tensor, hard: Tensor, tau: float = 1.0) -> None:
        _check_types(logits, hard)
        self.dtype = logits.dtype
        computed = torch.float64 if logits.dtype == torch.float64 else torch.float32
        self.tau = _checked_tau(tau, computed)
        shape = _checked_shape(logits, hard)
        if readable(logits, hard):
            _check_values(logits.detach(), hard.detach())
        self.hard = hard.detach().to(computed).expand(shape)
        self.logits = _centred(logits.to(computed)).expand(shape)


def attached(rows: Rows, soft: Tensor) -> Tensor:
    """The hard sample with the gradient of `soft`: the bracket is exactly zero."""
    return (rows.hard + (soft - soft.detach())).to(rows.dtype)


def unmasked(logits: Tensor) -> Tensor:
    """The logits with 0 where they mask their category."""
    return logits.masked_fill(logits == -torch.inf, 0.0)


def log_mass(logits: Tensor, hard: Tensor) -> Tensor:
    """The log-probability of one-hot rows, [.., K] to [..]; 0 · ln 0 is 0, in the gradient too."""
    return logits.log_softmax(-1).masked_fill(hard == 0, 0.0).sum(-1)


def readable(*tensors: Tensor) -> bool:
    """Whether a program may depend on the numbers of tensors: not while it is compiled, traced, mapped or faked."""
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    plain = all(type(tensor) in (Tensor, torch.nn.Parameter) and not tensor.is_meta for tensor in tensors)
    return plain and not any(torch._C._functorch.is_functorch_wrapped_tensor(tensor) for tensor in tensors)


def broadcast_shape(*tensors: Tensor) -> tuple[int, ...] | None:
    """The shape that tensors are broadcast to, if there is one."""
    try:
        return np.broadcast_shapes(*(tuple(tensor.shape) for tensor in tensors))
    except ValueError:
        return None


def _centred(logits: Tensor) -> Tensor:
    if logits.numel() == 0:
        return logits
    least = torch.finfo(logits.dtype).min
    gaps = logits - logits.detach().amax(-1, keepdim=True)
    beyond = (gaps < least) & (logits != -torch.inf)
    return gaps.masked_fill(beyond, least)


def _check_types(logits: Tensor, hard: Tensor) -> None:
    for name, given in (("logits", logits), ("hard", hard)):
        if not isinstance(given, Tensor):
            raise TypeError(f"{name} must be a tensor, got {type(given).__name__}")
        if given.ndim == 0:
            raise ValueError(f"{name} must have an axis of categories, got a tensor without axes")
    if not logits.dtype.is_floating_point:
        raise TypeError(f"logits must be of a floating-point type, got {logits.dtype}")


def _checked_shape(logits: Tensor, hard: Tensor) -> tuple[int, ...]:
    """The shape that both are broadcast to."""
    if logits.shape[-1] == 0:
        text = f"a row must have at least one category, got logits of shape {tuple(logits.shape)}"
        raise error("categories", text)
    shape = broadcast_shape(logits, hard) if logits.shape[-1] == hard.shape[-1] else None
    if shape is None:
        text = f"got {tuple(hard.shape)} for {tuple(logits.shape)}"
        raise ValueError(f"hard must have the shape of the logits, or broadcast against it: {text}")
    return shape


def _checked_tau(tau: float, dtype: torch.dtype) -> float:
    """The temperature, no smaller than the type's normal numbers."""
    given, info = float(tau), torch.finfo(dtype)
    if not info.smallest_normal * info.eps / 2 < given <= info.max:
        raise error("temperature", f"temperature must be positive and finite, got {given:g}", value=given)
    return max(given, info.smallest_normal)


def check_logits(logits: Tensor) -> None:
    """Raises an error for logits that are NaN or +inf, or a row of -inf."""
    if not logits.dtype.is_floating_point:
        raise TypeError(f"logits must be of a floating-point type, got {logits.dtype}")
    unfit, empty = _faults(logits)
    _raise_first(logits, unfit, empty)


def _faults(logits: Tensor) -> tuple[Tensor, Tensor]:
    return ~(logits < torch.inf), (logits == -torch.inf).all(-1)


def _check_values(logits: Tensor, hard: Tensor) -> None:
    unfit, empty = _faults(logits)
    outside = (hard != 0) & ((hard != 1) | (logits == -torch.inf))
    uneven = hard.sum(-1) != 1
    # One read-back where all is well.
    if bool(unfit.any() | empty.any() | outside.any() | uneven.any()):
        _raise_first(logits, unfit, empty)
        _raise_sample(hard, outside, uneven)


def _raise_first(logits: Tensor, unfit: Tensor, empty: Tensor) -> None:
    for place in _first(unfit):
        value = float(logits[place])
        raise error("logit", f"logit at {place} is {value:g}; expected a finite number, or -inf to mask", place, value)
    for place in _first(empty):
        raise error("all_masked", f"every logit of row {place} is -inf; leave at least one category unmasked", place)


def _raise_sample(hard: Tensor, outside: Tensor, uneven: Tensor) -> None:
    for place in _first(outside):
        place = _narrowed(place, hard)
        value = float(hard[place])
        text = f"the sample at {place} is {value:g}; expected 0 or 1, and 0 where the category is masked"
        raise error("sample", text, place, value)
    for place in _first(uneven):
        raise error("sample", f"the sample of row {place} must have a single 1, got {float(hard[place].sum()):g}", place)


def _first(where: Tensor) -> list[tuple[int, ...]]:
    """The first place that is true, if there is one."""
    return [tuple(place) for place in where.nonzero()[:1].tolist()]


def _narrowed(place: tuple[int, ...], tensor: Tensor) -> tuple[int, ...]:
    """The place in a tensor of one in what it is broadcast to."""
    own = zip(place[len(place) - tensor.ndim :], tensor.shape, strict=True)
    return tuple(0 if length == 1 else index for index, length in own)


def error(kind: str, text: str, index: tuple[int, ...] | None = None, value: float | None = None) -> Error:
    """A typed error, like those of the kernels."""
    raised = Error(text)
    raised.kind, raised.index, raised.value = kind, index, value
    return raised
