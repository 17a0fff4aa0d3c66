"""Kernels that run on the host, for tensors of every device: as NumPy arrays, with the functions of `gumbel`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd import Function

from .. import Error, Noise
from . import _composed, _ops
from ._autograd import transformed

Array = npt.NDArray[Any]
Temperature = float | Tensor


def define(schema: str, kernel: Callable[..., Tensor], shapes: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Registers the operator of a kernel and, if it takes `float tau` or `float alpha`, its twin with tensors in their place.

    The function that is returned calls the twin where one of these is a tensor.
    """
    operator: Callable[..., Tensor] = _ops.define(schema, kernel, kernel, shapes)
    arguments = schema[schema.index("(") + 1 : schema.index(")")].split(", ")
    places = [place for place, argument in enumerate(arguments) if argument in ("float tau", "float alpha")]
    if not places:
        return operator
    schema = schema.replace("(", ".tensor(", 1).replace("float tau", "Tensor tau").replace("float alpha", "Tensor alpha")
    twin: Callable[..., Tensor] = _ops.define(schema, kernel, kernel, shapes)

    def either(*given: Any) -> Tensor:
        if not any(isinstance(given[place], Tensor) for place in places):
            return operator(*given)
        return twin(*(tensor_of(value) if place in places else value for place, value in enumerate(given)))

    return either


def tensor_of(number: Temperature) -> Tensor:
    """A number as a tensor. In compiled code another value does not recompile, as it does for a number."""
    return number if isinstance(number, Tensor) else torch.ones((), dtype=torch.float64, device="cpu") * number


def number(value: Temperature, name: str) -> float:
    """The only element of a tensor, or a number."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"{name} must be a number or have one element, got shape {list(value.shape)}")
    return float(value)


def like(rows: Tensor, *_: Any) -> Tensor:
    """The result without memory of a kernel whose result is like its first argument."""
    _composed.check(rows)
    return torch.empty_like(rows, memory_format=torch.contiguous_format)


def temperature(tau: Temperature) -> Temperature:
    """A temperature as the operators take it."""
    if isinstance(tau, Tensor):
        if tau.numel() != 1:
            raise ValueError(f"tau must be a number or have one element, got shape {list(tau.shape)}")
        return tau
    return tensor_of(tau) if torch.compiler.is_compiling() else float(tau)


def check(tensor: Any, name: str) -> None:
    """Raises TypeError unless an argument is a dense tensor of floats."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
    # Compiled code may not ask for the layout; there, the operators check.
    if not torch.compiler.is_compiling():
        _composed.check(tensor)


def array(tensor: Tensor) -> Array:
    """A tensor as an array; half precision in single, which is what kernels compute it in."""
    array: Array = _composed.wide(tensor.detach().cpu()).numpy()
    return array


def result(of: Array, rows: Tensor) -> Tensor:
    """Floats in the type and on the device of a kernel's argument; integers and flags as they are."""
    found = torch.from_numpy(np.asarray(of, order="C"))
    return found.to(rows.device, rows.dtype if found.is_floating_point() else found.dtype)


def sampled(sample: Callable[..., Array], key: Tensor, *tensors: Tensor) -> Tensor:
    """What a function of a noise and of arrays returns, for a key or for each of the keys of the arrays' first axes."""
    arrays, shape, lead = [array(tensor) for tensor in tensors], tensors[0].shape, key.shape[:-1]
    if key.dim() < 1 or lead != shape[: len(lead)] or 0 < len(lead) >= len(shape):
        expected, got = list(shape), list(key.shape)
        raise ValueError(f"a key must have the leading axes of the logits, of shape {expected}; got a key of shape {got}")
    if not lead or 0 in shape:
        return result(sample(noise(key) if not lead else Noise(0), *arrays), tensors[0])
    drawn = [_at(place, sample, noise(key[place]), *(rows[place] for rows in arrays)) for place in np.ndindex(*lead)]
    return result(np.stack(drawn).reshape(*lead, *drawn[0].shape), tensors[0])


def _at(place: tuple[int, ...], sample: Callable[..., Array], noise: Noise, *arrays: Array) -> Array:
    """A part of a sample, whose error says where it is in the whole."""
    try:
        return sample(noise, *arrays)
    except Error as error:
        if error.index is not None:
            error.index = (*place, *error.index)
        raise


def noise(key: Tensor) -> Noise:
    """The noise that begins at a key without leading axes."""
    seed, id, *position = (word % 2**64 for word in key.tolist())
    return Noise.from_parts(seed, id, *position or [0])


def centred(logits: Tensor) -> Tensor:
    """Logits less the largest of their row, a constant for gradients, in the type of the computation.

    Noise that is added to these is not lost in rounding, however large the common part of the logits is.
    """
    numbers = _composed.wide(logits)
    if not numbers.numel():
        return numbers
    largest = numbers.detach().amax(-1, keepdim=True)
    gaps = numbers - torch.where(torch.isfinite(largest), largest, 0.0)
    # The gap of two finite numbers may be beyond the range of the type, and -inf means a mask.
    return torch.where(torch.isneginf(numbers), numbers, gaps.clamp(min=torch.finfo(gaps.dtype).min))


def perturbed(logits: Tensor, key: Tensor) -> Tensor:
    """Logits and Gumbel noise, in the type of the computation."""
    gaps = centred(logits)
    return gaps + _ops.noise(gaps.detach(), key, "gumbel")  # type: ignore[no-any-return]


def in_tau(logits: Tensor, slopes: Tensor, tau: Tensor) -> Tensor:
    """The cotangent of a temperature from that of the logits, for a function of logits / tau that no shift of a row changes."""
    moved = (gaps(logits) * slopes).sum() / tau.to(slopes.device, torch.promote_types(slopes.dtype, torch.float32))
    return -moved.reshape(tau.shape).to(tau.device, tau.dtype)


def gaps(logits: Tensor) -> Tensor:
    """Centred logits, with 0 at masks."""
    numbers = centred(logits)
    return torch.where(torch.isneginf(numbers), 0.0, numbers)


def attach(hard: Tensor, soft: Tensor) -> Tensor:
    """The value of `hard`, bit for bit, with the gradient of `soft`: the bracket is exactly 0."""
    return hard + (soft - soft.detach())


def apply(plain: type[Function], tangent: type[Function], *arguments: Any) -> Tensor:
    """Applies a function, in its version with a tangent where this may be asked for. That one cannot be compiled."""
    tangents = not torch.compiler.is_compiling() and transformed()
    value: Tensor = (tangent if tangents else plain).apply(*arguments)
    return value


def last(operator: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """A derivative that cannot be differentiated further."""
    if not torch.is_grad_enabled():
        return operator(*arguments)
    derivative: Tensor = _Last.apply(operator, *arguments)
    return derivative


class _Last(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(operator: Callable[..., Tensor], *arguments: Any) -> Tensor:
        return operator(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Any:
        raise RuntimeError("this function is once differentiable: its second derivative has no closed form")

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> Any:
        return _Last.backward(ctx)
