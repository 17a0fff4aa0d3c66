"""Hard samples with a substituted gradient, as pure functions of the logits and the sample.

Each function returns `hard` bit for bit, as a differentiable function of the logits. Sample with
`gumbel.torch.one_hot`, attach a gradient, and use the result like any one-hot tensor; g = ∇f is the gradient that
reaches it, p = softmax(θ), and J(p) v = p∘v − p (pᵀv). All have the arguments (logits, hard, tau), so that one can
be exchanged for another; those without a temperature ignore it.

=============  ==========================================  ==========================
path           gradient of the logits                      exact for
=============  ==========================================  ==========================
identity       g                                           none
probabilities  J(softmax(θ/τ)) g / τ                       a linear f, at τ = 1
reinmax        2 J(½ (softmax(θ/τ) + b)) g − ½ J(p) g      a quadratic f, at τ = 1
zgr            ½ [p∘g + b (bᵀg) − p (bᵀg) − b (pᵀg)]       a quadratic f
gumbel_rao     mean of J(y) g / τ over y given b           a quadratic f, as τ → 0
gapped         J(y) g / τ of logits moved to agree with b  none
darn           (b − ½)∘(b − p)∘g                           a quadratic f of bits
=============  ==========================================  ==========================

A logit of -inf masks its category: its gradient is exactly 0.

Shapes: logits and hard [.., K], broadcast against each other; the result has the type of the logits.

Raises: `gumbel.Error` of kind temperature (not positive and finite), logit (NaN or +inf), all_masked, or sample (not one-hot,
or in a masked category), with its place as `index`; `ValueError` for shapes that do not fit; `TypeError` for logits that are
not floats. Values are not checked while compiling, tracing or mapping.

>>> import gumbel, torch
>>> from gumbel.torch import path
>>> logits = torch.zeros(2, requires_grad=True)
>>> z = path.zgr(logits, torch.tensor([0.0, 1.0]))
>>> z.detach(), torch.autograd.grad(z[1], logits)[0]  # p (1 − p)
(tensor([0., 1.]), tensor([-0.2500,  0.2500]))
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from . import _ops
from ._noise import NoiseLike, key_of
from ._rows import Rows, attached, log_mass, unmasked

__all__ = ["darn", "gapped", "gumbel_rao", "identity", "probabilities", "reinmax", "zgr"]


def identity(logits: Tensor, hard: Tensor, tau: float = 1.0) -> Tensor:
    """A hard sample with the gradient of the logits themselves; zero at masks.

    Not invariant to a constant added to the logits, and ignores `tau`. Bengio, Léonard and Courville 2013, section 4.

    Shapes: logits and hard [.., K] to [.., K]. Raises: what the module documents.

    >>> import torch
    >>> logits = torch.tensor([0.0, -torch.inf], requires_grad=True)
    >>> (3 * identity(logits, torch.tensor([1.0, 0.0]))).sum().backward()
    >>> logits.grad
    tensor([3., 0.])
    """
    rows = Rows(logits, hard, tau)
    return attached(rows, unmasked(rows.logits))


def probabilities(logits: Tensor, hard: Tensor, tau: float = 1.0) -> Tensor:
    """A hard sample with the gradient of softmax(logits / tau). Exact for a linear f at `tau` 1.

    Bengio, Léonard and Courville 2013, section 4, with the Jacobian of the softmax.

    Shapes: logits and hard [.., K] to [.., K]. Raises: what the module documents.

    >>> import torch
    >>> logits = torch.zeros(2, requires_grad=True)
    >>> probabilities(logits, torch.tensor([1.0, 0.0]))[0].backward()
    >>> logits.grad  # p (1 − p)
    tensor([ 0.2500, -0.2500])
    """
    rows = Rows(logits, hard, tau)
    return attached(rows, (rows.logits / rows.tau).softmax(-1))


def reinmax(logits: Tensor, hard: Tensor, tau: float = 1.0) -> Tensor:
    """A hard sample with ReinMax's gradient, second-order straight-through by Heun's method.

    Exact for a quadratic f at `tau` 1, where it is `zgr` sample by sample; a `tau` above 1 lowers the variance and
    is biased for a linear f, one below 1 is not recommended. Liu, Dong, Liu, Yu and Gao 2023, section 3.

    Shapes: logits and hard [.., K] to [.., K]. Raises: what the module documents.

    >>> import torch
    >>> logits = torch.zeros(2, requires_grad=True)
    >>> reinmax(logits, torch.tensor([1.0, 0.0]))[0].backward()
    >>> logits.grad  # 2 · ¾ · ¼ − ½ · ¼
    tensor([ 0.2500, -0.2500])
    """
    rows = Rows(logits, hard, tau)
    midpoint = ((rows.logits.detach() / rows.tau).softmax(-1) + rows.hard) * 0.5
    theta = unmasked(rows.logits)
    # The logits of the midpoint, with the gradient of the caller's.
    here = midpoint.log() + (theta - theta.detach())
    return attached(rows, here.softmax(-1) * 2 - rows.logits.softmax(-1) * 0.5)


def zgr(logits: Tensor, hard: Tensor, tau: float = 1.0) -> Tensor:
    """A hard sample with ZGR's gradient, the zero-temperature limit of `gumbel_rao`: half straight-through, half DARN.

    Exact for every quadratic f, with nothing to tune: the default choice. Ignores `tau`. Shekhovtsov 2023, section 4.

    Shapes: logits and hard [.., K] to [.., K]. Raises: what the module documents.

    >>> import torch
    >>> logits = torch.zeros(2, requires_grad=True)
    >>> zgr(logits, torch.tensor([1.0, 0.0]))[0].backward()
    >>> logits.grad  # ½ (½ + 1 − ½ − ½)
    tensor([ 0.2500, -0.2500])
    """
    rows = Rows(logits, hard, tau)
    p = rows.logits.softmax(-1)
    log_p = log_mass(rows.logits, rows.hard).unsqueeze(-1)
    return attached(rows, (p + (rows.hard - p.detach()) * log_p) * 0.5)


def gumbel_rao(
    logits: Tensor,
    hard: Tensor,
    tau: float = 1.0,
    draws: int = 10,
    *,
    noise: NoiseLike = None,
) -> Tensor:
    """A hard sample with the gradient of the mean of `draws` relaxed samples that have it as their argmax.

    The bias is that of straight-through Gumbel-Softmax at the same `tau`, the variance falls with `draws`. The
    conditional Gumbels are constants given the sample. Uses `draws` numbers of the noise for each logit; `noise` as
    in `gumbel.torch.gumbel_softmax`. Paulus, Maddison and Krause 2021, section 4; eq. 9 for the conditional
    Gumbels.

    Shapes: logits and hard [.., K] to [.., K]. Raises: what the module documents; `ValueError` for fewer than one draw.

    >>> import gumbel, torch
    >>> logits = torch.zeros(2, requires_grad=True)
    >>> gumbel_rao(logits, torch.tensor([1.0, 0.0]), draws=1000, noise=gumbel.Noise(1))[0].backward()
    >>> logits.grad  # E y (1 − y) is 1/6 for a uniform y
    tensor([ 0.1676, -0.1676])
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    rows = Rows(logits, hard, tau)
    # Draws come first, or after the axes along which each row has a key of its own.
    axis = noise.ndim - 1 if isinstance(noise, Tensor) else 0
    theta, hard = rows.logits.unsqueeze(axis), rows.hard.unsqueeze(axis)
    like = theta.detach().expand(*theta.shape[:axis], draws, *theta.shape[axis + 1 :])
    waiting = _ops.noise(like, key_of(noise, like), "exponential")
    perturbed = theta + _given_argmax(theta.detach(), hard, waiting)
    # The largest is the sampled one; less it, no temperature makes it infinite.
    gaps = perturbed - perturbed.detach().amax(-1, keepdim=True)
    return attached(rows, (gaps / rows.tau).softmax(-1).mean(axis))


