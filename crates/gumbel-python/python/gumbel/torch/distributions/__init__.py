"""The relaxed distributions of `torch.distributions`, and Pyro's straight-through ones, with this package's samples and densities.

Each is a subclass of PyTorch's class of its name and takes the same arguments, so that `isinstance`, `register_kl`,
`expand`, transforms and pickles work as they do there. What differs:

- `rsample` and `sample` take `noise`, as every function of `gumbel.torch` does. Noise has full tails.
- `probs` of exactly 0, or logits of -inf, mask: such a category is never sampled, its gradient is finite, and it lowers the
  dimension of the distribution. PyTorch clamps it to a probability of 1e-7.
- A temperature of shape [.., 1] is one for each distribution of a batch, and `log_prob` has the shape of the batch. It is a number or
  a tensor, and validated like any parameter: positive and finite.
- Densities are finite wherever their formula is, and limits at an edge: never NaN.
- `entropy` is there where it has a closed form. Half precision works, computed in single.

Where Pyro is in use, so that `pyro.distributions` has been imported, new distributions are Pyro's too: `pyro.sample`
takes them, they have `to_event` and `mask`, and `isinstance(d, pyro.distributions.RelaxedOneHotCategorical)` is true.
"""

from ._bernoulli import LogitRelaxedBernoulli, RelaxedBernoulli
from ._categorical import ExpRelaxedCategorical, RelaxedOneHotCategorical
from ._straight_through import RelaxedBernoulliStraightThrough, RelaxedOneHotCategoricalStraightThrough

__all__ = [
    "ExpRelaxedCategorical",
    "LogitRelaxedBernoulli",
    "RelaxedBernoulli",
    "RelaxedBernoulliStraightThrough",
    "RelaxedOneHotCategorical",
    "RelaxedOneHotCategoricalStraightThrough",
]
