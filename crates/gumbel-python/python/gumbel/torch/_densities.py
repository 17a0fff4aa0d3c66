"""Log-densities of relaxed samples, differentiable in the points, the logits and the temperature."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.overrides import handle_torch_function, has_torch_function

from .. import _native
from . import _composed, _composed_densities
from ._autograd import compiling, transformed, uncompiled
from ._ops import Operator, define


def exp_concrete_log_prob(y: Tensor, logits: Tensor, tau: float | Tensor) -> Tensor:
    """Log-density of the ExpConcrete distribution, that of `log_gumbel_softmax`, at the points `y`: [..] for [.., K].

    With respect to the log-ratios of the coordinates to one of them. -inf at a point that has mass on a mask, or none on a
    category that is not masked. Prefer it to `concrete_log_prob` for training: it has no limits at an edge.

    Args:
        y: the points, in log space: their differences matter, so they need not be normalised. -inf at masks.
        logits: unnormalised log-probabilities. -inf masks a category.
        tau: the temperature: a number, a tensor of one element, or one for each row ([.., 1]).

    The arguments broadcast against each other. All three may be differentiated twice and more.

    Raises:
        gumbel.Error: of kind `sample`, `no_mass`, `logit`, `all_masked` or `temperature`.
        ValueError: the shapes do not fit.

    Maddison, Mnih and Teh (2017), appendix C.

    >>> import gumbel.torch, torch
    >>> y = torch.tensor([0.1, 0.9]).log()
    >>> gumbel.torch.exp_concrete_log_prob(y, torch.zeros(2), 1.0)  # ln 0.09
    tensor(-2.4079)
    """
    if has_torch_function((y, logits)):
        return handle_torch_function(exp_concrete_log_prob, (y, logits), y, logits, tau)
    return _rows_log_prob("exp_concrete", y, logits, tau)


def concrete_log_prob(x: Tensor, logits: Tensor, tau: float | Tensor) -> Tensor:
    """Log-density of the Concrete distribution, that of `gumbel_softmax`, at the points `x` of the simplex: [..] for [.., K].

    At a vertex or an edge it is the limit, which may be infinite; its gradient is 0 there. It is not checked that the points
    sum to one. Arguments and errors are those of `exp_concrete_log_prob`.

    Maddison, Mnih and Teh (2017), definition 1; Jang, Gu and Poole (2017), appendix B.

    >>> import gumbel.torch, torch
    >>> gumbel.torch.concrete_log_prob(torch.tensor([0.2, 0.3, 0.5]), torch.zeros(3), 0.5)
    tensor(-0.5344)
    """
    if has_torch_function((x, logits)):
        return handle_torch_function(concrete_log_prob, (x, logits), x, logits, tau)
    return _rows_log_prob("concrete", x, logits, tau)


def binary_concrete_log_prob(y: Tensor, log_odds: Tensor, tau: float | Tensor) -> Tensor:
    """Log-density of the Binary Concrete distribution in logit space, that of (log_odds + logistic noise) / tau, at each `y`.

    -inf at infinite points. The arguments broadcast against each other.

    Raises:
        gumbel.Error: of kind `sample`, `log_odds` or `temperature`.
        ValueError: the shapes do not fit.

    Maddison, Mnih and Teh (2017), appendix B.

    >>> import gumbel.torch, torch
    >>> gumbel.torch.binary_concrete_log_prob(torch.tensor(0.7), torch.tensor(3.0).log(), 0.5)
    tensor(-2.2164)
    """
    if has_torch_function((y, log_odds)):
        return handle_torch_function(binary_concrete_log_prob, (y, log_odds), y, log_odds, tau)
    return _points_log_prob("binary_concrete", y, log_odds, tau)


def relaxed_bernoulli_log_prob(x: Tensor, log_odds: Tensor, tau: float | Tensor) -> Tensor:
    """Log-density of a relaxed Bernoulli variable, that of sigmoid((log_odds + logistic noise) / tau), at each `x` in [0, 1].

    Computed in log space, so that it is finite for log-odds of any size. At 0 and 1 it is the limit. Arguments and errors
    are those of `binary_concrete_log_prob`.

    Maddison, Mnih and Teh (2017), appendix B.

    >>> import gumbel.torch, torch
    >>> gumbel.torch.relaxed_bernoulli_log_prob(torch.tensor(0.5), torch.tensor(100.0), 1.0)
    tensor(-98.6137)
    """
    if has_torch_function((x, log_odds)):
        return handle_torch_function(relaxed_bernoulli_log_prob, (x, log_odds), x, log_odds, tau)
    return _points_log_prob("relaxed_bernoulli", x, log_odds, tau)


def _rows_log_prob(density: str, y: Tensor, logits: Tensor, tau: float | Tensor) -> Tensor:
    y, logits, tau = _tensors(y, logits, tau)
    if not y.shape or not logits.shape or y.shape[-1] != logits.shape[-1]:
        raise ValueError(_misfit(y, logits, tau))
    if tau.numel() != 1 and tau.shape[-1] != 1:
        raise ValueError(f"tau must have one element or shape [.., 1], got {list(tau.shape)}")
    shape = _common_shape(y, logits, tau)
    tau = tau if tau.numel() == 1 else tau.expand(*shape[:-1], 1)
    return _log_prob(density, y.expand(shape), logits.expand(shape), tau)


def _points_log_prob(density: str, y: Tensor, log_odds: Tensor, tau: float | Tensor) -> Tensor:
    y, log_odds, tau = _tensors(y, log_odds, tau)
    shape = _common_shape(y, log_odds, tau)
    tau = tau if tau.numel() == 1 else tau.expand(shape)
    return _log_prob(density, y.expand(shape), log_odds.expand(shape), tau)


def _tensors(y: Any, logits: Any, tau: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The arguments as tensors, the first two of one type."""
    for name, tensor in (("the points", y), ("the logits", logits)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
    if not isinstance(tau, Tensor):
        # Compiled code is not compiled again for another number.
        tau = torch.ones((), dtype=torch.float64, device="cpu") * tau
    elif not tau.is_floating_point():
        tau = tau.to(torch.float64)
    if y.dtype != logits.dtype:
        dtype = torch.promote_types(y.dtype, logits.dtype)
        y, logits = y.to(dtype), logits.to(dtype)
    return y, logits, tau


def _common_shape(y: Tensor, logits: Tensor, tau: Tensor) -> tuple[int, ...]:
    shapes = [y.shape, logits.shape] if tau.numel() == 1 else [y.shape, logits.shape, tau.shape]
    try:
        return tuple(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]
    except RuntimeError:
        raise ValueError(_misfit(y, logits, tau)) from None


def _misfit(y: Tensor, logits: Tensor, tau: Tensor) -> str:
    shapes = [list(tensor.shape) for tensor in (y, logits, tau)]
    return f"the shapes of the points, the logits and tau do not fit: got {shapes[0]}, {shapes[1]} and {shapes[2]}"


def _log_prob(density: str, y: Tensor, logits: Tensor, tau: Tensor) -> Tensor:
    if torch._C._is_tracing():
        # A function of autograd cannot be saved in a trace.
        return _composed_densities.log_prob(density, y, logits, tau)
    run: Operator = _evaluate
    if not compiling() and transformed():
        run = _TransformedLogProb.apply
    elif torch.is_grad_enabled() and (y.requires_grad or logits.requires_grad or tau.requires_grad):
        run = _LogProb.apply
    log_prob: Tensor = run(density, y, logits, tau)
    return log_prob


def _evaluate(density: str, y: Tensor, logits: Tensor, tau: Tensor) -> Tensor:
    log_prob: Tensor = _OPERATORS[density](y, logits, tau)
    return log_prob


def _backward(ctx: Any, d: Tensor) -> tuple[None, Tensor, Tensor, Tensor | None]:
    y, logits, tau = ctx.saved_tensors
    if torch.is_grad_enabled():
        d_y, d_logits, d_taus = _composed_densities.log_prob_vjp(ctx.density, y, logits, d, tau)
    else:
        d_y, d_logits, d_taus = _VJP_OPERATORS[ctx.density](y, logits, d, tau)
    if not ctx.needs_input_grad[3]:
        return None, d_y, d_logits, None
    d_tau = d_taus.sum() if tau.numel() == 1 else d_taus
    return None, d_y, d_logits, d_tau.reshape(tau.shape).to(tau.device, tau.dtype)


class _LogProb(Function):
    @staticmethod
    def forward(ctx: Any, density: str, y: Tensor, logits: Tensor, tau: Tensor) -> Tensor:
        ctx.density = density
        ctx.save_for_backward(y, logits, tau)
        return _evaluate(density, y, logits, tau)

    backward = staticmethod(_backward)


class _TransformedLogProb(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(density: str, y: Tensor, logits: Tensor, tau: Tensor) -> Tensor:
        return _evaluate(density, y, logits, tau)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.density = inputs[0]
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    backward = staticmethod(uncompiled(_backward))

    @staticmethod
    def jvp(ctx: Any, _density: None, *tangents: Tensor | None) -> Tensor:
        y, logits, tau = ctx.saved_tensors
        rows = y.shape if _elementwise(ctx.density) else y.shape[:-1]
        ones = y.new_ones(rows)
        d_y, d_logits, d_taus = _composed_densities.log_prob_vjp(ctx.density, y, logits, ones, tau)
        if not _elementwise(ctx.density):
            d_taus = d_taus.unsqueeze(-1)
        terms = zip((d_y, d_logits, d_taus), tangents, strict=True)
        products = [(slope * tangent).to(y.dtype) for slope, tangent in terms if tangent is not None]
        if _elementwise(ctx.density):
            return sum(products, torch.zeros_like(ones))
        return sum((product.sum(-1) for product in products), torch.zeros_like(ones))


def _elementwise(density: str) -> bool:
    return density in ("binary_concrete", "relaxed_bernoulli")


def _fake(density: str, y: Tensor, logits: Tensor, tau: Tensor) -> Tensor:
    _composed.check(y)
    return y.new_empty(y.shape if _elementwise(density) else y.shape[:-1])


def _fake_vjp(y: Tensor, logits: Tensor, d: Tensor, tau: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    _composed.check(y)
    in_order = torch.contiguous_format
    d_y = torch.empty_like(y, memory_format=in_order)
    return d_y, torch.empty_like(d_y), d.new_empty(d.shape, dtype=torch.float64)


def _define(density: str) -> tuple[Operator, Operator]:
    d = "dy" if _elementwise(density) else "d"
    return define(
        f"{density}_log_prob(Tensor y, Tensor logits, Tensor tau) -> Tensor",
        partial(_native._torch_log_prob, density),
        partial(_composed_densities.log_prob, density),
        partial(_fake, density),
    ), define(
        f"{density}_log_prob_vjp(Tensor y, Tensor logits, Tensor {d}, Tensor tau)"
        " -> (Tensor d_y, Tensor d_logits, Tensor d_tau)",
        partial(_native._torch_log_prob_vjp, density),
        partial(_composed_densities.log_prob_vjp, density),
        _fake_vjp,
    )


_DEFINED = {
    density: _define(density) for density in ("exp_concrete", "concrete", "binary_concrete", "relaxed_bernoulli")
}
_OPERATORS = {density: operators[0] for density, operators in _DEFINED.items()}
_VJP_OPERATORS = {density: operators[1] for density, operators in _DEFINED.items()}
