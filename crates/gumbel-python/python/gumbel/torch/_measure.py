"""Gradients by enumeration, and the bias and variance of estimates against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .. import Noise
from ..measure import Measured, Measurement
from ._rows import check_logits

__all__ = ["exact_gradient", "measure"]

Objective = Callable[[Tensor], Tensor]
Estimate = Callable[[Tensor, Objective, Noise], Tensor]

# The largest number of states that is enumerated.
_STATES = 1 << 16
# Numbers in the states or replicates that are evaluated at once, about.
_NUMBERS = 1 << 19
# The smallest number of draws that replicates are divided into: the first gives only a direction.
_DRAWS = 16


def exact_gradient(logits: Tensor, f: Objective) -> Tensor:
    """The exact gradient of E f(z) with respect to the logits, by enumeration: ∇ Σ_z q(z) f(z) over all K^D states.

    Shapes: logits [D, K], one row of D latents with K categories, to [D, K] in the type of the logits; f takes
    one-hot states [N, D, K] of that type to [N]. Impossible states are left out: f is not evaluated at masked
    categories.

    Raises `ValueError` for another number of axes, for more than 2^16 states, and for an f that is not finite or
    returns another shape; `gumbel.Error` for logits that are NaN, +inf or all -inf.

    >>> import torch
    >>> from gumbel.torch import exact_gradient
    >>> exact_gradient(torch.zeros(1, 2), lambda z: z[..., 0, 1])  # p (1 − p)
    tensor([[-0.2500,  0.2500]])
    """
    _check_row(logits)
    return _exact(logits.detach(), f).to(logits.dtype)


def measure(
    estimate: Estimate,
    logits: Tensor,
    f: Objective,
    replicates: int,
    *,
    noise: Noise,
    reference: Tensor | None = None,
) -> Measured:
    """The mean, variance and bias of `replicates` independent gradient estimates at one row of logits.

    `estimate(logits [R, D, K], f, noise)` returns a surrogate [R] whose gradient is the estimate of each of R equal
    rows; it draws from the noise that it is given, which is `noise.split(1).split(draw)` in each of 16 draws or
    more. f takes one-hot or relaxed samples [.., D, K] to [..]. The bias is against `exact_gradient`, or a
    `reference` [D, K] of the caller's own. The same as `gumbel::measure::measure` in Rust, without its warm-up:
    equal noise gives equal numbers.

    Raises `ValueError` for fewer than 32 replicates, for a surrogate of another shape or that is not finite, and what
    `exact_gradient` raises.

    >>> import gumbel, torch
    >>> from gumbel.torch import measure, one_hot, path
    >>> def zgr(logits, f, noise):
    ...     return f(path.zgr(logits, one_hot(logits, noise=noise)))
    >>> logits = torch.tensor([[0.0, 0.5], [0.0, -1.0], [0.0, 0.2]])
    >>> ones = lambda z: z[..., 1].sum(-1)
    >>> quadratic = measure(zgr, logits, lambda z: (ones(z) - 2.2) ** 2, 10_000, noise=gumbel.Noise(1))
    >>> curved = measure(zgr, logits, lambda z: torch.exp(1.5 * ones(z)), 10_000, noise=gumbel.Noise(1))
    >>> abs(quadratic.bias.z) < 4, curved.bias.z > 8
    (True, True)
    """
    _check_row(logits)
    if not isinstance(noise, Noise):
        raise TypeError(f"noise must be a gumbel.Noise, got {type(noise).__name__}")
    if replicates < 2 * _DRAWS:
        raise ValueError(f"replicates must be at least {2 * _DRAWS}, got {replicates}")
    exact = _exact(logits.detach(), f) if reference is None else reference.detach().double()
    measurement, draws = Measurement(exact.cpu().numpy(), epsilon=torch.finfo(logits.dtype).eps), noise.split(1)
    for draw, rows in enumerate(_rows_of_draws(replicates, logits.numel())):
        gradients, losses = _draw(estimate, logits, f, rows, draws.split(draw))
        measurement.add(gradients.double().cpu().numpy(), losses.double().cpu().numpy())
    return measurement.result()


def _draw(estimate: Estimate, logits: Tensor, f: Objective, rows: int, noise: Noise) -> tuple[Tensor, Tensor]:
    """Gradients [R, D, K] and values [R] of independent estimates."""
    with torch.enable_grad():
        leaves = logits.detach().expand(rows, *logits.shape).clone().requires_grad_()
        surrogate = estimate(leaves, f, noise)
        if not isinstance(surrogate, Tensor) or tuple(surrogate.shape) != (rows,):
            shape = tuple(surrogate.shape) if isinstance(surrogate, Tensor) else type(surrogate).__name__
            raise ValueError(f"estimate must return a surrogate of shape ({rows},), one number per row; got {shape}")
        # A surrogate that does not depend on the logits has a gradient too: zero.
        (gradients,) = torch.autograd.grad(surrogate.sum() + (leaves.nan_to_num(neginf=0.0) * 0).sum(), leaves)
    return gradients, surrogate.detach()


def _rows_of_draws(replicates: int, numbers: int) -> Iterator[int]:
    """The sizes of draws that fit into memory, all equal but the last; they depend on the arguments alone."""
    rows = min(-(-replicates // _DRAWS), max(_NUMBERS // numbers, 2))
    for first in range(0, replicates, rows):
        yield min(rows, replicates - first)


def _exact(logits: Tensor, f: Objective) -> Tensor:
    """The exact gradient in double precision."""
    index, q = _possible_states(logits.double().log_softmax(-1))
    chunk = max(_NUMBERS // logits.numel(), 1)
    parts = (index[first : first + chunk] for first in range(0, len(index), chunk))
    values = torch.cat([_values(f, part, logits) for part in parts])
    # Weights that sum to zero: those of the mean times the softmax vanish.
    weights = q * (values - (q * values).sum())
    gradient = torch.zeros(logits.shape[::-1], dtype=torch.float64, device=logits.device)
    return gradient.scatter_add(0, index, weights.unsqueeze(-1).expand(index.shape)).T


def _possible_states(log_p: Tensor) -> tuple[Tensor, Tensor]:
    """The categories [N, D] of all states that are possible, and their probabilities [N]."""
    latents, categories = log_p.shape
    if categories**latents > _STATES:
        raise ValueError(f"{categories}^{latents} states are too many to enumerate; the limit is {_STATES}")
    state = torch.arange(categories**latents, device=log_p.device).unsqueeze(-1)
    index = state // categories ** torch.arange(latents, device=log_p.device) % categories
    q = log_p.T.gather(0, index).sum(-1).exp()
    return index[q > 0], q[q > 0]


def _values(f: Objective, index: Tensor, logits: Tensor) -> Tensor:
    """The objective at states, [N], in double precision."""
    with torch.no_grad():
        values = f(torch.nn.functional.one_hot(index, logits.shape[-1]).to(logits.dtype))
    if not isinstance(values, Tensor) or values.shape != index.shape[:1]:
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"f must return one number per state, shape ({len(index)},); got {shape}")
    values = values.double()
    if not bool(values.isfinite().all()):
        state = int((~values.isfinite()).nonzero()[0])
        raise ValueError(f"f must be finite, got {float(values[state])} at the categories {index[state].tolist()}")
    return values


def _check_row(logits: Tensor) -> None:
    if not isinstance(logits, Tensor):
        raise TypeError(f"logits must be a tensor, got {type(logits).__name__}")
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(f"logits must have the shape [D, K], one row of latents; got {tuple(logits.shape)}")
    check_logits(logits)
