"""Permutations, hard and relaxed: matchings by Sinkhorn's iteration, orders by relaxed sorting.

A permutation of n items is a matrix [n, n] with a single one in each row and column. Row i has its one in the column of
the item at place i.

| function | forward | gradient |
| --- | --- | --- |
| `sinkhorn`, `log_sinkhorn` | soft: nearly doubly stochastic | of the iterations that were run |
| `gumbel_sinkhorn` | soft, from perturbed logits | of the iterations that were run |
| `matching`, `gumbel_matching` | hard: the best permutation | none |
| `straight_through_sinkhorn`, `straight_through_gumbel_sinkhorn` | hard | of the soft matrix |
| `neural_sort`, `soft_sort` | soft: rows sum to one | exact |
| `hard_sort` | hard: the descending order | none |
| `straight_through_neural_sort`, `straight_through_soft_sort` | hard | of the soft matrix |

A matching has a logit for each pair, a sort a score for each item. Sorting scores with Gumbel noise draws orders from
Plackett and Luce's distribution.

Matchings run on the host in double precision, for tensors of every device, and are once differentiable; sorting runs as
PyTorch's operations. Results have the type of the argument; half precision is computed in single.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

import gumbel
from gumbel import vjp

from . import _host
from ._host import Temperature
from ._noise import NoiseLike, key_of
from ._sorting import (
    hard_sort,
    neural_sort,
    soft_sort,
    straight_through_neural_sort,
    straight_through_soft_sort,
)

__all__ = [
    "gumbel_matching",
    "gumbel_sinkhorn",
    "hard_sort",
    "log_sinkhorn",
    "matching",
    "neural_sort",
    "sinkhorn",
    "soft_sort",
    "straight_through_gumbel_sinkhorn",
    "straight_through_neural_sort",
    "straight_through_sinkhorn",
    "straight_through_soft_sort",
]


def sinkhorn(
    logits: Tensor, tau: Temperature = 1.0, *, iterations: int = 20, tolerance: float = 0.0
) -> Tensor:
    """Nearly doubly stochastic matrix with the cross-ratios of exp(logits / tau), by Sinkhorn's iteration. Soft, differentiable.

    Divides each row by its sum, then each column by its sum, `iterations` times, or until no sum of a row differs from
    one by more than `tolerance`. As tau tends to 0 it tends to `matching`. A logit of -inf forbids its pair: its entry
    and its gradient are exactly 0.

    Shapes: logits and result [.., n, n].

    Raises: `gumbel.Error` of kind temperature, iterations, tolerance, logit (NaN or +inf), no_permutation (the
    forbidden pairs leave none) or categories; `ValueError` for matrices that are not square.

    Sinkhorn and Knopp (1967); Mena, Belanger, Linderman and Snoek (2018).

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.sinkhorn(torch.tensor([[0.0, 2.0], [0.0, 0.0]]), iterations=100)  # e / (1 + e) off the diagonal
    tensor([[0.2689, 0.7311],
            [0.7311, 0.2689]])
    """
    return _sinkhorn(_Sinkhorn, logits, tau, iterations, tolerance)


def log_sinkhorn(
    logits: Tensor, tau: Temperature = 1.0, *, iterations: int = 20, tolerance: float = 0.0
) -> Tensor:
    """Logarithm of `sinkhorn`, accurate where an entry rounds to 0; -inf at forbidden pairs and only there.

    Shapes and errors are those of `sinkhorn`.

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.log_sinkhorn(torch.tensor([[300.0, 0.0], [0.0, 300.0]]))
    tensor([[   0., -300.],
            [-300.,    0.]])
    """
    return _sinkhorn(_LogSinkhorn, logits, tau, iterations, tolerance)


def gumbel_sinkhorn(
    logits: Tensor,
    tau: Temperature = 1.0,
    *,
    iterations: int = 20,
    tolerance: float = 0.0,
    noise: NoiseLike = None,
) -> Tensor:
    """Relaxed matching: `sinkhorn` of logits with Gumbel noise. Soft, differentiable.

    As tau tends to 0 and the number of iterations grows, it tends to `gumbel_matching` for the same noise.

    Shapes and errors are those of `sinkhorn`; uses one number of the noise per logit.

    Mena, Belanger, Linderman and Snoek (2018).

    >>> import gumbel, torch
    >>> from gumbel.torch import permutation
    >>> permutation.gumbel_sinkhorn(torch.zeros(2, 2), 0.5, noise=gumbel.Noise(1))
    tensor([[0.6005, 0.3995],
            [0.3995, 0.6005]])
    """
    return sinkhorn(_perturbed(logits, noise), tau, iterations=iterations, tolerance=tolerance).to(logits.dtype)


def matching(logits: Tensor) -> Tensor:
    """Permutation with the largest sum of logits (linear assignment), exact, in O(n³). Hard, without a gradient.

    A logit of -inf forbids its pair.

    Shapes: logits and result [.., n, n].

    Raises: `gumbel.Error` of kind logit (NaN or +inf), no_permutation (the forbidden pairs leave none) or categories;
    `ValueError` for matrices that are not square.

    Kuhn (1955); Jonker and Volgenant (1987).

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.matching(torch.tensor([[3.0, 2.0], [2.0, 0.0]]))  # 2 + 2 is more than 3 + 0
    tensor([[0., 1.],
            [1., 0.]])
    """
    _host.check(logits, "logits")
    return _assignment(logits.detach())


def gumbel_matching(logits: Tensor, *, noise: NoiseLike = None) -> Tensor:
    """Random permutation: the `matching` of logits with Gumbel noise. Hard, without a gradient.

    It is perturb-and-MAP: its probabilities are not in proportion to exp(sum of the matched logits).

    Shapes and errors are those of `matching`; uses one number of the noise per logit.

    Mena, Belanger, Linderman and Snoek (2018).

    >>> import gumbel, torch
    >>> from gumbel.torch import permutation
    >>> permutation.gumbel_matching(torch.zeros(3, 3), noise=gumbel.Noise(1))
    tensor([[1., 0., 0.],
            [0., 0., 1.],
            [0., 1., 0.]])
    """
    return matching(_perturbed(logits, noise)).to(logits.dtype)


def straight_through_sinkhorn(
    logits: Tensor, tau: Temperature = 1.0, *, iterations: int = 20, tolerance: float = 0.0
) -> Tensor:
    """The `matching` of logits, bit for bit, with the gradient of `sinkhorn`. Hard.

    Shapes and errors are those of `sinkhorn`.

    >>> import torch
    >>> from gumbel.torch import permutation
    >>> permutation.straight_through_sinkhorn(torch.tensor([[3.0, 2.0], [2.0, 0.0]]))
    tensor([[0., 1.],
            [1., 0.]])
    """
    soft = sinkhorn(logits, tau, iterations=iterations, tolerance=tolerance)
    return _host.attach(matching(logits), soft)


def straight_through_gumbel_sinkhorn(
    logits: Tensor,
    tau: Temperature = 1.0,
    *,
    iterations: int = 20,
    tolerance: float = 0.0,
    noise: NoiseLike = None,
) -> Tensor:
    """The `gumbel_matching` of logits, bit for bit, with the gradient of `gumbel_sinkhorn` for the same noise. Hard, biased.

    Shapes and errors are those of `sinkhorn`; uses one number of the noise per logit.

    >>> import gumbel, torch
    >>> from gumbel.torch import permutation
    >>> permutation.straight_through_gumbel_sinkhorn(torch.tensor([[80.0, 0.0], [0.0, 0.0]]), noise=gumbel.Noise(1))
    tensor([[1., 0.],
            [0., 1.]])
    """
    keys = _perturbed(logits, noise)
    return straight_through_sinkhorn(keys, tau, iterations=iterations, tolerance=tolerance).to(logits.dtype)


def _sinkhorn(
    function: type[Function], logits: Tensor, tau: Temperature, iterations: int, tolerance: float
) -> Tensor:
    _host.check(logits, "logits")
    p: Tensor = function.apply(logits, _host.temperature(tau), iterations, tolerance)
    return p


def _perturbed(logits: Tensor, noise: NoiseLike) -> Tensor:
    _host.check(logits, "logits")
    return _host.perturbed(logits, key_of(noise, logits))


class _OfIterations(Function):
    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        logits, tau, ctx.iterations, ctx.tolerance = inputs
        ctx.tau = None if isinstance(tau, Tensor) else tau
        ctx.save_for_backward(logits, *([tau] if ctx.tau is None else []))


def _backward(operator: Any, ctx: Any, d: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
    logits, *given = ctx.saved_tensors
    tau = given[0] if given else ctx.tau
    slopes = _host.last(operator, logits, d, tau, ctx.iterations, ctx.tolerance)
    return slopes, _host.in_tau(logits, slopes, tau) if ctx.needs_input_grad[1] else None, None, None


class _Sinkhorn(_OfIterations):
    @staticmethod
    def forward(logits: Tensor, tau: Temperature, iterations: int, tolerance: float) -> Tensor:
        return _sinkhorn_kernel(logits, tau, iterations, tolerance)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        return _backward(_sinkhorn_vjp, ctx, d)


class _LogSinkhorn(_OfIterations):
    @staticmethod
    def forward(logits: Tensor, tau: Temperature, iterations: int, tolerance: float) -> Tensor:
        return _log_sinkhorn_kernel(logits, tau, iterations, tolerance)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        return _backward(_log_sinkhorn_vjp, ctx, d)


def _define(name: str, function: Any, arguments: str) -> Callable[..., Tensor]:
    """An operator of Sinkhorn's iteration."""

    def kernel(*given: Any) -> Tensor:
        *matrices, tau, iterations, tolerance = given
        found = function(
            *map(_host.array, matrices), _host.number(tau, "tau"), iterations=iterations, tolerance=tolerance
        )
        return _host.result(found, matrices[0])

    schema = f"{name}({arguments}, float tau, int iterations, float tolerance) -> Tensor"
    return _host.define(schema, kernel, _host.like)


_sinkhorn_kernel = _define("sinkhorn", gumbel.sinkhorn, "Tensor logits")
_log_sinkhorn_kernel = _define("log_sinkhorn", gumbel.log_sinkhorn, "Tensor logits")
_sinkhorn_vjp = _define("sinkhorn_vjp", vjp.sinkhorn_vjp, "Tensor logits, Tensor dy")
_log_sinkhorn_vjp = _define("log_sinkhorn_vjp", vjp.log_sinkhorn_vjp, "Tensor logits, Tensor dy")


def _match(logits: Tensor) -> Tensor:
    columns = _host.result(gumbel.assignment(_host.array(logits)), logits)
    zeros = torch.zeros_like(logits, memory_format=torch.contiguous_format)
    return zeros.scatter_(-1, columns.unsqueeze(-1), 1.0)


_assignment = _host.define("assignment(Tensor matrices) -> Tensor", _match, _host.like)
