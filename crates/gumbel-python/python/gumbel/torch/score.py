"""Score-function surrogates: from log-probabilities and values, a loss whose gradient estimates that of its mean.

The objective is a black box: only its values are used, and its gradient in z does not need to exist. The functions
are pure: draw samples (`gumbel.torch.one_hot`, or a distribution's `sample`), compute the log-probability of each
and the value of the objective there, and call one. Samples are the first axis; log-probabilities and values have
the shape [S, ..].

A surrogate [..] has the estimate of the expected value as its value, and the estimated gradient as its gradient:
that of the objective's own parameters too, if the values depend on any. Values are what is minimised: for rewards,
pass their negatives, or ascend. A signal [S, ..] is what weighs the score ∇ log q(z_s); `weighted` makes a
surrogate of one's own.

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

from ._rows import Rows, error, log_mass, readable

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
    """Log-probability in nats of one-hot rows: logits and hard [.., K], broadcast against each other, to [..].

    Unlike log_softmax(logits) · hard it has no NaN where a logit of -inf masks a category. Sum it over the latents
    of a sample. Raises what `gumbel.torch.path` raises.

    >>> import math, torch
    >>> log_prob(torch.tensor([0.0, math.log(3), -torch.inf]), torch.tensor([0.0, 1.0, 0.0])).exp()
    tensor(0.7500)
    """
    rows = Rows(logits, hard)
    return log_mass(rows.logits, rows.hard).to(rows.dtype)


def weighted(log_prob: Tensor, values: Tensor, signal: Tensor) -> Tensor:
    """The mean value, with the gradient (1/S) Σ_s signal_s ∇ log q(z_s) added: log_prob, values, signal [S, ..] to [..].

    The signal is a constant in the gradient. Unbiased if it is the value minus anything independent of the sample.
    Raises `ValueError` for shapes that differ, or numbers that are not finite.

    >>> import torch
    >>> log_prob = torch.zeros(2, requires_grad=True)
    >>> loss = weighted(log_prob, torch.tensor([3.0, 1.0]), torch.tensor([0.5, -4.0]))
    >>> loss.item(), torch.autograd.grad(loss, log_prob)[0]
    (2.0, tensor([ 0.2500, -2.0000]))
    """
    _check(1, log_prob=log_prob, values=values, signal=signal)
    return values.mean(0) + (_zero(log_prob) * signal.detach()).mean(0)


def reinforce(log_prob: Tensor, values: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """REINFORCE: (1/S) Σ_s (f_s − baseline) ∇ log q(z_s), unbiased for a baseline that is independent of the samples.

    A mean over *earlier* batches, a prediction from the input, or the value at the mode (the self-critical baseline
    of Rennie et al. 2017) is; the mean over this batch is not. Shapes: log_prob, values [S, ..], and a baseline
    that broadcasts against them, to [..]. Williams 1992, eq. 4, and section 4 for the baseline. Raises `ValueError`
    as `weighted` does.

    >>> import torch
    >>> log_prob = torch.zeros(2, requires_grad=True)
    >>> reinforce(log_prob, torch.tensor([3.0, 1.0]), baseline=2.5).backward()
    >>> log_prob.grad
    tensor([ 0.2500, -0.7500])
    """
    if isinstance(baseline, Tensor):
        baseline = baseline.detach()
    return weighted(log_prob, values, (values.detach() - baseline).expand_as(values))


def rloo(log_prob: Tensor, values: Tensor) -> Tensor:
    """RLOO: 1/(S−1) Σ_s (f_s − f̄) ∇ log q(z_s), REINFORCE with the mean value of the others as the baseline of each.

    Unbiased, and exactly zero for a constant f: the default for a black box, with nothing to tune. Shapes:
    log_prob, values [S, ..], S ≥ 2, to [..]. Kool, van Hoof and Welling 2019, section 2. Raises `ValueError` for
    fewer than two samples, and as `weighted` does.

    >>> import torch
    >>> log_prob = torch.zeros(3, requires_grad=True)
    >>> rloo(log_prob, torch.tensor([3.0, 1.0, 2.0])).backward()
    >>> log_prob.grad
    tensor([ 0.5000, -0.5000,  0.0000])
    """
    return weighted(log_prob, values, leave_one_out(values))


def group_relative(log_prob: Tensor, values: Tensor, normalize: bool = False) -> Tensor:
    """The group-relative surrogate: the mean over all samples, each one's own included, as the baseline.

    The gradient is (S − 1) / S times that of `rloo`: **biased**, by that factor alone. With `normalize` it is also
    divided by the standard deviation of the samples, which is not a gradient of the expected value at all: it
    weighs rows with rare differences more. Shapes: log_prob, values [S, ..], S ≥ 2, to [..]. Shao et al. 2024
    (GRPO), section 4.1. Raises `ValueError` for fewer than two samples, and as `weighted` does.

    >>> import torch
    >>> log_prob = torch.zeros(2, requires_grad=True)
    >>> group_relative(log_prob, torch.tensor([3.0, 1.0])).backward()
    >>> log_prob.grad  # half of rloo's
    tensor([ 0.5000, -0.5000])
    """
    return weighted(log_prob, values, mean_centred(values, normalize))


def vimco(log_prob: Tensor, losses: Tensor) -> Tensor:
    """VIMCO: the score function for the bound L = −ln (1/S) Σ_s exp(−f_s), with the other samples as the baseline of each.

    For an importance-weighted bound the losses are −ln p(x, z_s) / q(z_s); with a gradient of their own, which is
    part of the estimate and must not be left out where they depend on q. Unbiased for the bound of S samples.
    Shapes: log_prob, losses [S, ..], S ≥ 2, to [..]. Mnih and Rezende 2016, eq. 8 to 10. Raises `ValueError` for
    fewer than two samples, and as `weighted` does.

    >>> import torch
    >>> log_prob = torch.zeros(2, requires_grad=True)
    >>> bound = vimco(log_prob, torch.tensor([1.0, 3.0]))
    >>> bound.backward()
    >>> bound.detach(), log_prob.grad
    (tensor(1.5662), tensor([-1.4338,  0.5662]))
    """
    signal = vimco_signal(losses)
    _check(2, log_prob=log_prob, losses=losses)
    return _bound(losses) + (_zero(log_prob) * signal).sum(0)


def leave_one_out(values: Tensor) -> Tensor:
    """The signal of `rloo`: each value minus the mean of the others, [S, ..] to [S, ..].

    Raises `ValueError` for fewer than two samples, or values that are not finite.

    >>> import torch
    >>> leave_one_out(torch.tensor([3.0, 1.0]))
    tensor([ 2., -2.])
    """
    _check(2, values=values)
    samples = len(values)
    return mean_centred(values) * (samples / (samples - 1))


def mean_centred(values: Tensor, normalize: bool = False) -> Tensor:
    """The signal of `group_relative`: each value minus the mean of all, [S, ..] to [S, ..].

    With `normalize` divided by their standard deviation (of the sample, with S − 1); equal values have the signal 0.
    Raises `ValueError` for fewer than two samples, or values that are not finite.

    >>> import torch
    >>> mean_centred(torch.tensor([3.0, 1.0, 2.0]), normalize=True)
    tensor([ 1., -1.,  0.])
    """
    _check(2, values=values)
    values = values.detach()
    # Less one of them first, so that equal values have a signal of exactly zero.
    shifted = values - values[:1]
    centred = shifted - shifted.mean(0, keepdim=True)
    if not normalize:
        return centred
    std = shifted.std(0, keepdim=True)
    return centred / std.masked_fill(std == 0, 1.0)


def vimco_signal(losses: Tensor) -> Tensor:
    """The signal of `vimco`: the bound minus what it is with each loss replaced by the mean of the others.

    Shapes: losses [S, ..] to [S, ..]. It weighs a sum over samples, not a mean. Raises `ValueError` for fewer than
    two samples, or losses that are not finite.

    >>> import torch
    >>> vimco_signal(torch.tensor([1.0, 3.0]))  # 1.5662 less 3 or 1
    tensor([-1.4338,  0.5662])
    """
    _check(2, losses=losses)
    losses = losses.detach()
    samples = len(losses)
    others = losses - leave_one_out(losses)
    own = torch.eye(samples, dtype=torch.bool, device=losses.device).reshape(samples, samples, *[1] * (losses.ndim - 1))
    replaced = torch.where(own, others.unsqueeze(0), losses.unsqueeze(0))
    return _bound(losses) - _bound(replaced, 1)


def antithetic_pair(log_odds: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Bits 1[u > 1 − p] and their twins 1[u < p], p = σ(log_odds), for `disarm`: each Bernoulli(p), together antithetic.

    Shapes: log_odds [.., D] and uniform noise [P, .., D] in (0, 1), to [P, .., D] each. Without a gradient. Raises
    `gumbel.Error` for log-odds that are NaN; those of a masked outcome may be infinite.

    >>> import torch
    >>> antithetic_pair(torch.zeros(2), torch.tensor([0.9, 0.2]))
    (tensor([1., 0.]), tensor([0., 1.]))
    """
    log_odds = _log_odds(log_odds)
    bits, twins = uniform > (-log_odds).sigmoid(), uniform < log_odds.sigmoid()
    return bits.to(log_odds.dtype), twins.to(log_odds.dtype)


