"""Gradients of the operators, as functions of autograd around them.

Each comes in two versions, because no single one serves all: a function whose context is set up apart, as `torch.func` and forward
mode need it, takes twice as long to call, and one with a tangent cannot be compiled.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from . import _composed, _ops, _traced
from ._composed import Temperature


F = TypeVar("F", bound=Callable[..., Any])

# Before 2.15, compiled code takes the gradient of a function of autograd inside of `torch.func.grad` for zero.
_NO_GRADIENT_INSIDE = tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 15)


def compiling() -> bool:
    """Whether the call is compiled.

    Where a gradient would be lost, compilation fails: then the code runs as it is, or `fullgraph=True` reports it.
    """
    if not torch.compiler.is_compiling():
        return False
    if _NO_GRADIENT_INSIDE and torch._C._are_functorch_transforms_active():
        raise NotImplementedError("transformations of torch.func inside of compiled code require PyTorch 2.15 or later")
    return True


def transformed() -> bool:
    """Whether the call is inside a transformation of `torch.func` or of forward mode."""
    return bool(torch._C._are_functorch_transforms_active()) or forward_ad._current_level >= 0


def uncompiled(function: F) -> F:
    """Code that falls back from compilation is compiled piece by piece, and a gradient is no piece that can be."""
    return torch.compiler.disable(function)  # type: ignore[no-any-return, no-untyped-call]


class Differentiable:
    """A relaxed sample: its operators, its gradient in two versions, and what a trace records."""

    def __init__(
        self, number: Any, tensor: Any, plain: type[Function], transforms: type[Function], traced: Callable[..., Tensor]
    ) -> None:
        self.number = number
        self.tensor = tensor
        self.plain = plain
        self.transforms = transforms
        self.traced = traced


def _run(number: Any, tensor: Any, first: Tensor, second: Tensor, tau: Temperature) -> Any:
    return (tensor if isinstance(tau, Tensor) else number)(first, second, tau)


def _keep(ctx: Any, y: Tensor, tau: Temperature) -> None:
    """What a derivative needs: the sample and the temperature."""
    given = (y, tau) if isinstance(tau, Tensor) else (y,)
    ctx.save_for_backward(*given)
    ctx.tau = None if isinstance(tau, Tensor) else tau


def _kept(ctx: Any) -> tuple[Tensor, Temperature]:
    saved = ctx.saved_tensors
    return (saved[0], saved[1]) if ctx.tau is None else (saved[0], ctx.tau)


def _in_tau(derivative: Tensor, dy: Tensor, tau: Tensor) -> Tensor:
    """The cotangent of the temperature, from the derivative times the temperature."""
    rows = (derivative * dy).sum(-1, keepdim=True)
    sums = rows.sum().reshape(tau.shape) if tau.numel() == 1 else rows
    return (sums / tau.to(sums.device)).to(tau.device, tau.dtype)


def _softmax_backward(ctx: Any, dy: Tensor | None) -> tuple[Tensor | None, None, Tensor | None]:
    if dy is None:
        return None, None, None
    y, tau = _kept(ctx)
    if torch.is_grad_enabled():
        dlogits = _composed.softmax_vjp(y, dy, tau)
    else:
        dlogits = _run(_ops.softmax_vjp, _ops.softmax_vjp_tensor, y, dy, tau)
    if not ctx.needs_input_grad[2]:
        return dlogits, None, None
    assert isinstance(tau, Tensor)
    dy = torch.where(y == 0, 0.0, dy)
    return dlogits, None, _in_tau(_composed.softmax_in_tau(y), dy, tau)


def _log_softmax_backward(ctx: Any, dy: Tensor | None) -> tuple[Tensor | None, None, Tensor | None]:
    if dy is None:
        return None, None, None
    log_y, tau = _kept(ctx)
    if torch.is_grad_enabled():
        dlogits = _composed.log_softmax_vjp(log_y, dy, tau)
    else:
        dlogits = _run(_ops.log_softmax_vjp, _ops.log_softmax_vjp_tensor, log_y, dy, tau)
    if not ctx.needs_input_grad[2]:
        return dlogits, None, None
    assert isinstance(tau, Tensor)
    dy = torch.where(torch.isneginf(log_y), 0.0, dy)
    return dlogits, None, _in_tau(_composed.log_softmax_in_tau(log_y), dy, tau)


def _straight_through_backward(
    ctx: Any, dhard: Tensor | None, dsoft: Tensor | None
) -> tuple[Tensor | None, None, Tensor | None]:
    if dhard is not None and dsoft is not None:
        return _softmax_backward(ctx, dhard + dsoft)
    return _softmax_backward(ctx, dsoft if dhard is None else dhard)


def _tangent(
    ctx: Any, dlogits: Tensor | None, dtau: Tensor | None, in_logits: Callable[..., Tensor], in_tau: Callable[..., Tensor]
) -> Tensor:
    y, tau = _kept(ctx)
    tangent = torch.zeros_like(y) if dlogits is None else in_logits(y, dlogits, tau)
    if isinstance(dtau, Tensor):
        tangent = tangent + (in_tau(y) / tau * dtau).to(y.dtype)
    return tangent


class _Softmax(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
        y: Tensor = _run(_ops.softmax, _ops.softmax_tensor, logits, key, tau)
        _keep(ctx, y, tau)
        return y

    backward = staticmethod(_softmax_backward)


class _LogSoftmax(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
        log_y: Tensor = _run(_ops.log_softmax, _ops.log_softmax_tensor, logits, key, tau)
        _keep(ctx, log_y, tau)
        return log_y

    backward = staticmethod(_log_softmax_backward)


class _StraightThrough(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, key: Tensor, tau: Temperature) -> tuple[Tensor, Tensor]:
        hard, soft = _run(_ops.straight_through, _ops.straight_through_tensor, logits, key, tau)
        ctx.set_materialize_grads(False)
        _keep(ctx, soft, tau)
        return hard, soft

    backward = staticmethod(_straight_through_backward)


class _TransformedSoftmax(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
        y: Tensor = _run(_ops.softmax, _ops.softmax_tensor, logits, key, tau)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _keep_for_both(ctx, output, inputs[2])

    backward = staticmethod(uncompiled(_softmax_backward))

    @staticmethod
    def jvp(ctx: Any, dlogits: Tensor | None, _dkey: None, dtau: Tensor | None) -> Tensor:
        # The Jacobian is symmetric.
        return _tangent(ctx, dlogits, dtau, _composed.softmax_vjp, _composed.softmax_in_tau)


class _TransformedLogSoftmax(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
        log_y: Tensor = _run(_ops.log_softmax, _ops.log_softmax_tensor, logits, key, tau)
        return log_y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _keep_for_both(ctx, output, inputs[2])

    backward = staticmethod(uncompiled(_log_softmax_backward))

    @staticmethod
    def jvp(ctx: Any, dlogits: Tensor | None, _dkey: None, dtau: Tensor | None) -> Tensor:
        return _tangent(ctx, dlogits, dtau, _composed.log_softmax_jvp, _composed.log_softmax_in_tau)


class _TransformedStraightThrough(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, key: Tensor, tau: Temperature) -> tuple[Tensor, Tensor]:
        hard, soft = _run(_ops.straight_through, _ops.straight_through_tensor, logits, key, tau)
        return hard, soft

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.set_materialize_grads(False)
        _keep_for_both(ctx, output[1], inputs[2])

    backward = staticmethod(uncompiled(_straight_through_backward))

    @staticmethod
    def jvp(ctx: Any, dlogits: Tensor | None, _dkey: None, dtau: Tensor | None) -> tuple[Tensor, Tensor]:
        tangent = _tangent(ctx, dlogits, dtau, _composed.softmax_vjp, _composed.softmax_in_tau)
        return tangent, tangent.clone()


def _keep_for_both(ctx: Any, y: Tensor, tau: Temperature) -> None:
    _keep(ctx, y, tau)
    ctx.save_for_forward(*((y, tau) if isinstance(tau, Tensor) else (y,)))


SOFTMAX = Differentiable(_ops.softmax, _ops.softmax_tensor, _Softmax, _TransformedSoftmax, _traced.softmax)
LOG_SOFTMAX = Differentiable(
    _ops.log_softmax, _ops.log_softmax_tensor, _LogSoftmax, _TransformedLogSoftmax, _traced.log_softmax
)
STRAIGHT_THROUGH = Differentiable(
    _ops.straight_through,
    _ops.straight_through_tensor,
    _StraightThrough,
    _TransformedStraightThrough,
    _traced.straight_through,
)
