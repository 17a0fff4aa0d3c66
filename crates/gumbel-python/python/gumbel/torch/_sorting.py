"""Sorting, hard and relaxed: permutations of scores in descending order, composed of PyTorch's operations."""

import numpy as np
import torch
from torch import Tensor

import gumbel

from . import _composed, _host
from ._host import Temperature


def neural_sort(scores: Tensor, tau: Temperature = 1.0) -> Tensor:
    """Relaxed permutation that sorts scores in descending order (NeuralSort). Soft, differentiable.

    Row i is softmax(((n + 1 - 2i) s - A 1) / tau), with A[j, k] = |s_j - s_k| and i from 1 to n. Its largest entry is
    at the i-th largest score. A score of -inf pads: it has no gradient, the others are sorted as they are without it,
    and the last places are those of the padding, in equal parts.

    Shapes: scores [.., n], result [.., n, n], whose rows sum to one.

    Raises: `gumbel.Error` of kind temperature, logit (a score that is NaN or +inf), all_masked (a row of padding) or
    categories.

    Grover, Wang, Zweig and Ermon (2019).

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.neural_sort(torch.tensor([1.0, 3.0, 2.0]))[0]  # softmax(-1, 3, 2)
    tensor([0.0132, 0.7214, 0.2654])
    """
    numbers, padding, tau = _scores(scores, tau)
    n = numbers.shape[-1]
    # Shifting the scores changes nothing. With t = s - max s, the keys less that of the largest score are
    # (1 - 2i) t_k - 2 sum over j of max(t_j - t_k, 0): no score enters the key of a larger one, so that a score far below the
    # others does not round them away.
    t = numbers - numbers.detach().amax(-1, keepdim=True)
    row, column = t.unsqueeze(-2), t.unsqueeze(-1)
    above = 2 * (row - column).relu().sum(-1).unsqueeze(-2)
    weights = -1 - 2 * torch.arange(n, dtype=t.dtype, device=t.device).unsqueeze(-1)
    return _softmax(weights * row - above, padding, tau).to(scores.dtype)


def soft_sort(scores: Tensor, tau: Temperature = 1.0) -> Tensor:
    """Relaxed permutation that sorts scores in descending order (SoftSort). Soft, differentiable.

    Row i is softmax(-|s_(i) - s| / tau), with s_(i) the i-th largest score. Padding, shapes and errors are those of
    `neural_sort`.

    Prillo and Eisenschlos (2020), with the absolute difference.

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.soft_sort(torch.tensor([1.0, 3.0, 2.0]))[0]  # softmax(-2, 0, -1)
    tensor([0.0900, 0.6652, 0.2447])
    """
    numbers, padding, tau = _scores(scores, tau)
    placed = numbers.gather(-1, _order(numbers, padding))
    gaps = -(placed.unsqueeze(-1) - numbers.unsqueeze(-2)).abs()
    return _softmax(gaps, padding, tau).to(scores.dtype)


def hard_sort(scores: Tensor) -> Tensor:
    """Permutation that sorts scores in descending order. Hard, without a gradient; equal scores keep their order.

    Scores of -inf have the last places, in their order. Shapes and errors are those of `neural_sort`.

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.hard_sort(torch.tensor([1.0, 3.0]))
    tensor([[0., 1.],
            [1., 0.]])
    """
    numbers, padding, _ = _scores(scores, 1.0)
    order = _order(numbers, padding).unsqueeze(-1)
    zeros = torch.zeros((*scores.shape, scores.shape[-1]), dtype=scores.dtype, device=scores.device)
    return zeros.scatter(-1, order, 1.0)


def straight_through_neural_sort(scores: Tensor, tau: Temperature = 1.0) -> Tensor:
    """The `hard_sort` of scores, bit for bit, with the gradient of `neural_sort`. Hard.

    Shapes and errors are those of `neural_sort`.

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.straight_through_neural_sort(torch.tensor([1.0, 3.0]))
    tensor([[0., 1.],
            [1., 0.]])
    """
    return _host.attach(hard_sort(scores), neural_sort(scores, tau))


def straight_through_soft_sort(scores: Tensor, tau: Temperature = 1.0) -> Tensor:
    """The `hard_sort` of scores, bit for bit, with the gradient of `soft_sort`. Hard.

    Shapes and errors are those of `neural_sort`.

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.straight_through_soft_sort(torch.tensor([1.0, 3.0]))
    tensor([[0., 1.],
            [1., 0.]])
    """
    return _host.attach(hard_sort(scores), soft_sort(scores, tau))


def _scores(scores: Tensor, tau: Temperature) -> tuple[Tensor, Tensor, Tensor]:
    """Checked scores in the type of the computation, with the least one of their row at padding, where they have no gradient; where
    the padding is; and the temperature."""
    _host.check(scores, "scores")
    tau = _host.temperature(tau)
    tau = tau if isinstance(tau, Tensor) else _host.tensor_of(tau)
    padding = _padding(scores.detach(), tau.detach())
    numbers = _composed.wide(scores)
    least = torch.where(padding, torch.inf, numbers.detach()).amin(-1, keepdim=True)
    return torch.where(padding, least, numbers), padding, tau.to(numbers.device, numbers.dtype)


def _order(numbers: Tensor, padding: Tensor) -> Tensor:
    """The items [.., n] in descending order; of equal ones the first, and padding last."""
    return torch.where(padding, -torch.inf, numbers.detach()).sort(dim=-1, descending=True, stable=True).indices


def _softmax(keys: Tensor, padding: Tensor, tau: Tensor) -> Tensor:
    """Softmax of keys [.., n, n] over items. Places of the padding [.., n] have all of it, in equal parts, and no others have it."""
    n = padding.shape[-1]
    last = torch.arange(n, device=keys.device) >= (~padding).sum(-1, keepdim=True)
    item, place = padding.unsqueeze(-2), last.unsqueeze(-1)
    keys = torch.where(item & place, 0.0, keys).masked_fill(item ^ place, -torch.inf)
    gaps = keys - keys.detach().amax(-1, keepdim=True)
    return torch.softmax(gaps / tau, -1)


def _check_scores(logits: Tensor, tau: Tensor) -> Tensor:
    """Where the padding is. Raises the errors of scores and of a temperature."""
    numbers = _host.array(logits)
    gumbel.log_sum_exp(numbers)
    zero = np.zeros(1, numbers.dtype)
    gumbel.relaxed(zero, zero, _host.number(tau, "tau"))
    return _host.result(np.isneginf(numbers), logits)


def _flags(logits: Tensor, tau: Tensor) -> Tensor:
    return _host.like(logits).to(torch.bool)


_padding = _host.define("sort_padding(Tensor logits, Tensor tau) -> Tensor", _check_scores, _flags)
