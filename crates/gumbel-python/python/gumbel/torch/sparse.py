"""Sparse relaxations: sparsemax and alpha-entmax, which take the place of softmax and can give probabilities of exactly 0, and
samples of them with Gumbel noise.

| function | forward | gradient |
| --- | --- | --- |
| `sparsemax`, `entmax` | soft and sparse, no noise | exact, also in a tensor `alpha` |
| `gumbel_sparsemax`, `gumbel_entmax` | soft and sparse | of the soft sample |
| `straight_through_sparsemax`, `straight_through_entmax` | hard: exactly one-hot | of the soft sample |

With noise, the largest entry is at the index of `gumbel.torch.gumbel_max` for the same noise. A category outside the
support has a gradient of exactly 0; to return to the support, it needs noise or a higher temperature.

Categories lie on the last axis. The kernels run on the host in double precision, for tensors of every device. Results
have the type of the logits; noise is added to half precision in single. Gradients can be differentiated further for
`alpha` up to 2.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

import gumbel
from gumbel import vjp

from . import _composed, _host
from ._host import Array, Temperature
from ._noise import NoiseLike, key_of

__all__ = [
    "entmax",
    "gumbel_entmax",
    "gumbel_sparsemax",
    "sparsemax",
    "straight_through_entmax",
    "straight_through_sparsemax",
]


def sparsemax(logits: Tensor, tau: Temperature = 1.0) -> Tensor:
    """Projection of logits / tau onto the simplex: `entmax` at alpha = 2. Soft, sparse, differentiable; no noise.

    On a support of n categories, the gradient is (dy - mean of dy) / tau, with the mean over the support.

    Shapes: logits and result [.., K].

    Raises: `gumbel.Error` of kind temperature, logit (NaN or +inf), all_masked or categories.

    Martins and Astudillo (2016).

    >>> import torch
    >>> from gumbel.torch import sparse
    >>> sparse.sparsemax(torch.tensor([1.0, 0.5, -1.0]))
    tensor([0.7500, 0.2500, 0.0000])
    """
    return entmax(logits, 2.0, tau)


def entmax(logits: Tensor, alpha: float | Tensor = 1.5, tau: Temperature = 1.0) -> Tensor:
    """alpha-entmax: probabilities that are sparse for alpha > 1. Soft, differentiable; no noise.

    y = argmax over the simplex of p . x + (1 - sum of p^alpha) / (alpha (alpha - 1)), with x = logits / tau. alpha = 1 is softmax,
    alpha = 2 is `sparsemax`. A logit of -inf masks a category: its entry and its gradient are exactly 0.

    Args:
        logits: [.., K].
        alpha: at least 1 and finite; a tensor has one element, or one for each row (shape [.., 1]), and gets a gradient.
        tau: the temperature; a tensor has one element and gets a gradient.

    Raises: `gumbel.Error` of kind alpha, and as `sparsemax` does.

    Peters, Niculae and Martins (2019), section 3; the derivative in alpha of Correia, Niculae and Martins (2019),
    section 3.

    >>> import torch
    >>> from gumbel.torch import sparse
    >>> logits = torch.tensor([1.0, 0.5, -0.5])
    >>> sparse.entmax(logits)
    tensor([0.6712, 0.3240, 0.0048])
    >>> alpha = torch.tensor(2.0, requires_grad=True)
    >>> sparse.entmax(torch.tensor([0.5, 0.0]), alpha)[0].backward()
    >>> alpha.grad  # a larger alpha is sharper
    tensor(0.1846)
    """
    _host.check(logits, "logits")
    return _host.apply(_Entmax, _EntmaxWithTangent, logits, _alpha(alpha, logits), _host.temperature(tau))


def gumbel_sparsemax(logits: Tensor, tau: Temperature = 1.0, *, noise: NoiseLike = None) -> Tensor:
    """Relaxed sample: `sparsemax` of logits with Gumbel noise. Soft, sparse, differentiable.

    Shapes and errors are those of `sparsemax`; uses one number of the noise per logit.

    >>> import gumbel, torch
    >>> from gumbel.torch import sparse
    >>> y = sparse.gumbel_sparsemax(torch.zeros(1000), noise=gumbel.Noise(3))
    >>> y[y > 0]
    tensor([0.7564, 0.2436])
    """
    return gumbel_entmax(logits, 2.0, tau, noise=noise)


def gumbel_entmax(
    logits: Tensor, alpha: float | Tensor = 1.5, tau: Temperature = 1.0, *, noise: NoiseLike = None
) -> Tensor:
    """Relaxed sample: `entmax` of logits with Gumbel noise. Soft, sparse for alpha > 1, differentiable.

    At alpha = 1 it is `gumbel.torch.gumbel_softmax`.

    Arguments and errors are those of `entmax`; uses one number of the noise per logit.

    >>> import gumbel, torch
    >>> from gumbel.torch import sparse
    >>> sparse.gumbel_entmax(torch.tensor([0.0, 1.0, 2.0]), noise=gumbel.Noise(3))
    tensor([0.0995, 0.0000, 0.9005])
    """
    return entmax(_perturbed(logits, noise), alpha, tau).to(logits.dtype)


def straight_through_sparsemax(logits: Tensor, tau: Temperature = 1.0, *, noise: NoiseLike = None) -> Tensor:
    """Exact one-hot sample with the gradient of `gumbel_sparsemax` for the same noise. Hard, biased.

    Shapes and errors are those of `sparsemax`; uses one number of the noise per logit.

    >>> import gumbel, torch
    >>> from gumbel.torch import sparse
    >>> sparse.straight_through_sparsemax(torch.tensor([0.0, 1.0, 90.0]), noise=gumbel.Noise(7))
    tensor([0., 0., 1.])
    """
    return straight_through_entmax(logits, 2.0, tau, noise=noise)


def straight_through_entmax(
    logits: Tensor, alpha: float | Tensor = 1.5, tau: Temperature = 1.0, *, noise: NoiseLike = None
) -> Tensor:
    """Exact one-hot sample with the gradient of `gumbel_entmax` for the same noise. Hard, biased.

    A category outside the support of the relaxed sample has gradient 0, so that a low temperature can make all of them
    0.

    Arguments and errors are those of `entmax`; uses one number of the noise per logit.

    >>> import gumbel, torch
    >>> from gumbel.torch import sparse
    >>> sparse.straight_through_entmax(torch.tensor([0.0, 1.0, 90.0]), noise=gumbel.Noise(7))
    tensor([0., 0., 1.])
    """
    keys = _perturbed(logits, noise)
    soft = entmax(keys, alpha, tau)
    index = keys.detach().argmax(-1, keepdim=True)
    hard = torch.zeros_like(keys, memory_format=torch.contiguous_format).scatter(-1, index, 1.0)
    return _host.attach(hard, soft).to(logits.dtype)


def _perturbed(logits: Tensor, noise: NoiseLike) -> Tensor:
    _host.check(logits, "logits")
    return _host.perturbed(logits, key_of(noise, logits))


def _alpha(alpha: float | Tensor, logits: Tensor) -> float | Tensor:
    """A number, or a tensor of as many axes as the logits, with 1 on the last."""
    if not isinstance(alpha, Tensor):
        return float(alpha)
    if alpha.numel() == 1:
        return alpha.reshape((1,) * logits.dim())
    shape = (*logits.shape[:-1], 1)
    try:
        return alpha.expand(shape)
    except RuntimeError:
        text = f"alpha must be a number, or have one element or a shape that broadcasts to {list(shape)}"
        raise ValueError(f"{text}, got shape {list(alpha.shape)}") from None


class _Entmax(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, alpha: float | Tensor, tau: Temperature) -> Tensor:
        return _kernel(logits, alpha, tau)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float | Tensor, Temperature], output: Tensor) -> None:
        logits, *numbers = inputs
        ctx.numbers = [None if isinstance(number, Tensor) else number for number in numbers]
        saved = logits, output, *(number for number in numbers if isinstance(number, Tensor))
        ctx.save_for_backward(*saved)
        ctx.save_for_forward(*saved)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        logits, y, alpha, tau = _saved(ctx)
        # Off the support a cotangent has no effect, even if it is NaN.
        dy = torch.where(y > 0, dy, 0.0)
        slopes = _slopes(y, dy, alpha, tau)
        in_alpha = _in_alpha(y, dy, alpha) if ctx.needs_input_grad[1] else None
        return slopes, in_alpha, _host.in_tau(logits, slopes, tau) if ctx.needs_input_grad[2] else None


class _EntmaxWithTangent(_Entmax):
    @staticmethod
    def jvp(ctx: Any, dlogits: Tensor | None, dalpha: Tensor | None, dtau: Tensor | None) -> Tensor:
        logits, y, alpha, tau = _saved(ctx)
        gaps = torch.zeros_like(y) if dlogits is None else torch.where(y > 0, dlogits, 0.0)
        if isinstance(dtau, Tensor):
            gaps = gaps - _host.gaps(logits) * (dtau / tau)
        # The derivative in the logits is symmetric.
        tangent = _slopes(y, gaps.to(y.dtype), alpha, tau)
        return tangent + (_alpha_slopes(y, alpha) * dalpha).to(y.dtype) if isinstance(dalpha, Tensor) else tangent


def _saved(ctx: Any) -> tuple[Tensor, Tensor, Any, Any]:
    """The logits, the result, alpha and tau."""
    logits, y, *given = ctx.saved_tensors
    alpha, tau = (given.pop(0) if number is None else number for number in ctx.numbers)
    return logits, y, alpha, tau


def _slopes(y: Tensor, dy: Tensor, alpha: float | Tensor, tau: Temperature) -> Tensor:
    """The cotangent of the logits."""
    if _closed(alpha):
        numbers, weights = _composed.wide(y), _weights(y, alpha)
        mean = (weights * dy).sum(-1, keepdim=True) / weights.sum(-1, keepdim=True)
        scale = tau.to(numbers.device) if isinstance(tau, Tensor) else tau
        return (weights * (dy - mean) / scale).to(y.dtype)
    return _host.last(_vjp, y, dy, alpha, tau)


def _in_alpha(y: Tensor, dy: Tensor, alpha: Tensor) -> Tensor:
    """The cotangent of alpha."""
    rows = (_alpha_slopes(y, alpha) * dy).sum(-1, keepdim=True)
    return rows.sum_to_size(alpha.shape).to(alpha.device, alpha.dtype)


def _alpha_slopes(y: Tensor, alpha: Tensor) -> Tensor:
    """The derivative in alpha, in the type of the computation."""
    if not _closed(alpha):
        return _composed.wide(_host.last(_alpha_derivative, y, alpha))
    changes, weights = _changes(y, alpha), _weights(y, alpha)
    shift = changes.sum(-1, keepdim=True) / weights.sum(-1, keepdim=True)
    return changes - weights * shift


def _closed(alpha: float | Tensor) -> bool:
    """Whether the derivative is composed of PyTorch's operations, because it may be differentiated, and can be."""
    return torch.is_grad_enabled() and bool((torch.as_tensor(alpha) <= 2).all())


