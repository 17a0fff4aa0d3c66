"""Pyro's straight-through distributions: samples are hard, their gradients and densities those of the soft ones."""

from typing import Any

import torch
from torch import Tensor
from torch.types import _size

from .. import _host
from .._noise import NoiseLike, key_of
from .._samples import gumbel_softmax, log_gumbel_softmax, straight_through
from ._bernoulli import RelaxedBernoulli
from ._categorical import RelaxedOneHotCategorical


class RelaxedOneHotCategoricalStraightThrough(RelaxedOneHotCategorical):
    """Concrete distribution whose samples are rounded to the nearest vertex, with the gradient of the point of the simplex.

    A sample carries the point that it came from as `_unquantize`, as Pyro's does. `log_prob` of a sample is the
    log-density at that point, computed from its logarithm, so that it is finite where the point itself rounds to a
    vertex. What has lost the attribute, as a copy of a sample has, is a point of the simplex like any other. Parameters
    and errors are those of `RelaxedOneHotCategorical`.

    Jang, Gu and Poole (2017), section 2.2.

    >>> import gumbel, torch
    >>> from gumbel.torch.distributions import RelaxedOneHotCategoricalStraightThrough
    >>> d = RelaxedOneHotCategoricalStraightThrough(0.1, logits=torch.zeros(3))
    >>> z = d.rsample(noise=gumbel.Noise(7))
    >>> z
    tensor([1., 0., 0.])
    >>> z._unquantize
    tensor([1.0000e+00, 1.2170e-08, 2.0265e-17])
    >>> d.log_prob(z)
    tensor(46.4554)
    """

    def rsample(self, sample_shape: _size = torch.Size(), *, noise: NoiseLike = None) -> Tensor:
        """A hard sample with the gradient of the soft one: sample_shape + batch_shape + [K]."""
        base = self.base_dist
        key = key_of(noise, base._scores.expand(self._extended_shape(sample_shape)))
        hard, soft, log = (
            base._sample(function, sample_shape, key)
            for function in (straight_through, gumbel_softmax, log_gumbel_softmax)
        )
        return _marked(hard, soft, log)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats of the soft sample that a sample of this class came from, or of another point of the simplex."""
        soft = getattr(value, "_unquantize", value)
        log = getattr(soft, "_preimage", None)
        if log is None:
            return super().log_prob(soft)
        volume = torch.where(torch.isneginf(log), 0.0, log).sum(-1)
        return self.base_dist.log_prob(log) - volume


class RelaxedBernoulliStraightThrough(RelaxedBernoulli):
    """Relaxed Bernoulli distribution whose samples are rounded to 0 or 1, with the gradient of the relaxed bit.

    A sample carries the relaxed bit as `_unquantize`; `log_prob` of a sample is the log-density there, computed from
    its logit. Parameters and errors are those of `RelaxedBernoulli`.

    >>> import gumbel, torch
    >>> from gumbel.torch.distributions import RelaxedBernoulliStraightThrough
    >>> d = RelaxedBernoulliStraightThrough(0.5, logits=torch.zeros(4))
    >>> d.rsample(noise=gumbel.Noise(7))
    tensor([1., 1., 0., 0.])
    """

    def rsample(self, sample_shape: _size = torch.Size(), *, noise: NoiseLike = None) -> Tensor:
        """A hard sample with the gradient of the soft one: sample_shape + batch_shape."""
        logit = self.base_dist.rsample(sample_shape, noise=noise)
        soft = self._squashed(logit)
        hard = (logit > 0).to(logit.dtype)
        return _marked(_host.attach(hard, soft), soft, logit)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats of the relaxed bit that a sample of this class came from, or of another number."""
        soft = getattr(value, "_unquantize", value)
        logit = getattr(soft, "_preimage", None)
        if logit is None:
            return super().log_prob(soft)
        finite = torch.where(torch.isinf(logit), 0.0, logit)
        volume = torch.nn.functional.logsigmoid(finite) + torch.nn.functional.logsigmoid(-finite)
        return self.base_dist.log_prob(logit) - torch.where(torch.isinf(logit), 0.0, volume)


def _marked(hard: Any, soft: Any, preimage: Tensor) -> Tensor:
    """A hard sample that carries its soft one, which carries its logarithm or logit."""
    soft._preimage = preimage
    hard._unquantize = soft
    sample: Tensor = hard
    return sample
