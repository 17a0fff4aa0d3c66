"""Subsets of `k` of `K` categories, as k-hot rows: `k` ones among zeros.

There are two distributions over subsets, and their inclusion probabilities differ:

| distribution | hard, no gradient | hard, straight-through | soft |
| --- | --- | --- | --- |
| exponential family: q(S) is in proportion to exp of the sum of its logits | `k_hot` | `straight_through` | `marginals` |
| without replacement (Plackett-Luce) | `top_k_hot` | `straight_through_top_k` | `relaxed_top_k` |

Only the first has `log_prob`, `entropy` and `kl` in closed form, and a straight-through gradient without a temperature.
For `k = 1` both are categorical. Categories lie on the last axis. A logit of -inf masks a category, which is then in no
subset and has gradient 0.

Everything runs on the host in double precision, for tensors of every device, in time K k per row. Results have the type
of the logits. `log_partition` and `log_prob` can be differentiated twice; a second derivative of the others raises
("once differentiable").
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

import gumbel
from gumbel import vjp

from . import _composed, _host, _ops
from ._host import Temperature
from ._noise import NoiseLike, key_of

__all__ = [
    "entropy",
    "k_hot",
    "kl",
    "log_partition",
    "log_prob",
    "marginals",
    "relaxed_top_k",
    "straight_through",
    "straight_through_top_k",
    "top_k_hot",
]


def marginals(logits: Tensor, k: int) -> Tensor:
    """Inclusion probabilities of the exponential family: the mean of `k_hot`. Soft, differentiable; no noise.

    mu = E[z], and its derivative in the logits is the covariance of z.

    Shapes: logits and result [.., K]; a row of the result sums to `k`.

    Raises: `gumbel.Error` of kind empty_subset (`k` is 0), too_few (a row has fewer than `k` unmasked categories),
    logit (NaN or +inf), all_masked or categories.

    Ahmed, Zeng, Niepert and Van den Broeck (2023).

    >>> import torch
    >>> from gumbel.torch import subset
    >>> subset.marginals(torch.tensor([1.0, 2.0, 3.0]).log(), 2)  # 5/11, 8/11, 9/11
    tensor([0.4545, 0.7273, 0.8182])
    """
    _host.check(logits, "logits")
    return _host.apply(_Marginals, _MarginalsWithTangent, logits, k)


def k_hot(logits: Tensor, k: int, *, noise: NoiseLike = None) -> Tensor:
    """Exact sample of a subset from the exponential family. Hard, without a gradient.

    q(S) = exp(sum of the logits in S - A), where A is `log_partition`.

    Shapes: logits and result [.., K], with `k` ones in each row; uses one number of the noise per logit.

    Raises: `gumbel.Error` as `marginals` does.

    >>> import gumbel, torch
    >>> from gumbel.torch import subset
    >>> subset.k_hot(torch.tensor([0.0, -90.0, 0.0]), 2, noise=gumbel.Noise(1))
    tensor([1., 0., 1.])
    """
    _host.check(logits, "logits")
    return _sample_subset(logits.detach(), key_of(noise, logits), k)


def straight_through(logits: Tensor, k: int, *, noise: NoiseLike = None) -> Tensor:
    """Exact sample of a subset with the gradient of the `marginals` (SIMPLE). Hard.

    The gradient is exact for an objective that is linear in the sample, and biased for others. There is no temperature.

    Shapes: logits and result [.., K], with `k` ones in each row; uses one number of the noise per logit.

    Raises: `gumbel.Error` as `marginals` does.

    Ahmed, Zeng, Niepert and Van den Broeck (2023).

    >>> import gumbel, torch
    >>> from gumbel.torch import subset
    >>> logits = torch.zeros(3, requires_grad=True)
    >>> z = subset.straight_through(logits, 2, noise=gumbel.Noise(1))
    >>> z[0].backward()
    >>> logits.grad  # the variance of the first is 2/3 1/3
    tensor([ 0.2222, -0.1111, -0.1111])
    """
    hard = k_hot(logits, k, noise=noise)
    return _host.attach(hard, marginals(logits, k))


def log_partition(logits: Tensor, k: int) -> Tensor:
    """Log-partition function of the exponential family, in nats: ln of the sum over S of exp(sum of the logits in S).

    Its gradient is `marginals`.

    Shapes: logits [.., K], result [..].

    Raises: `gumbel.Error` as `marginals` does.

    >>> import torch
    >>> from gumbel.torch import subset
    >>> subset.log_partition(torch.zeros(5), 2)  # ln 10: there are ten pairs
    tensor(2.3026)
    """
    _host.check(logits, "logits")
    return _host.apply(_LogPartition, _LogPartitionWithTangent, logits, k)


def log_prob(logits: Tensor, k: int, z: Tensor) -> Tensor:
    """Log-probability in nats of k-hot rows under the exponential family: z . logits - A.

    -inf, with gradient 0, where `z` includes a masked category or is not k-hot.

    Shapes: logits and z [.., K], broadcast against each other; result [..].

    Raises: `gumbel.Error` as `marginals` does.

    >>> import torch
    >>> from gumbel.torch import subset
    >>> subset.log_prob(torch.tensor([1.0, 2.0, 3.0]).log(), 2, torch.tensor([0.0, 1.0, 1.0])).exp()  # 6/11
    tensor(0.5455)
    """
    _host.check(logits, "logits")
    theta = _host.centred(logits)
    total = log_partition(theta, k)
    one, masked = z == 1, torch.isneginf(theta)
    k_hot = ((one | (z == 0)).all(-1)) & (one.sum(-1) == k) & ~(one & masked).any(-1)
    # 0 times -inf is 0 here, in the gradient too.
    picked = (torch.where(one, z, 0).to(theta.dtype) * torch.where(masked | ~one, 0.0, theta)).sum(-1)
    return torch.where(k_hot, picked - total, -torch.inf).to(logits.dtype)


def entropy(logits: Tensor, k: int) -> Tensor:
    """Entropy in nats of the exponential family: A - mu . logits.

    Shapes: logits [.., K], result [..].

    Raises: `gumbel.Error` as `marginals` does.

    >>> import torch
    >>> from gumbel.torch import subset
    >>> subset.entropy(torch.zeros(5), 2)  # ln 10: ten equally probable pairs
    tensor(2.3026)
    """
    _host.check(logits, "logits")
    theta = _host.centred(logits)
    mean = (marginals(theta, k) * _unmasked(theta)).sum(-1)
    return (log_partition(theta, k) - mean).to(logits.dtype)


def kl(q: Tensor, p: Tensor, k: int) -> Tensor:
    """Kullback-Leibler divergence KL(q || p) in nats of two exponential families, given by their logits.

    +inf where `p` masks a category that `q` does not. Computed in double precision, because a small divergence is a difference of
    large numbers.

    Shapes: q and p [.., K], broadcast against each other; result [..], of the type of `q`.

    Raises: `gumbel.Error` as `marginals` does, for either argument.

    >>> import torch
    >>> from gumbel.torch import subset
    >>> q = torch.tensor([90.0, 90.0, 0.0, 0.0, 0.0])
    >>> subset.kl(q, torch.zeros(5), 2)  # ln 10: a certain pair against ten
    tensor(2.3026)
    """
    _host.check(q, "q")
    _host.check(p, "p")
    theta, phi = _host.centred(q.double()), _host.centred(p.double())
    infinite = torch.isneginf(phi) & ~torch.isneginf(theta)
    unused = torch.isneginf(theta) | infinite
    gaps = torch.where(unused, 0.0, theta) - torch.where(unused, 0.0, phi)
    divergence = (marginals(theta, k) * gaps).sum(-1) + log_partition(phi, k) - log_partition(theta, k)
    return torch.where(infinite.any(-1), torch.inf, divergence.clamp(min=0.0)).to(q.dtype)


def top_k_hot(logits: Tensor, k: int, *, noise: NoiseLike = None) -> Tensor:
    """The categories of `gumbel.torch.top_k` as k-hot rows: drawn without replacement. Hard, without a gradient.

    Shapes: logits and result [.., K], with `k` ones in each row; uses one number of the noise per logit.

    Raises: `gumbel.Error` as `marginals` does.

    Vieira (2014); Kool, van Hoof and Welling (2019).

    >>> import gumbel, torch
    >>> from gumbel.torch import subset
    >>> subset.top_k_hot(torch.tensor([0.0, 200.0, 100.0]), 2, noise=gumbel.Noise(1))
    tensor([0., 1., 1.])
    """
    _host.check(logits, "logits")
    return _top_k_hot(logits.detach(), key_of(noise, logits), k)


def relaxed_top_k(logits: Tensor, k: int, tau: Temperature, *, noise: NoiseLike = None) -> Tensor:
    """Relaxed sample of `k` categories without replacement. Soft, differentiable.

    a1 = logits + Gumbel noise; then `k` times: y += softmax(a / tau), a += ln(1 - softmax(a / tau)).

    As tau tends to 0 it tends to `top_k_hot` for the same noise; if tau is about 1 or more, an entry can exceed 1. The
    result has no gradient in `tau`.

    Shapes: logits and result [.., K]; a row of the result sums to `k`; uses one number of the noise per logit.

    Raises: `gumbel.Error` of kind temperature, and as `marginals` does.

    Xie and Ermon (2019); Plötz and Roth (2018).

    >>> import gumbel, torch
    >>> from gumbel.torch import subset
    >>> subset.relaxed_top_k(torch.tensor([0.0, 1.0, 2.0, 3.0]), 2, 0.5, noise=gumbel.Noise(1))
    tensor([0.1035, 0.6743, 0.2549, 0.9672])
    """
    return _relaxed_top_k(logits, k, tau, noise)[0]


def straight_through_top_k(logits: Tensor, k: int, tau: Temperature, *, noise: NoiseLike = None) -> Tensor:
    """The sample of `top_k_hot` with the gradient of `relaxed_top_k`, for the same noise. Hard, biased.

    Shapes: logits and result [.., K], with `k` ones in each row; uses one number of the noise per logit.

    Raises: `gumbel.Error` as `relaxed_top_k` does.

    Xie and Ermon (2019).

    >>> import gumbel, torch
    >>> from gumbel.torch import subset
    >>> logits = torch.zeros(4, requires_grad=True)
    >>> z = subset.straight_through_top_k(logits, 2, 0.5, noise=gumbel.Noise(1))
    >>> z.detach()
    tensor([1., 1., 0., 0.])
    >>> z[0].backward()
    >>> logits.grad
    tensor([ 0.2759, -0.0727, -0.0629, -0.1403])
    """
    soft, key = _relaxed_top_k(logits, k, tau, noise)
    return _host.attach(_top_k_hot(logits.detach(), key, k), soft)


def _relaxed_top_k(logits: Tensor, k: int, tau: Temperature, noise: NoiseLike) -> tuple[Tensor, Tensor]:
    """The relaxed sample and the key of its noise."""
    _host.check(logits, "logits")
    tau, key = _host.temperature(tau), key_of(noise, logits)
    if isinstance(tau, Tensor) and tau.requires_grad:
        raise ValueError("a relaxed top-k sample has no gradient in tau, got a tensor that requires one; detach it")
    soft: Tensor = _RelaxedTopK.apply(logits, key, k, tau)
    return soft, key


def _unmasked(logits: Tensor) -> Tensor:
    return torch.where(torch.isneginf(logits), 0.0, logits)


class _OfLogits(Function):
    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.save_for_forward(inputs[0])
        ctx.k = inputs[1]


class _LogPartition(_OfLogits):
    @staticmethod
    def forward(logits: Tensor, k: int) -> Tensor:
        return _log_partition(logits, k)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        (logits,) = ctx.saved_tensors
        return d.unsqueeze(-1) * marginals(logits, ctx.k), None


class _LogPartitionWithTangent(_LogPartition):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        (logits,) = ctx.saved_tensors
        return (marginals(logits, ctx.k) * tangent).sum(-1)


class _Marginals(_OfLogits):
    @staticmethod
    def forward(logits: Tensor, k: int) -> Tensor:
        return _marginals(logits, k)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        (logits,) = ctx.saved_tensors
        return _host.last(_marginals_vjp, logits, d, ctx.k), None


class _MarginalsWithTangent(_Marginals):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        # The covariance is symmetric.
        (logits,) = ctx.saved_tensors
        return _host.last(_marginals_vjp, logits, tangent, ctx.k)


class _RelaxedTopK(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, key: Tensor, k: int, tau: Temperature) -> Tensor:
        return _relaxed_top_k_sample(logits, key, k, tau)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        logits, key, ctx.k, tau = inputs
        ctx.tau = None if isinstance(tau, Tensor) else tau
        ctx.save_for_backward(logits, key, *([tau] if ctx.tau is None else []))

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None, None, None]:
        logits, key, *tau = ctx.saved_tensors
        slopes = _host.last(_relaxed_top_k_vjp, logits, d, key, ctx.k, tau[0] if tau else ctx.tau)
        return slopes, None, None, None


def _per_row(logits: Tensor, k: int) -> Tensor:
    _composed.check(logits)
    return logits.new_empty(logits.shape[:-1])


def _draw_top_k(logits: Tensor, key: Tensor, k: int) -> Tensor:
    if k < 1:
        gumbel.subset_marginals(_host.array(logits), k)  # Raises: there is no such subset.
    return _hot(_ops.top_k(logits, key, k), logits)


def _hot(members: Tensor, logits: Tensor) -> Tensor:
    return torch.zeros_like(logits, memory_format=torch.contiguous_format).scatter_(-1, members, 1.0)


_log_partition = _host.define(
    "subset_log_partition(Tensor logits, int k) -> Tensor",
    lambda logits, k: _host.result(gumbel.subset_log_partition(_host.array(logits), k), logits),
    _per_row,
)
_marginals = _host.define(
    "subset_marginals(Tensor logits, int k) -> Tensor",
    lambda logits, k: _host.result(gumbel.subset_marginals(_host.array(logits), k), logits),
    _host.like,
)
_marginals_vjp = _host.define(
    "subset_marginals_vjp(Tensor logits, Tensor dy, int k) -> Tensor",
    lambda logits, dy, k: _host.result(vjp.subset_marginals_vjp(_host.array(logits), _host.array(dy), k), logits),
    _host.like,
)
_sample_subset = _host.define(
    "sample_subset(Tensor logits, Tensor key, int k) -> Tensor",
    lambda logits, key, k: _hot(
        _host.sampled(lambda noise, rows: gumbel.sample_subset(rows, k, noise=noise), key, logits), logits
    ),
    _host.like,
)
_top_k_hot = _host.define(
    "top_k_hot(Tensor logits, Tensor key, int k) -> Tensor",
    _draw_top_k,
    _host.like,
)
_relaxed_top_k_sample = _host.define(
    "relaxed_top_k(Tensor logits, Tensor key, int k, float tau) -> Tensor",
    lambda logits, key, k, tau: _host.sampled(
        lambda noise, rows: gumbel.relaxed_top_k(rows, k, _host.number(tau, "tau"), noise=noise), key, logits
    ),
    _host.like,
)
_relaxed_top_k_vjp = _host.define(
    "relaxed_top_k_vjp(Tensor logits, Tensor dy, Tensor key, int k, float tau) -> Tensor",
    lambda logits, dy, key, k, tau: _host.sampled(
        lambda noise, rows, dy: vjp.relaxed_top_k_vjp(rows, dy, k, _host.number(tau, "tau"), noise=noise), key, logits, dy
    ),
    _host.like,
)
