"""The Concrete distribution, on the simplex and in log space."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints, relaxed_categorical
from torch.distributions.transforms import ExpTransform
from torch.distributions.utils import lazy_property
from torch.types import _size

from .._densities import concrete_log_prob, exp_concrete_log_prob
from .._noise import NoiseLike
from .._samples import gumbel_softmax, log_gumbel_softmax
from ._parameters import (
    Temperature,
    as_floats,
    as_temperature,
    batch_of,
    bounded,
    broadcast,
    log,
    positive_finite,
    scalar,
    single,
)
from ._relaxed import Relaxed


class ExpRelaxedCategorical(Relaxed, relaxed_categorical.ExpRelaxedCategorical):
    """ExpConcrete distribution: that of the logarithm of a relaxed one-hot sample.

    The density to train with: it is finite wherever the sample is. It is relative to the log-ratios of the coordinates,
    and so is the `entropy`, which does not depend on the logits.

    Args:
        temperature: positive and finite; a number, a tensor of one element, or one of shape [.., 1] for a batch.
        probs: unnormalised probabilities [.., K]; exactly 0 masks a category.
        logits: unnormalised log-probabilities [.., K], instead of `probs`; -inf masks a category.
        validate_args: whether parameters and values are checked; by default as PyTorch's.

    Raises: `ValueError` for parameters that do not satisfy their constraints; without validation, `gumbel.Error` when
    sampling.

    Maddison, Mnih and Teh (2017), appendix C.

    >>> import gumbel, torch
    >>> from gumbel.torch.distributions import ExpRelaxedCategorical
    >>> d = ExpRelaxedCategorical(0.05, logits=torch.tensor([80.0, -80.0, 0.0]))
    >>> d.log_prob(d.rsample(noise=gumbel.Noise(1)))  # finite, where the sample on the simplex rounds to a vertex
    tensor(-9.4580)
    >>> d.entropy()
    tensor(9.7983)
    """

    arg_constraints = {
        "temperature": positive_finite,
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }

    def __init__(
        self,
        temperature: Temperature,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        probs, logits = as_floats(probs), as_floats(logits)
        given = logits if probs is None else probs
        self._categorical = Categorical(
            None if probs is None else single(probs), None if logits is None else single(logits), validate_args
        )
        assert given is not None  # Or Categorical has raised.
        self._dtype = given.dtype
        # Unnormalised: the same numbers as the functions of logits sample from.
        self._scores = log(single(given)) if logits is None else given
        self.temperature = as_temperature(temperature, given.dtype, given.device)
        self._broadcast(broadcast(self._categorical.batch_shape, batch_of(self.temperature)))
        Distribution.__init__(self, self._categorical.batch_shape, given.shape[-1:], validate_args)

    def _broadcast(self, batch_shape: torch.Size) -> None:
        if batch_shape != self._categorical.batch_shape:
            self._categorical = self._categorical.expand(batch_shape)  # type: ignore[no-untyped-call]
            self._scores = self._scores.expand(batch_shape + self._scores.shape[-1:])

    def expand(self, batch_shape: _size, _instance: Any = None) -> Any:
        """The distribution with a larger batch; its parameters are expanded, not copied."""
        new = self.__new__(type(self)) if _instance is None else _instance
        new._dtype, new.temperature = self._dtype, self.temperature
        new._categorical, new._scores = self._categorical, self._scores
        new._broadcast(torch.Size(batch_shape))
        Distribution.__init__(new, torch.Size(batch_shape), self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @lazy_property
    def logits(self) -> Tensor:
        """Normalised log-probabilities [.., K], -inf at masks."""
        given = "probs" in self._categorical.__dict__
        return (log(self._categorical.probs) if given else self._categorical.logits).to(self._dtype)

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities [.., K], 0 at masks."""
        return self._categorical.probs.to(self._dtype)

    def rsample(self, sample_shape: _size = torch.Size(), *, noise: NoiseLike = None) -> Tensor:
        """A differentiable sample, by `gumbel.torch.log_gumbel_softmax`: sample_shape + batch_shape + [K]."""
        return self._sample(log_gumbel_softmax, sample_shape, noise)

    def _sample(self, function: Any, sample_shape: _size, noise: NoiseLike) -> Tensor:
        logits = self._scores.expand(self._extended_shape(sample_shape))
        sample: Tensor = function(logits, scalar(self.temperature), noise=noise).to(self._dtype)
        return sample

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats at points [.., K]: [..]. -inf off the support."""
        if self._validate_args:
            self._validate_sample(value)
        return self._log_prob(exp_concrete_log_prob, value)

    def _log_prob(self, density: Any, value: Tensor) -> Tensor:
        log_prob: Tensor = density(value, self._scores, scalar(self.temperature))
        return log_prob.to(torch.promote_types(value.dtype, self._dtype))

    def entropy(self) -> Tensor:
        """Differential entropy in nats of the log-ratios of n unmasked categories: batch_shape.

        -ln Gamma(n) - (n - 1) ln temperature + n (1 + 1/2 + .. + 1/(n - 1)).
        """
        temperature = single(scalar(self.temperature))
        n = (self._scores > -torch.inf).sum(-1).to(single(self._scores).dtype)
        harmonic = torch.digamma(n) - torch.digamma(torch.ones_like(n))
        log_temperature = (temperature.squeeze(-1) if temperature.dim() else temperature).log()
        return (n * harmonic - torch.lgamma(n) - (n - 1) * log_temperature).to(self._dtype)


class RelaxedOneHotCategorical(Relaxed, relaxed_categorical.RelaxedOneHotCategorical):
    """Concrete (Gumbel-Softmax) distribution over the simplex.

    Samples are those of `gumbel.torch.gumbel_softmax`, which satisfy its support. At a low temperature they have
    coordinates of exactly 0, where the density is infinite or zero: train with `ExpRelaxedCategorical`. Parameters and
    errors are those of that class.

    Maddison, Mnih and Teh (2017), definition 1; Jang, Gu and Poole (2017), appendix B.

    >>> import gumbel, torch
    >>> from gumbel.torch.distributions import RelaxedOneHotCategorical
    >>> d = RelaxedOneHotCategorical(0.7, logits=torch.tensor([2.0, 1.0, 0.5]).log())
    >>> d.rsample(noise=gumbel.Noise(7))
    tensor([9.7270e-01, 2.6746e-02, 5.5353e-04])
    >>> d.log_prob(torch.tensor([0.2, 0.3, 0.5]))
    tensor(-0.7508)
    >>> d.log_prob(torch.tensor([1.0, 0.0, 0.0]))  # its limit
    tensor(inf)
    """

    arg_constraints = ExpRelaxedCategorical.arg_constraints
    base_dist: ExpRelaxedCategorical

    def __init__(
        self,
        temperature: Temperature,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super(relaxed_categorical.RelaxedOneHotCategorical, self).__init__(base, ExpTransform(), validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """Normalised log-probabilities [.., K], -inf at masks."""
        return self.base_dist.logits

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities [.., K], 0 at masks."""
        return self.base_dist.probs

    def rsample(self, sample_shape: _size = torch.Size(), *, noise: NoiseLike = None) -> Tensor:
        """A differentiable sample, by `gumbel.torch.gumbel_softmax`: sample_shape + batch_shape + [K]."""
        return self.base_dist._sample(gumbel_softmax, sample_shape, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats at points [.., K] of the simplex: [..]. Its limit at an edge or a vertex, -inf off the support."""
        if self._validate_args:
            self._validate_sample(value)
        return self.base_dist._log_prob(concrete_log_prob, bounded(value))

    def _validate_sample(self, value: Tensor) -> None:
        """Checks in double precision, and takes numbers in half precision that sum to one as nearly as these can."""
        if isinstance(value, Tensor) and value.is_floating_point():
            slack = 4 * torch.finfo(value.dtype).eps if value.itemsize < 4 else 0.0
            value = value.detach().double()
            total = value.sum(-1, keepdim=True)
            value = torch.where((total - 1).abs() <= slack, value / total, value)
        super()._validate_sample(value)