def disarm(log_odds: Tensor, bits: Tensor, twins: Tensor, values: Tensor, twin_values: Tensor) -> Tensor:
    """DisARM: ½ (f(b) − f(b̃)) (b − b̃) σ(|log_odds|), mean over pairs, from an `antithetic_pair` and the values at both.

    Unbiased; zero where a pair has equal values. Shapes: log_odds [.., D]; bits, twins [P, .., D]; values,
    twin_values [P, ..]; to [..]. Dong, Mnih and Tucker 2020, section 3; the same as U2G (Yin et al. 2020). Raises
    `ValueError` for shapes that do not fit, or numbers that are not finite.

    >>> import torch
    >>> log_odds = torch.zeros(1, requires_grad=True)
    >>> bits, twins = antithetic_pair(log_odds, torch.tensor([[0.9]]))
    >>> disarm(log_odds, bits, twins, bits.sum(-1), twins.sum(-1)).backward()
    >>> log_odds.grad  # ½ (1 − 0) σ(0)
    tensor([0.2500])
    """
    _check(1, values=values, twin_values=twin_values)
    _check_bits(log_odds, values, bits=bits, twins=twins)
    signal = (values - twin_values).detach().unsqueeze(-1) * 0.5
    slope = signal * (bits - twins) * _log_odds(log_odds).abs().sigmoid()
    return (values + twin_values).mean(0) * 0.5 + (_zero(log_odds) * slope.mean(0)).sum(-1)


