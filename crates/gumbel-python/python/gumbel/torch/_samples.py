"""Samples of categories."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from .._native import Error
from . import _ops
from ._autograd import LOG_SOFTMAX, SOFTMAX, STRAIGHT_THROUGH, Differentiable, compiling, transformed
from ._noise import NoiseLike, key_of

R = TypeVar("R")


def gumbel_softmax(
    logits: Tensor,
    tau: float | Tensor = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    noise: NoiseLike = None,
) -> Tensor:
    """Relaxed one-hot sample: softmax((logits + Gumbel noise) / tau) along `dim`.

    Takes the place of `torch.nn.functional.gumbel_softmax`, with its signature.

    Args:
        logits: unnormalised log-probabilities, of any shape; float16, bfloat16, float32 or float64. -inf masks a category: its entry
            is exactly 0, with gradient exactly 0.
        tau: the temperature, positive and finite; a tensor may have one element, or one for each row (1 on `dim`).
            It gets a gradient.
        hard: returns the one-hot vector of the largest entry, with the gradient of the relaxed sample
            (`straight_through`).
        eps: has no effect; any other value warns.
        dim: the axis of the categories.
        noise: None draws a key from PyTorch's default generator, so that `torch.manual_seed` and the like apply; or a
            `torch.Generator`, a `gumbel.Noise`, or a tensor of `key`.

    Returns:
        A contiguous tensor of the shape and the type of `logits`. The same noise gives the same index in `gumbel_max`, the
        same first one in `top_k`, and the same numbers in `gumbel.gumbel_softmax`. Samples differ from those of
        `F.gumbel_softmax` with the same seed.

    Raises:
        gumbel.Error: a logit is NaN or +inf, a row is -inf throughout, or tau is not positive and finite.
        TypeError: `logits` is no dense tensor of floats.
        IndexError: there is no axis `dim`.

    Jang, Gu and Poole (2017), eq. 2; Maddison, Mnih and Teh (2017), section 3.

    >>> import gumbel.torch, torch
    >>> logits = torch.tensor([[0.0, 1.0, -torch.inf]])
    >>> gumbel.torch.gumbel_softmax(logits, 0.5, noise=gumbel.Noise(7))
    tensor([[0.8382, 0.1618, 0.0000]])
    """
    if has_torch_function_unary(logits):
        return handle_torch_function(gumbel_softmax, (logits,), logits, tau, hard, eps, dim, noise=noise)
    if eps != 1e-10:
        warnings.warn("`eps` is deprecated and has no effect", stacklevel=2)
    if hard:
        return _relaxed(STRAIGHT_THROUGH, logits, tau, dim, noise)
    return _relaxed(SOFTMAX, logits, tau, dim, noise)


def log_gumbel_softmax(
    logits: Tensor, tau: float | Tensor = 1, dim: int = -1, *, noise: NoiseLike = None
) -> Tensor:
    """Logarithm of a relaxed sample, finite however small the sample is: a sample of the ExpConcrete distribution.

    -inf at masks and nowhere else. Arguments and errors are those of `gumbel_softmax`.

    Maddison, Mnih and Teh (2017), appendix C.

    >>> import gumbel.torch, torch
    >>> gumbel.torch.log_gumbel_softmax(torch.tensor([0.0, 1.0]), 0.01, noise=gumbel.Noise(7))
    tensor([  0.0000, -82.2432])
    """
    if has_torch_function_unary(logits):
        return handle_torch_function(log_gumbel_softmax, (logits,), logits, tau, dim, noise=noise)
    return _relaxed(LOG_SOFTMAX, logits, tau, dim, noise)


def straight_through(
    logits: Tensor, tau: float | Tensor = 1, dim: int = -1, *, noise: NoiseLike = None
) -> Tensor:
    """Exact one-hot sample with the gradient of the relaxed one of the same noise: `gumbel_softmax(.., hard=True)`.

    Entries are exactly 0 or 1. Arguments and errors are those of `gumbel_softmax`.

    Jang, Gu and Poole (2017), section 2.2.

    >>> import gumbel.torch, torch
    >>> logits = torch.zeros(3, requires_grad=True)
    >>> y = gumbel.torch.straight_through(logits, 0.5, noise=gumbel.Noise(7))
    >>> y
    tensor([1., 0., 0.], grad_fn=<_StraightThroughBackward>)
    >>> y[0].backward()
    >>> logits.grad
    tensor([ 0.0504, -0.0496, -0.0009])
    """
    if has_torch_function_unary(logits):
        return handle_torch_function(straight_through, (logits,), logits, tau, dim, noise=noise)
    return _relaxed(STRAIGHT_THROUGH, logits, tau, dim, noise)


def gumbel_max(logits: Tensor, dim: int = -1, keepdim: bool = False, *, noise: NoiseLike = None) -> Tensor:
    """Index of an exact sample, by the Gumbel-max trick: int64, without `dim`, or with 1 on it if `keepdim`.

    Yellott (1977); Maddison, Tarlow and Minka (2014). Errors are those of `gumbel_softmax`.

    >>> import gumbel.torch, torch
    >>> gumbel.torch.gumbel_max(torch.tensor([[0.0, 1.0, 2.0]] * 4), noise=gumbel.Noise(7))
    tensor([0, 2, 1, 2])
    """
    if has_torch_function_unary(logits):
        return handle_torch_function(gumbel_max, (logits,), logits, dim, keepdim, noise=noise)
    rows = _rows(logits, dim)
    key = key_of(noise, rows)
    index: Tensor = _placed(lambda: _ops.gumbel_max(rows, key), rows, logits, dim)
    return index.unsqueeze(dim) if keepdim else index


def one_hot(logits: Tensor, dim: int = -1, *, noise: NoiseLike = None) -> Tensor:
    """Exact one-hot sample, by the Gumbel-max trick, without a gradient.

    Entries are exactly 0 or 1, of the type of `logits`. Errors are those of `gumbel_softmax`.

    >>> import gumbel.torch, torch
    >>> gumbel.torch.one_hot(torch.tensor([0.0, 1.0, 2.0]), noise=gumbel.Noise(7))
    tensor([1., 0., 0.])
    """
    if has_torch_function_unary(logits):
        return handle_torch_function(one_hot, (logits,), logits, dim, noise=noise)
    rows = _rows(logits, dim)
    key = key_of(noise, rows)
    hard: Tensor = _placed(lambda: _ops.one_hot(rows, key), rows, logits, dim)
    return hard if rows is logits else hard.movedim(-1, dim).contiguous()


def top_k(logits: Tensor, k: int, dim: int = -1, *, noise: NoiseLike = None) -> Tensor:
    """Indices of `k` categories drawn without replacement, in order of sampling (Plackett-Luce): int64, `k` on `dim`.

    Yellott (1977); Kool, van Hoof and Welling (2019). Errors are those of `gumbel_softmax`, and `too_few` for a row with fewer
    than `k` categories that are not masked.

    >>> import gumbel.torch, torch
    >>> gumbel.torch.top_k(torch.tensor([0.0, 1.0, 2.0]), 2, noise=gumbel.Noise(7))
    tensor([0, 1])
    """
    if has_torch_function_unary(logits):
        return handle_torch_function(top_k, (logits,), logits, k, dim, noise=noise)
    rows = _rows(logits, dim)
    key = key_of(noise, rows)
    index: Tensor = _placed(lambda: _ops.top_k(rows, key, k), rows, logits, dim)
    return index if rows is logits else index.movedim(-1, dim).contiguous()


@contextmanager
def patched() -> Iterator[None]:
    """Within the context, `torch.nn.functional.gumbel_softmax` is the one of this module.

    For code that calls it under that name. Code that imported the function itself keeps PyTorch's.

    >>> import gumbel.torch, torch
    >>> with gumbel.torch.patched():
    ...     torch.nn.functional.gumbel_softmax is gumbel.torch.gumbel_softmax
    True
    >>> torch.nn.functional.gumbel_softmax is gumbel.torch.gumbel_softmax
    False
    """
    functional = torch.nn.functional
    theirs = functional.gumbel_softmax
    functional.gumbel_softmax = gumbel_softmax
    try:
        yield
    finally:
        functional.gumbel_softmax = theirs


def _relaxed(
    sample: Differentiable, logits: Tensor, tau: float | Tensor, dim: int, noise: NoiseLike
) -> Tensor:
    rows = _rows(logits, dim)
    key = key_of(noise, rows)
    temperature = _temperature(tau, logits, dim)
    y: Tensor = _placed(lambda: _differentiable(sample, rows, key, temperature), rows, logits, dim)
    return y if rows is logits else y.movedim(-1, dim).contiguous()


def _differentiable(sample: Differentiable, rows: Tensor, key: Tensor, tau: float | Tensor) -> Tensor:
    y: Tensor | tuple[Tensor, Tensor]
    if compiling():
        y = sample.plain.apply(rows, key, tau)
    elif torch._C._is_tracing():
        y = sample.traced(rows, key, tau)
    elif transformed():
        y = sample.transforms.apply(rows, key, tau)
    elif torch.is_grad_enabled() and (rows.requires_grad or (isinstance(tau, Tensor) and tau.requires_grad)):
        y = sample.plain.apply(rows, key, tau)
    else:
        y = (sample.tensor if isinstance(tau, Tensor) else sample.number)(rows, key, tau)
    return y[0] if isinstance(y, tuple) else y


def _rows(logits: Tensor, dim: int) -> Tensor:
    """The logits with the axis of the categories last."""
    if not isinstance(logits, Tensor):
        raise TypeError(f"logits must be a torch.Tensor, got {type(logits).__name__}")
    if dim == -1 or dim == logits.ndim - 1:
        return logits
    return logits.movedim(dim, -1)


def _temperature(tau: float | Tensor, logits: Tensor, dim: int) -> float | Tensor:
    """A number, a tensor of one element, or one for each row, of the shape of the rows with a last axis of 1."""
    if not isinstance(tau, Tensor):
        if torch.compiler.is_compiling():
            # Whose value does not recompile, as that of a number would.
            return torch.ones((), dtype=torch.float64, device="cpu") * tau
        return _number(tau)
    if not tau.is_floating_point():
        tau = tau.to(torch.float64)
    if tau.numel() == 1:
        return tau
    shape = list(logits.shape)
    shape[dim] = 1
    try:
        return tau.expand(shape).movedim(dim, -1)
    except RuntimeError:
        text = f"tau must be a number, or have one element or a shape that broadcasts to {shape}"
        raise ValueError(f"{text}, got shape {list(tau.shape)}") from None


def _number(tau: float) -> float:
    try:
        return tau.__float__()
    except AttributeError:
        raise TypeError(f"tau must be a number or a tensor, got {type(tau).__name__}") from None


def _placed(run: Callable[[], R], rows: Tensor, logits: Tensor, dim: int) -> R:
    """Runs a function of rows, and gives its error the place in the caller's tensor."""
    if rows is logits or torch.compiler.is_compiling():
        return run()
    try:
        return run()
    except Error as error:
        if error.index is not None and len(error.index) >= logits.ndim - 1:
            index = list(error.index)
            if len(index) == logits.ndim:
                index.insert(dim % logits.ndim, index.pop())
            error.index = tuple(index)
        raise
