"""The Binary Concrete distribution, on the unit interval and in logit space."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints, relaxed_bernoulli
from torch.distributions.transforms import SigmoidTransform
from torch.distributions.utils import lazy_property
from torch.types import Number, _size

from .. import _ops
from .._densities import binary_concrete_log_prob, relaxed_bernoulli_log_prob
from .._noise import NoiseLike, key_of
from ._parameters import (
    Temperature,
    as_floats,
    as_temperature,
    bounded,
    broadcast,
    can_branch,
    log_odds,
    positive_finite,
    scalar,
    single,
)
from ._relaxed import Relaxed


class LogitRelaxedBernoulli(Relaxed, relaxed_bernoulli.LogitRelaxedBernoulli):
    """Binary Concrete distribution in logit space: that of the logit of a relaxed bit.

    It is logistic, with mean logits / temperature. The density to train with: it is finite wherever the sample is.
    Log-odds of -inf or +inf make a point mass at that number.

    Args:
        temperature: positive and finite; a number, or a tensor that broadcasts against the other parameter.
        probs: probabilities of a one, of any shape, or a number.
        logits: log-odds of a one, instead of probabilities.
        validate_args: whether parameters and values are checked; by default as PyTorch's.

    Raises: `ValueError` for parameters that do not satisfy their constraints; without validation, `gumbel.Error` from
    `log_prob`.

    Maddison, Mnih and Teh (2017), appendix B.

    >>> import gumbel, torch
    >>> from gumbel.torch.distributions import LogitRelaxedBernoulli
    >>> d = LogitRelaxedBernoulli(0.5, logits=torch.tensor(3.0).log())
    >>> d.rsample(noise=gumbel.Noise(7))
    tensor(8.2887)
    >>> d.log_prob(torch.tensor(0.7))
    tensor(-2.2164)
    >>> d.entropy()  # 2 - ln 0.5
    tensor(2.6931)
    """

    arg_constraints = {
        "temperature": positive_finite,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_rsample = True

    def __init__(
        self,
        temperature: Temperature,
        probs: Tensor | Number | None = None,
        logits: Tensor | Number | None = None,
        validate_args: bool | None = None,
    ) -> None:
        probs, logits = as_floats(probs), as_floats(logits)
        given = logits if probs is None else probs
        parameter = given if isinstance(given, Tensor) else torch.empty(())
        temperature = as_temperature(temperature, parameter.dtype, parameter.device)
        if temperature.numel() != 1 and given is not None:
            given = torch.as_tensor(given, dtype=parameter.dtype, device=parameter.device)
            given = given.expand(broadcast(given.shape, temperature.shape))
            probs, logits = (given, logits) if logits is None else (probs, given)
        super().__init__(temperature, probs, logits, validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """Log-odds: those that were given, or those of the probabilities, which are infinite at exactly 0 and 1."""
        return log_odds(single(self.probs)).to(self.probs.dtype)

    @lazy_property
    def _odds(self) -> Tensor:
        """Log-odds in the type of the computation."""
        return log_odds(single(self.probs)) if "probs" in self.__dict__ else single(self.logits)

    @lazy_property
    def _parts(self) -> tuple[Tensor, Tensor | None]:
        """Log-odds with 0 in the place of infinite ones, and where these are: None if it is known that there are none."""
        certain = torch.isinf(self._odds)
        if can_branch() and not bool(certain.any()):
            return self._odds, None
        return torch.where(certain, 0.0, self._odds), certain

    def rsample(self, sample_shape: _size = torch.Size(), *, noise: NoiseLike = None) -> Tensor:
        """A differentiable sample, (logits + logistic noise) / temperature: sample_shape + batch_shape."""
        finite, certain = self._parts
        temperature = scalar(self.temperature)
        if not self._validate_args:
            # Raises the errors of parameters that nobody has checked.
            binary_concrete_log_prob(torch.zeros_like(finite), finite.detach(), temperature.detach())
        odds = finite.expand(self._extended_shape(sample_shape))
        y = (odds + _ops.noise(odds.detach(), key_of(noise, odds), "logistic")) / temperature
        return (y if certain is None else torch.where(certain, self._odds.detach(), y)).to(self._param.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats at each point. At infinite log-odds, 0 at these and -inf elsewhere."""
        if self._validate_args:
            self._validate_sample(value)
        return self._log_prob(binary_concrete_log_prob, value, self._odds)

    def _log_prob(self, density: Any, value: Tensor, masses: Tensor) -> Tensor:
        """A log-density, with `masses` as the places of the point masses where the log-odds are infinite."""
        finite, certain = self._parts
        log_prob: Tensor = density(value, finite, scalar(self.temperature))
        if certain is not None:
            log_prob = torch.where(certain, torch.where(value == masses, 0.0, -torch.inf), log_prob)
        return log_prob.to(torch.promote_types(value.dtype, self._param.dtype))

    def entropy(self) -> Tensor:
        """Differential entropy in nats, 2 - ln temperature; 0 at infinite log-odds."""
        entropy = (2 - single(scalar(self.temperature)).log()).to(self._odds.dtype)
        return torch.where(torch.isinf(self._odds), 0.0, entropy).to(self._param.dtype)


class RelaxedBernoulli(Relaxed, relaxed_bernoulli.RelaxedBernoulli):
    """Binary Concrete (relaxed Bernoulli, Gumbel-sigmoid) distribution over the unit interval.

    A sample is the sigmoid of one of `LogitRelaxedBernoulli`, rounded into the open interval, so that its density is
    finite; infinite log-odds give exactly 0 or 1. Parameters and errors are those of that class.

    Maddison, Mnih and Teh (2017), appendix B.

    >>> import gumbel, torch
    >>> from gumbel.torch.distributions import RelaxedBernoulli
    >>> d = RelaxedBernoulli(1.0, logits=torch.tensor(100.0))
    >>> d.log_prob(torch.tensor(0.5))  # -inf in PyTorch
    tensor(-98.6137)
    >>> d.rsample(noise=gumbel.Noise(7)) < 1
    tensor(True)
    """

    arg_constraints = LogitRelaxedBernoulli.arg_constraints
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self,
        temperature: Temperature,
        probs: Tensor | Number | None = None,
        logits: Tensor | Number | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args)
        super(relaxed_bernoulli.RelaxedBernoulli, self).__init__(base, SigmoidTransform(), validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """Log-odds of a one."""
        return self.base_dist.logits

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities of a one."""
        return self.base_dist.probs

    def rsample(self, sample_shape: _size = torch.Size(), *, noise: NoiseLike = None) -> Tensor:
        """A differentiable sample: sample_shape + batch_shape."""
        return self._squashed(self.base_dist.rsample(sample_shape, noise=noise))

    def _squashed(self, logit: Tensor) -> Tensor:
        """The sigmoid, rounded into the open interval; exactly 0 or 1 at infinite log-odds."""
        x, limits, certain = logit.sigmoid(), torch.finfo(logit.dtype), self.base_dist._parts[1]
        inside = x.clamp(limits.tiny, 1 - limits.eps / 2)
        return inside if certain is None else torch.where(certain, x, inside)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats at each point, computed in log space. At 0 and 1 it is the limit."""
        if self._validate_args:
            self._validate_sample(value)
        return self.base_dist._log_prob(relaxed_bernoulli_log_prob, bounded(value), self.base_dist._odds > 0)
