"""The operators composed of PyTorch's operations, for devices other than the CPU, and their vector-Jacobian products, which
can be differentiated further.

Computed in single precision, or in double for tensors of that type. The noise is drawn on the host and copied: the samples are
those of the CPU, to rounding.
"""

import math

import torch
from torch import Tensor

from .. import _native

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

Temperature = float | Tensor


def check(tensor: Tensor) -> None:
    """Raises TypeError unless a tensor is dense and of a type that operators take."""
    if tensor.dtype not in _FLOATS:
        raise TypeError(f"expected a tensor of float16, bfloat16, float32 or float64, got {tensor.dtype}")
    if tensor.layout is not torch.strided:
        raise TypeError(f"expected a dense tensor, got layout {tensor.layout}; call to_dense()")


def wide(tensor: Tensor) -> Tensor:
    """A tensor in the type of the computation."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def softmax(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
    check(logits)
    if logits.numel() == 0:
        return on_host(logits, key, tau).to(logits.device)
    return torch.softmax(_tempered(_perturbed(logits, key, tau), tau), -1).to(logits.dtype)


def log_softmax(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
    check(logits)
    if logits.numel() == 0:
        return on_host(logits, key, tau).to(logits.device)
    log_y = torch.log_softmax(_tempered(_perturbed(logits, key, tau), tau), -1)
    # -inf means a mask and nothing else, also in half precision.
    finite = log_y.clamp(min=torch.finfo(logits.dtype).min)
    return torch.where(logits == -math.inf, -math.inf, finite).to(logits.dtype)


def straight_through(logits: Tensor, key: Tensor, tau: Temperature) -> tuple[Tensor, Tensor]:
    check(logits)
    if logits.numel() == 0:
        soft = on_host(logits, key, tau).to(logits.device)
        return soft.clone(), soft
    perturbed = _perturbed(logits, key, tau)
    soft = torch.softmax(_tempered(perturbed, tau), -1).to(logits.dtype)
    return _one_hot(perturbed, logits.dtype), soft


def gumbel_max(logits: Tensor, key: Tensor) -> Tensor:
    check(logits)
    if logits.numel() == 0:
        return _native._torch_gumbel_max(logits.cpu(), key.cpu()).to(logits.device)
    return _perturbed(logits, key, 1.0).argmax(-1)


def one_hot(logits: Tensor, key: Tensor) -> Tensor:
    check(logits)
    if logits.numel() == 0:
        return _native._torch_one_hot(logits.cpu(), key.cpu()).to(logits.device)
    return _one_hot(_perturbed(logits, key, 1.0), logits.dtype)


def top_k(logits: Tensor, key: Tensor, k: int) -> Tensor:
    check(logits)
    enough = logits.numel() > 0 and 0 <= k <= logits.shape[-1]
    if not enough or bool(((logits > -math.inf).sum(-1) < k).any()):
        return _native._torch_top_k(logits.cpu(), key.cpu(), k).to(logits.device)
    return _perturbed(logits, key, 1.0).topk(k).indices


def noise(like: Tensor, key: Tensor, law: str) -> Tensor:
    check(like)
    return _native._torch_noise(like, key.cpu(), law).to(like.device, non_blocking=True)


def on_host(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
    """The relaxed sample by the host, with its errors."""
    if isinstance(tau, Tensor):
        return _native._torch_softmax_tensor(logits.cpu(), key.cpu(), tau.cpu())
    return _native._torch_softmax(logits.cpu(), key.cpu(), tau)


def largest(logits: Tensor, tau: Temperature) -> Tensor:
    """The largest logit of each row, [.., 1]. Logits and temperatures are checked, with one number read back."""
    check(logits)
    if logits.numel() == 0:
        on_host(logits, torch.zeros(2, dtype=torch.int64), tau)
        return logits.new_empty((*logits.shape[:-1], 1))
    maximum = logits.amax(-1, keepdim=True)
    # It is NaN if a logit is, infinite if one is, and -inf if there are only masks.
    if not bool(maximum.isfinite().all() & _positive(tau, logits)):
        on_host(logits, torch.zeros(2, dtype=torch.int64), tau)
    return maximum


def _positive(tau: Temperature, logits: Tensor) -> Tensor | bool:
    """Whether temperatures are positive and finite in the type of the computation."""
    dtype = wide(logits).dtype
    if isinstance(tau, Tensor):
        rounded = tau.to(logits.device, dtype)
        return ((rounded > 0) & (rounded < math.inf)).all()
    return 0 < torch.tensor(tau, dtype=dtype, device="cpu").item() < math.inf


def _perturbed(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
    """Half of the gap between each logit and the largest of its row, plus half of its noise.

    Halves, because the gap of two finite numbers may be beyond the range of the type.
    """
    numbers = wide(logits)
    return numbers * 0.5 - largest(numbers, tau) * 0.5 + noise(numbers, key, "gumbel") * 0.5


def _tempered(halves: Tensor, tau: Temperature) -> Tensor:
    """Logits of the relaxed sample, the largest of which is 0 whatever the temperature."""
    tau = tau.to(halves.device, halves.dtype) if isinstance(tau, Tensor) else tau
    gaps = halves - halves.amax(-1, keepdim=True)
    return torch.where(gaps == 0, 0.0, gaps / tau * 2)


def _one_hot(perturbed: Tensor, dtype: torch.dtype) -> Tensor:
    index = perturbed.argmax(-1, keepdim=True)
    return torch.zeros(perturbed.shape, dtype=dtype, device=perturbed.device).scatter_(-1, index, 1.0)


def softmax_vjp(y: Tensor, dy: Tensor, tau: Temperature) -> Tensor:
    """y (dy - sum of y dy) / tau, exactly 0 where y is 0 whatever dy is there."""
    numbers = wide(y)
    cotangent = torch.where(numbers == 0, 0.0, wide(dy))
    inner = (numbers * cotangent).sum(-1, keepdim=True)
    return (numbers * (cotangent - inner) / tau).to(y.dtype)


def log_softmax_vjp(log_y: Tensor, dy: Tensor, tau: Temperature) -> Tensor:
    """(dy - y sum of dy) / tau, exactly 0 at masks whatever dy is there."""
    numbers = wide(log_y)
    masked = numbers == -math.inf
    cotangent = torch.where(masked, 0.0, wide(dy))
    y = torch.where(masked, 0.0, numbers).exp().masked_fill(masked, 0.0)
    return ((cotangent - y * cotangent.sum(-1, keepdim=True)) / tau).to(log_y.dtype)


def log_softmax_jvp(log_y: Tensor, dlogits: Tensor, tau: Temperature) -> Tensor:
    """(dlogits - sum of y dlogits) / tau, the tangent of the logarithm of a sample, exactly 0 at masks."""
    numbers = wide(log_y)
    masked = numbers == -math.inf
    tangent = torch.where(masked, 0.0, wide(dlogits))
    y = torch.where(masked, 0.0, numbers).exp().masked_fill(masked, 0.0)
    return torch.where(masked, 0.0, (tangent - (y * tangent).sum(-1, keepdim=True)) / tau).to(log_y.dtype)


def softmax_in_tau(y: Tensor) -> Tensor:
    """The derivative of a relaxed sample in its temperature, times that: -y (ln y - sum of y ln y).

    In double precision, because what is left to divide by the temperature may be beyond the range of single.
    """
    numbers = double(y)
    weighted = torch.where(numbers == 0, 0.0, numbers * torch.where(numbers == 0, 1.0, numbers).log())
    return numbers * weighted.sum(-1, keepdim=True) - weighted


def log_softmax_in_tau(log_y: Tensor) -> Tensor:
    """The same of the logarithm of a relaxed sample: -(ln y - sum of y ln y), 0 at masks."""
    numbers = double(log_y)
    masked = numbers == -math.inf
    # Sums of larger numbers times cotangents could be infinite of either sign, and the sum of these NaN.
    finite = torch.where(masked, 0.0, numbers).clamp(min=-1e38 if numbers.dtype == torch.float32 else -1e150)
    weighted = torch.where(masked, 0.0, finite.exp() * finite)
    return torch.where(masked, 0.0, weighted.sum(-1, keepdim=True) - finite)


def double(tensor: Tensor) -> Tensor:
    """A tensor in double precision; in single on MPS, which has no other."""
    return tensor.float() if tensor.device.type == "mps" else tensor.double()


def checked_softmax_vjp(y: Tensor, dy: Tensor, tau: Temperature) -> Tensor:
    check(y)
    return softmax_vjp(y, dy, _on(y, tau))


def checked_log_softmax_vjp(log_y: Tensor, dy: Tensor, tau: Temperature) -> Tensor:
    check(log_y)
    return log_softmax_vjp(log_y, dy, _on(log_y, tau))


def _on(tensor: Tensor, tau: Temperature) -> Temperature:
    return tau.to(tensor.device) if isinstance(tau, Tensor) else tau