def antithetic_samples(log_odds: Tensor, exponential: Tensor) -> Tensor:
    """S samples of bits for `arms`, each Bernoulli(σ(log_odds)), each pair of them antithetic, by a Dirichlet copula.

    Shapes: log_odds [.., D] and standard exponential noise [S, .., D], S ≥ 2, to [S, .., D]. Without a gradient.
    Raises `ValueError` for fewer than two samples, `gumbel.Error` for log-odds that are NaN.

    >>> import torch
    >>> antithetic_samples(torch.zeros(1), torch.tensor([[0.3], [2.0]])).flatten()  # of a fair bit two are opposite
    tensor([1., 0.])
    """
    _check(2, exponential=exponential)
    log_odds = _log_odds(log_odds)
    samples, total = len(exponential), exponential.sum(0)
    # 1 − d as the sum of the others, not as a difference: small ones keep their digits.
    others = [torch.cat([exponential[:s], exponential[s + 1 :]]).sum(0) for s in range(samples)]
    copula = (torch.stack(others) / total) ** (samples - 1)
    rarer = copula < (-log_odds.abs()).sigmoid()
    # The rarer outcome is a one, or a zero.
    return (rarer == (log_odds <= 0)).to(log_odds.dtype)


def arms(log_odds: Tensor, bits: Tensor, values: Tensor) -> Tensor:
    """ARMS: ρ / (S − 1) Σ_s (f_s − f̄) (b_s − p) from `antithetic_samples` and the values at them.

    ρ = t (1 − t) / (t − c), t = min(p, 1 − p), c = max(2 t^(1/(S−1)) − 1, 0)^(S−1). Unbiased, and zero for a
    constant f; for two samples it is `disarm`. Shapes: log_odds [.., D]; bits [S, .., D]; values [S, ..], S ≥ 2; to
    [..]. Dimitriev and Zhou 2021, section 3. Raises `ValueError` for fewer than two samples, shapes that do not
    fit, or numbers that are not finite.

    >>> import torch
    >>> log_odds = torch.zeros(1, requires_grad=True)
    >>> bits = antithetic_samples(log_odds, torch.tensor([[0.3], [2.0]]))
    >>> arms(log_odds, bits, bits.sum(-1)).backward()
    >>> log_odds.grad  # of two samples of a fair bit there is no variance: p (1 − p)
    tensor([0.2500])
    """
    _check(2, values=values)
    _check_bits(log_odds, values, bits=bits)
    theta, others = _log_odds(log_odds), len(values) - 1
    signal = mean_centred(values).unsqueeze(-1) / others
    slope = (signal * (bits - theta.sigmoid())).sum(0) * _pair_weight(theta, others)
    return values.mean(0) + (_zero(log_odds) * slope).sum(-1)


