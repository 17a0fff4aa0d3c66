"""Log-densities composed of PyTorch's operations, for devices other than the CPU, and their vector-Jacobian products, which can be
differentiated further.

The formulas are those of the kernels: n is the number of categories that are not masked, over which sums run.
"""

import math

import torch
from torch import Tensor

from .. import _native
from ._composed import check, double, wide

Triple = tuple[Tensor, Tensor, Tensor]


def log_prob(density: str, y: Tensor, logits: Tensor, tau: Tensor) -> Tensor:
    """The log-density; rows at the edge of the support, and errors, are the host's."""
    check(y)
    check(logits)
    tau = tau.to(y.device)
    inside = _inside_simplex if "bern" not in density and "binary" not in density else _inside_interval
    rounded = tau.to(wide(y).dtype)
    valid = inside(density, y, logits).all() & (rounded > 0).all() & (rounded < math.inf).all()
    if y.numel() == 0 or not bool(valid):
        return _native._torch_log_prob(density, y.cpu(), logits.cpu(), tau.cpu()).to(y.device)
    return _FORMULAS[density](wide(y), wide(logits), rounded).to(y.dtype)


def log_prob_vjp(density: str, y: Tensor, logits: Tensor, d: Tensor, tau: Tensor) -> Triple:
    """The cotangents of the points, of the logits and, in double precision, of the temperature of each row."""
    tau = tau.to(y.device, wide(y).dtype)
    d_y, d_logits, d_tau = _VJPS[density](wide(y), wide(logits), wide(d), tau)
    return d_y.to(y.dtype), d_logits.to(y.dtype), double(d_tau)


def _inside_simplex(density: str, y: Tensor, logits: Tensor) -> Tensor:
    """Whether each number is in the interior of its support, and each row of logits valid."""
    numbers, masked = wide(y), logits == -math.inf
    present = numbers > (0 if density == "concrete" else -math.inf)
    negative = (numbers < 0) if density == "concrete" else torch.zeros_like(masked)
    finite = (logits < math.inf) & (numbers < math.inf) & ~negative
    return (present != masked) & finite & ~masked.all(-1, keepdim=True)


def _inside_interval(density: str, y: Tensor, logits: Tensor) -> Tensor:
    numbers = wide(y)
    inside = numbers.isfinite() if density == "binary_concrete" else (numbers > 0) & (numbers < 1)
    return inside & logits.isfinite()


def _exp_concrete(y: Tensor, logits: Tensor, tau: Tensor) -> Tensor:
    masked = logits == -math.inf
    tilted = torch.where(masked, -math.inf, logits - tau * torch.where(masked, 0.0, y))
    tilted = tilted - tilted.amax(-1, keepdim=True)
    n = (~masked).sum(-1).to(y.dtype)
    log_tau = (tau.squeeze(-1) if tau.dim() == y.dim() else tau).log()
    total = torch.where(masked, 0.0, tilted).sum(-1)
    return torch.lgamma(n) + (n - 1) * log_tau + total - n * tilted.logsumexp(-1)


def _concrete(x: Tensor, logits: Tensor, tau: Tensor) -> Tensor:
    log_x = torch.where(logits == -math.inf, 0.0, x.log())
    return _exp_concrete(log_x, logits, tau) - log_x.sum(-1)


def _binary_concrete(y: Tensor, log_odds: Tensor, tau: Tensor) -> Tensor:
    size = (log_odds - tau * y).abs()
    return tau.log() - size - 2 * (-size).exp().log1p()


def _relaxed_bernoulli(x: Tensor, log_odds: Tensor, tau: Tensor) -> Tensor:
    log_x, log_rest = x.log(), (-x).log1p()
    return _binary_concrete(log_x - log_rest, log_odds, tau) - log_x - log_rest


def _exp_concrete_vjp(y: Tensor, logits: Tensor, d: Tensor, tau: Tensor) -> Triple:
    live = _live(y > -math.inf, logits)
    c, d_logits, d_tau = _tilted_vjp(torch.where(live, y, 0.0), logits, d, tau, live)
    return torch.where(live, -d.unsqueeze(-1) * tau * c, 0.0), d_logits, d_tau


def _concrete_vjp(x: Tensor, logits: Tensor, d: Tensor, tau: Tensor) -> Triple:
    live = _live(x > 0, logits)
    inner = torch.where(live, x, 1.0)
    c, d_logits, d_tau = _tilted_vjp(inner.log(), logits, d, tau, live)
    return torch.where(live, -d.unsqueeze(-1) * (tau * c + 1) / inner, 0.0), d_logits, d_tau


def _live(present: Tensor, logits: Tensor) -> Tensor:
    """The numbers that have a gradient: those that are not masked, of rows inside the support."""
    unmasked = logits > -math.inf
    return unmasked & (present == unmasked).all(-1, keepdim=True)


def _tilted_vjp(log_y: Tensor, logits: Tensor, d: Tensor, tau: Tensor, live: Tensor) -> Triple:
    """c = 1 - n softmax(logits - tau log_y), and the cotangents of the logits and of the temperature."""
    inside = live.any(-1, keepdim=True)
    tilted = torch.where(live, torch.where(live, logits, 0.0) - tau * log_y, -math.inf)
    p = torch.softmax(torch.where(inside, tilted, 0.0), -1)
    n = live.sum(-1, keepdim=True).to(log_y.dtype)
    c = torch.where(live, 1 - n * p, 0.0)
    slope = (n - 1) / tau - (log_y * c).sum(-1, keepdim=True)
    d_tau = torch.where(inside, d.unsqueeze(-1) * slope, 0.0).squeeze(-1)
    return c, torch.where(live, d.unsqueeze(-1) * c, 0.0), d_tau


def _binary_concrete_vjp(y: Tensor, log_odds: Tensor, d: Tensor, tau: Tensor) -> Triple:
    live = y.isfinite()
    return _logistic_vjp(torch.where(live, y, 0.0), log_odds, d, tau, live)


def _relaxed_bernoulli_vjp(x: Tensor, log_odds: Tensor, d: Tensor, tau: Tensor) -> Triple:
    live = (x > 0) & (x < 1)
    inner = torch.where(live, x, 0.5)
    d_y, d_logits, d_tau = _logistic_vjp(inner.log() - (-inner).log1p(), log_odds, d, tau, live)
    d_x = (d_y + torch.where(live, d, 0.0) * (2 * inner - 1)) / (inner * (1 - inner))
    return torch.where(live, d_x, 0.0), d_logits, d_tau


def _logistic_vjp(y: Tensor, log_odds: Tensor, d: Tensor, tau: Tensor, live: Tensor) -> Triple:
    t = torch.tanh((log_odds - tau * y) / 2)
    cotangents = d * tau * t, -d * t, d * (1 / tau + y * t)
    d_y, d_logits, d_tau = (torch.where(live, cotangent, 0.0) for cotangent in cotangents)
    return d_y, d_logits, d_tau


_FORMULAS = {
    "exp_concrete": _exp_concrete,
    "concrete": _concrete,
    "binary_concrete": _binary_concrete,
    "relaxed_bernoulli": _relaxed_bernoulli,
}
_VJPS = {
    "exp_concrete": _exp_concrete_vjp,
    "concrete": _concrete_vjp,
    "binary_concrete": _binary_concrete_vjp,
    "relaxed_bernoulli": _relaxed_bernoulli_vjp,
}