def gapped(logits: Tensor, hard: Tensor, tau: float = 1.0, gap: float | Literal["p"] = 1.0) -> Tensor:
    """A hard sample with the gradient of the softmax of logits that are moved, no further than necessary, to agree with it.

    The sampled logit is lifted to the top and the others are kept at least `gap` below it; "p" is the mean gap
    between the largest perturbed logit and the others, −ln(1 − p_b) / p_b. Exact for no f, with less variance than
    straight-through Gumbel-Softmax. Fan, Chi, Rudnicky and Ramadge 2022, section 4.

    Shapes: logits and hard [.., K] to [.., K]. Raises: what the module documents; `ValueError` for a gap that is negative or not finite.

    >>> import torch
    >>> logits = torch.tensor([5.0, 0.0], requires_grad=True)
    >>> gapped(logits, torch.tensor([0.0, 1.0]))[1].backward()
    >>> logits.grad  # σ(1) (1 − σ(1)): the two logits are a gap apart
    tensor([-0.1966,  0.1966])
    """
    rows = Rows(logits, hard, tau)
    theta = rows.logits.detach()
    # The logits are centred: the largest is 0.
    sampled = (unmasked(theta) * rows.hard).sum(-1, keepdim=True)
    excess = (theta + _gap(theta, rows.hard, gap)).clamp_min(0.0)
    moved = -sampled * rows.hard - excess * (1 - rows.hard)
    return attached(rows, ((rows.logits + moved) / rows.tau).softmax(-1))


