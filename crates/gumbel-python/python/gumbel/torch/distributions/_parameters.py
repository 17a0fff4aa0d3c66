"""Parameters of distributions: temperatures, and logits of probabilities."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.distributions import biject_to, constraints, transform_to
from torch.distributions.transforms import ExpTransform

from .. import _host
from .._autograd import transformed

Temperature = float | Tensor


class PositiveFinite(constraints.Constraint):
    """Positive and finite numbers."""

    def check(self, value: Any) -> Any:
        return (value > 0) & (value < torch.inf)


positive_finite = PositiveFinite()
for registry in (biject_to, transform_to):
    registry.register(positive_finite, lambda _: ExpTransform())  # type: ignore[no-untyped-call]


def as_floats(parameter: Any) -> Any:
    """A parameter, with a tensor of integers as floats."""
    if isinstance(parameter, Tensor) and not parameter.is_floating_point():
        return parameter.to(torch.get_default_dtype())
    return parameter


def single(parameter: Tensor) -> Tensor:
    """A parameter in single precision or better."""
    return parameter.float() if parameter.itemsize < 4 else parameter


def as_temperature(temperature: Temperature, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A temperature as a tensor: one that is given stays itself if it holds floats."""
    if isinstance(temperature, Tensor) and temperature.is_floating_point():
        return temperature
    wide = dtype if dtype in (torch.float32, torch.float64) else torch.float32
    return torch.as_tensor(temperature, dtype=wide, device=device)


def scalar(temperature: Tensor) -> Tensor:
    """A temperature of one element without axes; others as they are."""
    return temperature.reshape(()) if temperature.numel() == 1 else temperature


def batch_of(temperature: Tensor) -> torch.Size:
    """The shape of the batch that a temperature of a distribution over categories is for."""
    if temperature.numel() == 1:
        return torch.Size()
    if temperature.shape[-1] != 1:
        shape = list(temperature.shape)
        raise ValueError(f"temperature must have one element or shape [.., 1], got {shape}; unsqueeze(-1) it for one a row")
    return temperature.shape[:-1]


def can_branch() -> bool:
    """Whether code may depend on the numbers in a tensor: not where it is compiled, traced or transformed."""
    return not (torch.compiler.is_compiling() or torch._C._is_tracing() or transformed())


def broadcast(*shapes: torch.Size) -> torch.Size:
    """The shape that shapes broadcast to."""
    return torch.Size(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def log(probs: Tensor) -> Tensor:
    """Logarithms of probabilities: -inf, with gradient 0, at exactly 0."""
    zero = probs == 0
    return torch.where(zero, -torch.inf, torch.where(zero, 1.0, probs).log())


def log_odds(probs: Tensor) -> Tensor:
    """Log-odds of probabilities: infinite, with gradient 0, at exactly 0 and 1."""
    certain = (probs == 0) | (probs == 1)
    inside = torch.where(certain, 0.5, probs)
    odds = inside.log() - torch.log1p(-inside)
    return torch.where(certain, torch.where(probs == 0, -torch.inf, torch.inf), odds)


def bounded(value: Tensor) -> Tensor:
    """A point as it is, with a gradient in the range of the type. The slope of a density at a coordinate near 0 can be beyond it."""
    if can_branch() and not value.requires_grad:
        return value
    return _host.apply(_Bounded, _BoundedWithTangent, value)


class _Bounded(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> Tensor:
        return torch.nan_to_num(d, nan=torch.nan)


class _BoundedWithTangent(_Bounded):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return tangent.view_as(tangent)
