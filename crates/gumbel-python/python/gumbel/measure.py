"""Bias and variance of gradient estimates, measured against a reference.

The norm of a mean error is positive even without a bias, and the largest of many coordinates is large. So the
errors of each batch of estimates are projected on one direction: that of the mean error of the batches *before* it.
Given those, the projections of an unbiased estimator have mean zero: they are the differences of a martingale, and
their mean in standard errors is normal, one number whatever the dimension. For a biased estimator the direction
soon turns into that of the bias, and the mean of the projections is its norm, or less if it is too small to be
found: never more on average.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Bias", "Measured", "Measurement"]

Array = npt.NDArray[np.float64]

# The number of batches that a single one is divided into: the first part gives only a direction.
_PARTS = 16


class Bias(NamedTuple):
    """A bias and its standard error; the module documentation defines both.

    >>> from gumbel.measure import Bias
    >>> Bias(0.25, 0.125, 2.0).z
    2.0
    """

    value: float
    """The component of the mean error in the direction found: the norm of the bias, or less. Without a bias it is about
    zero, and as often below as above."""
    se: float
    """Its standard error, including a bound on rounding."""
    z: float
    """The bias in standard errors: standard normal without a bias, so above 4 in one of 30 000 cases."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The measured mean, variance and bias of an estimator.

    >>> import numpy as np
    >>> from gumbel.measure import Measured
    >>> measured = Measured(100, np.array([0.1, -0.1]), np.array([2.0, 2.0]), 2.0, None)
    >>> measured.std, measured.rmse(1, 100)
    (2.0, None)
    """

    replicates: int
    """The number of independent estimates."""
    mean: Array
    """Their mean, in the shape of one gradient."""
    variance: Array
    """The variance of each coordinate of one estimate."""
    std: float
    """The standard deviation of one estimate: the root of the summed variances of its coordinates."""
    bias: Bias | None
    """The bias, if there is a reference and more than one estimate."""

    def rmse(self, evaluations: float, budget: float) -> float | None:
        """Root-mean-square error at equal cost, bias included: that of the mean of as many estimates, of `evaluations`
        evaluations of the objective each, as `budget` evaluations allow, √(bias² + std² · evaluations / budget).

        Fractions of an estimate count. None without a reference. Raises `ValueError` unless both are positive.

        >>> import numpy as np
        >>> from gumbel.measure import Bias, Measured
        >>> measured = Measured(100, np.zeros(1), np.array([4.0]), 2.0, Bias(0.3, 0.1, 3.0))
        >>> round(measured.rmse(evaluations=4, budget=100), 6)
        0.5
        """
        if not (0 < evaluations < math.inf and 0 < budget < math.inf):
            raise ValueError(f"evaluations and budget must be positive and finite, got {evaluations} and {budget}")
        if self.bias is None:
            return None
        return math.hypot(max(self.bias.value, 0.0), self.std * math.sqrt(evaluations / budget))


class Measurement:
    """A measurement of an estimator in steps: any number of independent estimates of one gradient, in batches.

    `reference` is the exact gradient, of any shape; without it there is no bias. Direction and projection need two
    batches or more: a single one is divided into 16. `epsilon` is the rounding step of the estimates, by default
    that of their type.

    >>> import gumbel, numpy as np
    >>> from gumbel.measure import Measurement
    >>> measurement = Measurement(reference=np.array([0.25, -0.25]))
    >>> noise = gumbel.Noise(1)
    >>> for _ in range(10):  # unbiased estimates: the exact gradient with noise
    ...     measurement.add(np.array([0.25, -0.25]) + noise.normal((100, 2)))
    >>> result = measurement.result()
    >>> result.replicates, round(result.std, 2), abs(result.bias.z) < 4
    (1000, 1.36, True)
    """

    def __init__(self, reference: npt.ArrayLike | None = None, *, epsilon: float | None = None) -> None:
        self._reference = None if reference is None else _finite(reference, "the reference")
        self._gradients, self._losses, self._projections = _Moments(), _Moments(), _Moments()
        self._given, self._epsilon = epsilon, 0.0
        self._single: Array | None = None

    def add(self, gradients: npt.ArrayLike, losses: npt.ArrayLike | None = None) -> None:
        """Adds independent estimates: `gradients` [n, ..], each in the shape of the reference.

        `losses` [n], the values of the estimates, bound the rounding of an estimator without variance. Raises
        `ValueError` for another shape than that of earlier batches or of the reference, and for numbers that are
        not finite.
        """
        rows = _finite(gradients, "gradients")
        self._check_shape(rows)
        values = None if losses is None else _finite(losses, "losses")
        if values is not None and values.shape != rows.shape[:1]:
            raise ValueError(f"losses must have one number for each gradient, shape {rows.shape[:1]}; got {values.shape}")
        if len(rows) == 0:
            return
        self._single = None if self._gradients.count else rows.copy()
        self._projections.merge(self._projected(rows, self._gradients))
        self._gradients.merge(_Moments.of(rows))
        if values is not None:
            self._losses.merge(_Moments.of(values))
        self._epsilon = max(self._epsilon, _epsilon(gradients) if self._given is None else self._given)

    def result(self) -> Measured:
        """The results so far. Raises `ValueError` before the first estimate."""
        if not self._gradients.count:
            raise ValueError("there are no estimates yet; add some first")
        variance = self._gradients.variance()
        std = math.sqrt(float(variance.sum()))
        return Measured(self._gradients.count, self._gradients.mean.copy(), variance, std, self._bias())

    def _check_shape(self, rows: Array) -> None:
        if rows.ndim == 0:
            raise ValueError("gradients must have an axis of estimates before those of one gradient; got a single number")
        known = self._gradients.mean if self._reference is None else self._reference
        if rows.shape[1:] != known.shape and (self._gradients.count or self._reference is not None):
            raise ValueError(f"each gradient must have the shape {known.shape}, got {rows.shape[1:]}")

    def _projected(self, rows: Array, before: _Moments) -> _Moments:
        """The errors of rows along the mean error before them."""
        if self._reference is None or not before.count:
            return _Moments()
        error = before.mean - self._reference
        direction = error / max(float(np.sqrt(np.square(error).sum())), np.finfo(np.float64).tiny)
        return _Moments.of(((rows - self._reference) * direction).reshape(len(rows), -1).sum(axis=1))

    def _parts_projected(self, rows: Array) -> _Moments:
        """The projections of the parts of a single batch."""
        before, projections = _Moments(), _Moments()
        for part in np.array_split(rows, min(_PARTS, len(rows))):
            projections.merge(self._projected(part, before))
            before.merge(_Moments.of(part))
        return projections

    def _bias(self) -> Bias | None:
        projections = self._projections if self._single is None else self._parts_projected(self._single)
        if not projections.count:
            return None
        value = float(projections.mean)
        se = math.sqrt(float(projections.variance()) / projections.count + self._rounding() ** 2)
        return Bias(value, se, value / se if se > 0 else math.copysign(math.inf, value) if value else 0.0)

    def _rounding(self) -> float:
        """A bound on rounding in an estimate without variance: some units in the last place of losses and gradients."""
        return 2 * self._epsilon * (self._losses.size() + self._gradients.size())


class _Moments:
    """Count, mean and summed squared deviations of arrays of one shape."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Array = np.zeros(())
        self._squares: Array = np.zeros(())

    @classmethod
    def of(cls, rows: Array) -> _Moments:
        """Of the arrays along the first axis: two passes, so that a large mean costs no digits."""
        moments = cls()
        moments.count = len(rows)
        moments.mean = rows.mean(axis=0)
        moments._squares = np.square(rows - moments.mean).sum(axis=0)
        return moments

    def merge(self, other: _Moments) -> None:
        """Become those of both together: Chan, Golub and LeVeque 1979."""
        if not other.count:
            return
        n, m = self.count, other.count
        apart = other.mean - self.mean
        self.mean = self.mean + apart * (m / (n + m))
        self._squares = self._squares + other._squares + np.square(apart) * (n * m / (n + m))
        self.count = n + m

    def variance(self) -> Array:
        """Of each coordinate; zero of a single array."""
        return self._squares / max(self.count - 1, 1)

    def size(self) -> float:
        """The root of the mean squared length."""
        return math.sqrt(float(np.sum(self.variance() + np.square(self.mean))))


def _finite(given: npt.ArrayLike, name: str) -> Array:
    array = np.asarray(given, dtype=np.float64)
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[place]} at {place}")
    return array


def _epsilon(given: npt.ArrayLike) -> float:
    """The rounding step of the type of the numbers; that of double precision for integers and lists."""
    dtype = getattr(given, "dtype", np.dtype(np.float64))
    return float(np.finfo(dtype).eps) if np.issubdtype(dtype, np.floating) else float(np.finfo(np.float64).eps)
