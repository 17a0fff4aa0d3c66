"""Score-function surrogates: from log-probabilities and values, a loss whose gradient estimates that of its mean.

The objective is a black box: only its values are used, and its gradient in z does not need to exist. The functions are pure:
draw samples (`gumbel.torch.one_hot`, or a distribution's `sample`), compute the log-probability of each and the value of the
objective there, and call one. Samples are the first axis: log-probabilities and values have the shape [S, ..].

A surrogate [..] has the estimate of the expected value as its value, and the estimated gradient as its gradient: that of the
objective's own parameters too, if the values depend on any. Values are what is minimised: for rewards, pass their negatives,
or ascend. A signal [S, ..] is what weighs the score ∇ log q(z_s); `weighted` makes a surrogate of one's own.

Raises, all that take values: `ValueError` for shapes that differ, too few samples, or numbers that are not finite; `TypeError`
for tensors that are not of floats. Numbers are not checked while compiling, tracing or mapping.

>>> import torch
>>> from gumbel.torch import score
>>> log_prob = torch.tensor([-1.0, -2.0], requires_grad=True)
>>> loss = score.rloo(log_prob, torch.tensor([3.0, 1.0]))
>>> loss.item(), torch.autograd.grad(loss, log_prob)[0]  # (3 − 1) / 2, (1 − 3) / 2
(2.0, tensor([ 1., -1.]))
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._antithetic import antithetic_pair, antithetic_samples, arms, disarm
from ._rows import Rows, broadcast_shape, log_mass
from ._values import check_values, wide, zero

__all__ = [
    "antithetic_pair",
    "antithetic_samples",
    "arms",
    "disarm",
    "group_relative",
    "leave_one_out",
    "log_prob",
    "mean_centred",
    "reinforce",
    "rloo",
    "vimco",
    "vimco_signal",
    "weighted",
]


def log_prob(logits: Tensor, hard: Tensor) -> Tensor:
    """Log-probability in nats of one-hot rows.

    Unlike log_softmax(logits) · hard it is never NaN where a logit of -inf masks a category, nor is its gradient. Sum it over
    the latents of a sample.

    Shapes: logits and hard [.., K], broadcast against each other, to [..] in the type of the logits.

    Raises: what `gumbel.torch.path` raises.

    >>> import math, torch
    >>> log_prob(torch.tensor([0.0, math.log(3), -torch.inf]), torch.tensor([0.0, 1.0, 0.0])).exp()
    tensor(0.7500)
    """
    rows = Rows(logits, hard)
    return log_mass(rows.logits, rows.hard).to(rows.dtype)


def weighted(log_prob: Tensor, values: Tensor, signal: Tensor) -> Tensor:
    """The mean value, with the gradient (1/S) Σ_s signal_s ∇ log q(z_s) added.

    The signal is a constant in the gradient. Unbiased if it is the value minus anything independent of the sample.

    Shapes: log_prob, values and signal [S, ..] to [..] in the type of the values. Raises: what the module documents.

    >>> import torch
    >>> log_prob = torch.zeros(2, requires_grad=True)
    >>> loss = weighted(log_prob, torch.tensor([3.0, 1.0]), torch.tensor([0.5, -4.0]))
    >>> loss.item(), torch.autograd.grad(loss, log_prob)[0]
    (2.0, tensor([ 0.2500, -2.0000]))
    """
    check_values(1, log_prob=log_prob, values=values, signal=signal)
    return (values.mean(0) + (zero(log_prob) * wide(signal)).mean(0)).to(values.dtype)


def reinforce(log_prob: Tensor, values: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """REINFORCE: (1/S) Σ_s (f_s − baseline) ∇ log q(z_s), unbiased for a baseline that is independent of the samples.

    A mean over *earlier* batches, a prediction from the input, or the value at the mode (the self-critical baseline of Rennie
    et al. 2017) is; the mean over this batch is not. The baseline gets no gradient.

    Shapes: log_prob and values [S, ..], and a baseline that broadcasts to them, to [..]. Raises: what the module documents.

    Williams 1992, eq. 4, and section 4 for the baseline.

    >>> import torch
    >>> log_prob = torch.zeros(2, requires_grad=True)
    >>> reinforce(log_prob, torch.tensor([3.0, 1.0]), baseline=2.5).backward()
    >>> log_prob.grad
    tensor([ 0.2500, -0.7500])
    """
    check_values(1, log_prob=log_prob, values=values)
    if isinstance(baseline, Tensor) and broadcast_shape(baseline, values) != tuple(values.shape):
        shapes = f"{tuple(values.shape)}, got {tuple(baseline.shape)}"
        raise ValueError(f"the baseline must broadcast to the shape of the values, {shapes}")
    return weighted(log_prob, values, wide(values) - baseline)


def rloo(log_prob: Tensor, values: Tensor) -> Tensor:
    """RLOO: 1/(S−1) Σ_s (f_s − f̄) ∇ log q(z_s), REINFORCE with the mean value of the others as the baseline of each.

    Unbiased, and exactly zero for a constant f: the default for a black box, with nothing to tune.

    Shapes: log_prob and values [S, ..], S ≥ 2, to [..]. Raises: what the module documents.

    Kool, van Hoof and Welling 2019, section 2.

    >>> import torch
    >>> log_prob = torch.zeros(3, requires_grad=True)
    >>> rloo(log_prob, torch.tensor([3.0, 1.0, 2.0])).backward()
    >>> log_prob.grad
    tensor([ 0.5000, -0.5000,  0.0000])
    """
    check_values(2, log_prob=log_prob, values=values)
    return weighted(log_prob, values, leave_one_out(values))


def group_relative(log_prob: Tensor, values: Tensor, normalize: bool = False) -> Tensor:
    """The group-relative surrogate: the mean over all samples, each one's own included, as the baseline.

    The gradient is (S − 1) / S times that of `rloo`: **biased**, by that factor alone. With `normalize` it is also divided by
    the standard deviation of the samples, which is not a gradient of the expected value at all: rows with rare differences
    weigh more. For a bit as the value and S = 8 it is 1.74 times the gradient at p = 0.5, and 2.41 times at p = 0.02.

    Shapes: log_prob and values [S, ..], S ≥ 2, to [..]. Raises: what the module documents.

    Shao et al. 2024, section 4.1 (GRPO, where it is clipped as well).

    >>> import torch
    >>> log_prob = torch.zeros(2, requires_grad=True)
    >>> group_relative(log_prob, torch.tensor([3.0, 1.0])).backward()
    >>> log_prob.grad  # half of rloo's
    tensor([ 0.5000, -0.5000])
    """
    check_values(2, log_prob=log_prob, values=values)
    return weighted(log_prob, values, mean_centred(values, normalize))


def vimco(log_prob: Tensor, losses: Tensor) -> Tensor:
    """VIMCO: the score function for the bound L = −ln (1/S) Σ_s exp(−f_s), with the other samples as the baseline of each.

    For an importance-weighted bound the losses are −ln p(x, z_s) / q(z_s). Their own gradient is part of the estimate: do not
    detach it where they depend on q. Unbiased for the bound of S samples; for a mean over samples use `rloo`.

    Shapes: log_prob and losses [S, ..], S ≥ 2, to [..]. Raises: what the module documents.

    Mnih and Rezende 2016, eq. 8 to 10.

    >>> import torch
    >>> log_prob = torch.zeros(2, requires_grad=True)
    >>> bound = vimco(log_prob, torch.tensor([1.0, 3.0]))
    >>> bound.backward()
    >>> bound.detach(), log_prob.grad
    (tensor(1.5662), tensor([-1.4338,  0.5662]))
    """
    check_values(2, log_prob=log_prob, losses=losses)
    signal = vimco_signal(losses)
    check_values(2, signal=signal)
    return (_bound(losses) + (zero(log_prob) * signal).sum(0)).to(losses.dtype)


def leave_one_out(values: Tensor) -> Tensor:
    """The signal of `rloo`: each value minus the mean of the others. Exactly zero for equal values.

    Shapes: values [S, ..], S ≥ 2, to [S, ..] in single precision at least, without a gradient. Raises: what the module
    documents.

    >>> import torch
    >>> leave_one_out(torch.tensor([3.0, 1.0]))
    tensor([ 2., -2.])
    """
    centred, samples = mean_centred(values), len(values)
    return centred * (samples / (samples - 1))


def mean_centred(values: Tensor, normalize: bool = False) -> Tensor:
    """The signal of `group_relative`: each value minus the mean of all. Exactly zero for equal values.

    With `normalize` divided by their standard deviation (that of a sample, with S − 1).

    Shapes: values [S, ..], S ≥ 2, to [S, ..] in single precision at least, without a gradient. Raises: what the module
    documents.

    >>> import torch
    >>> mean_centred(torch.tensor([3.0, 1.0, 2.0]), normalize=True)
    tensor([ 1., -1.,  0.])
    """
    check_values(2, values=values)
    numbers = wide(values)
    # Less one of them first, so that equal values have a signal of exactly zero.
    shifted = numbers - numbers[:1]
    centred = shifted - shifted.mean(0, keepdim=True)
    if not normalize:
        return centred
    std = shifted.std(0, keepdim=True)
    return centred / std.masked_fill(std == 0, 1.0)


def vimco_signal(losses: Tensor) -> Tensor:
    """The signal of `vimco`: the bound minus what it is with each loss replaced by the mean of the others.

    It weighs a sum over samples, not a mean. Takes memory for S² numbers a row.

    Shapes: losses [S, ..], S ≥ 2, to [S, ..] in single precision at least, without a gradient. Raises: what the module
    documents.

    >>> import torch
    >>> vimco_signal(torch.tensor([1.0, 3.0]))  # 1.5662 less 3 or 1
    tensor([-1.4338,  0.5662])
    """
    others = wide(losses) - leave_one_out(losses)
    losses = wide(losses)
    own = torch.eye(len(losses), dtype=torch.bool, device=losses.device)
    own = own.reshape(*own.shape, *[1] * (losses.ndim - 1))
    replaced = torch.where(own, others.unsqueeze(0), losses.unsqueeze(0))
    return _bound(losses) - _bound(replaced, 1)


def _bound(losses: Tensor, dim: int = 0) -> Tensor:
    """−ln mean exp(−f) over an axis."""
    return math.log(losses.shape[dim]) - (-losses).logsumexp(dim)