def darn(logits: Tensor, hard: Tensor, tau: float = 1.0) -> Tensor:
    """A hard sample of bits with DARN's gradient, a trapezoidal estimate of each bit's effect.

    Exact for every quadratic f, and for two categories the same as `zgr`. Ignores `tau`. Gregor, Danihelka, Mnih,
    Blundell and Wierstra 2014; as the gradient of a sample, Shekhovtsov 2023.

    Shapes: logits and hard [.., K] to [.., K]. Raises: what the module documents; `ValueError` unless K is 2.

    >>> import torch
    >>> logits = torch.zeros(2, requires_grad=True)
    >>> darn(logits, torch.tensor([0.0, 1.0]))[1].backward()
    >>> logits.grad  # (1 − ½) (1 − ½)
    tensor([-0.2500,  0.2500])
    """
    rows = Rows(logits, hard, tau)
    if logits.shape[-1] != 2:
        raise ValueError(f"darn supports two categories, got logits of shape {tuple(logits.shape)}; use zgr")
    # The derivative of the log-probability is b − p.
    return attached(rows, log_mass(rows.logits, rows.hard).unsqueeze(-1) * (rows.hard - 0.5))


def _gap(theta: Tensor, hard: Tensor, gap: float | Literal["p"]) -> Tensor | float:
    if gap == "p":
        # Short of one by a rounding step, so that the gap stays finite; its limit at 0 is 1.
        p = (theta.softmax(-1) * hard).sum(-1, keepdim=True).clamp(1e-30, 1 - 1e-5)
        return -(-p).log1p() / p
    if isinstance(gap, str) or not 0 <= gap < float("inf"):
        raise ValueError(f"gap must be a finite number that is not negative, or 'p'; got {gap!r}")
    return gap


def _given_argmax(logits: Tensor, hard: Tensor, waiting: Tensor) -> Tensor:
    """Standard Gumbel noise given that argmax(logits + g) is `hard`, from exponential noise; 0 at masked categories.

    The arrival times exp(−(θ + g)) are exponential with rates exp θ, so they are memoryless: the first comes after
    E_b, the others E_i / p_i later.
    """
    log_p = logits.log_softmax(-1)
    masked = log_p == -torch.inf
    log_p = log_p.masked_fill(masked, 0.0)
    first = (waiting * hard).sum(-1, keepdim=True).log()
    later = torch.logaddexp(waiting.log() - log_p, first)
    keys = -torch.where(hard > 0, first, later)
    return (keys - log_p).masked_fill(masked, 0.0)
