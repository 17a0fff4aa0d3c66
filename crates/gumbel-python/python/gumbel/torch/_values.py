"""Values of an objective at samples: checked, and ready to be weighted."""

from __future__ import annotations

import torch
from torch import Tensor

from ._rows import readable


def check_values(samples: int, **given: Tensor) -> None:
    """Raises an error unless all are tensors of one shape [S, ..], S at least `samples`, of finite floats."""
    first = next(iter(given.values()))
    for name, tensor in given.items():
        check_floats(name, tensor)
        if tensor.ndim == 0 or len(tensor) < samples:
            shape = tuple(tensor.shape)
            raise ValueError(f"{name} must have at least {samples} samples on the first axis, got shape {shape}")
        if tensor.shape != first.shape:
            shapes = " and ".join(str(tuple(tensor.shape)) for tensor in given.values())
            raise ValueError(f"{' and '.join(given)} must have the same shape, got {shapes}")
    # One read-back where all is well.
    if readable(*given.values()) and not bool(torch.stack([tensor.isfinite().all() for tensor in given.values()]).all()):
        name, tensor = next((name, tensor) for name, tensor in given.items() if not bool(tensor.isfinite().all()))
        raise ValueError(f"{name} must be finite, got {float(tensor[~tensor.isfinite()][0])}")


def check_floats(name: str, given: Tensor) -> None:
    if not isinstance(given, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(given).__name__}")
    if not given.dtype.is_floating_point:
        raise TypeError(f"{name} must be of a floating-point type, got {given.dtype}")


def wide(tensor: Tensor) -> Tensor:
    """The tensor without a gradient, in single precision at least."""
    tensor = tensor.detach()
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def zero(tensor: Tensor) -> Tensor:
    """Zero, with the gradient of the tensor where that is finite."""
    tensor = tensor.masked_fill(tensor.isinf(), 0.0)
    return tensor - tensor.detach()