def _pair_weight(log_odds: Tensor, others: int) -> Tensor:
    """ρ, as (1 − t) / (1 − c / t)."""
    t = (-log_odds.abs()).sigmoid().clamp_min(1e-30)
    meet = (2 * t ** (1 / others) - 1).clamp_min(0.0) ** others
    return (1 - t) / (1 - meet / t)


def _bound(losses: Tensor, dim: int = 0) -> Tensor:
    """−ln mean exp(−f) over an axis."""
    return math.log(losses.shape[dim]) - (-losses).logsumexp(dim)


def _zero(tensor: Tensor) -> Tensor:
    """Zero, with the gradient of the tensor where that is finite."""
    tensor = tensor.masked_fill(tensor.isinf(), 0.0)
    return tensor - tensor.detach()


def _log_odds(given: Tensor) -> Tensor:
    """Log-odds without a gradient."""
    if not (isinstance(given, Tensor) and given.dtype.is_floating_point):
        raise TypeError(f"log_odds must be a tensor of floats, got {getattr(given, 'dtype', type(given).__name__)}")
    given = given.detach()
    if readable(given) and bool(given.isnan().any()):
        place = tuple(given.isnan().nonzero()[0].tolist())
        raise error("log_odds", f"the log-odds at {place} are nan; expected a number", place, math.nan)
    return given


def _check(samples: int, **given: Tensor) -> None:
    """Tensors of one shape [S, ..], S at least `samples`, of finite floats."""
    first = next(iter(given.values()))
    for name, tensor in given.items():
        if not (isinstance(tensor, Tensor) and tensor.dtype.is_floating_point):
            raise TypeError(f"{name} must be a tensor of floats, got {getattr(tensor, 'dtype', type(tensor).__name__)}")
        if tensor.ndim == 0 or len(tensor) < samples:
            raise ValueError(f"{name} must have at least {samples} samples on the first axis, got shape {tuple(tensor.shape)}")
        if tensor.shape != first.shape:
            names, shapes = " and ".join(given), " and ".join(str(tuple(t.shape)) for t in given.values())
            raise ValueError(f"{names} must have the same shape, got {shapes}")
        if readable(tensor) and not bool(tensor.isfinite().all()):
            raise ValueError(f"{name} must be finite, got {float(tensor[~tensor.isfinite()][0])}")


def _check_bits(log_odds: Tensor, values: Tensor, **bits: Tensor) -> None:
    expected = (*values.shape, log_odds.shape[-1] if log_odds.ndim else 1)
    for name, tensor in bits.items():
        if tuple(tensor.shape) != expected or log_odds.shape != tensor.shape[1:]:
            shapes = f"{tuple(tensor.shape)}, {tuple(values.shape)} and {tuple(log_odds.shape)}"
            raise ValueError(f"{name}, their values and log_odds must have shapes [S, .., D], [S, ..] and [.., D]; got {shapes}")