def _weights(y: Tensor, alpha: float | Tensor) -> Tensor:
    """The derivative of an entry in its logit: y^(2 - alpha) on the support, else 0."""
    logs, on = _logs(y)
    return torch.where(on, ((2 - _like(alpha, logs)) * logs).exp(), 0.0)


def _changes(y: Tensor, alpha: Tensor) -> Tensor:
    """The derivative of an entry in alpha where its threshold stays: -y ln²y (e^-x - 1 + x) / x², with x = (alpha - 1) ln y."""
    logs, on = _logs(y)
    x = (_like(alpha, logs) - 1) * logs
    small = x.abs() < 0.02
    near = torch.where(small, x, 0.0)
    series = 0.5 - near / 6 + near**2 / 24 - near**3 / 120 + near**4 / 720
    far = torch.where(small, 1.0, x)
    ratio = torch.where(small, series, (torch.expm1(-far) + far) / far**2)
    return torch.where(on, -logs.exp() * logs**2 * ratio, 0.0)


def _logs(y: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms on the support, 0 off it, and where the support is."""
    numbers = _composed.wide(y)
    on = numbers > 0
    return torch.where(on, numbers, 1.0).log(), on


def _like(alpha: float | Tensor, numbers: Tensor) -> float | Tensor:
    return alpha.to(numbers.device, numbers.dtype) if isinstance(alpha, Tensor) else alpha


def _entmax(logits: Tensor, alpha: float | Tensor, tau: Temperature) -> Tensor:
    tau = _host.number(tau, "tau")
    return _by_alpha(lambda alpha, logits: gumbel.entmax(logits, alpha, tau), alpha, logits)


def _entmax_vjp(y: Tensor, dy: Tensor, alpha: float | Tensor, tau: Temperature) -> Tensor:
    tau = _host.number(tau, "tau")
    return _by_alpha(lambda alpha, y, dy: vjp.entmax_vjp(y, dy, alpha, tau), alpha, y, dy)


def _entmax_alpha_derivative(y: Tensor, alpha: float | Tensor) -> Tensor:
    return _by_alpha(lambda alpha, y: vjp.entmax_alpha_derivative(y, alpha), alpha, y)


def _by_alpha(kernel: Any, alpha: float | Tensor, *tensors: Tensor) -> Tensor:
    """What a kernel returns that takes one alpha at a time, for alphas of shape [.., 1]."""
    arrays = [_host.array(tensor) for tensor in tensors]
    if not isinstance(alpha, Tensor) or alpha.numel() == 1:
        return _host.result(kernel(_host.number(alpha, "alpha"), *arrays), tensors[0])
    rows = arrays[0].shape[:-1]
    alphas = np.broadcast_to(_host.array(alpha), (*rows, 1))[..., 0]
    found = np.empty_like(arrays[0])
    for value in np.unique(alphas):
        places = np.nonzero(alphas == value) if value == value else np.nonzero(np.isnan(alphas))
        found[places] = _part(kernel, float(value), places, *(rows[places] for rows in arrays))
    return _host.result(found, tensors[0])


def _part(kernel: Any, alpha: float, places: tuple[Array, ...], *arrays: Array) -> Array:
    """The rows of one alpha, whose error says where they are in the whole."""
    try:
        part: Array = kernel(alpha, *arrays)
        return part
    except gumbel.Error as error:
        if error.index is not None:
            row, *column = error.index
            error.index = (*(int(axis[row]) for axis in places), *column)
        raise


_kernel = _host.define("entmax(Tensor logits, float alpha, float tau) -> Tensor", _entmax, _host.like)
_vjp = _host.define("entmax_vjp(Tensor y, Tensor dy, float alpha, float tau) -> Tensor", _entmax_vjp, _host.like)
_alpha_derivative = _host.define(
    "entmax_alpha_derivative(Tensor y, float alpha) -> Tensor", _entmax_alpha_derivative, _host.like
)
