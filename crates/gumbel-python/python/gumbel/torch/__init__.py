"""Samples of discrete variables and their relaxations on PyTorch's tensors."""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError("gumbel.torch requires PyTorch: pip install 'gumbel-softmax[torch]'") from error
if not hasattr(_torch.Tensor, "__dlpack_c_exchange_api__"):
    raise ImportError(f"gumbel.torch requires PyTorch 2.10 or later, got {_torch.__version__}")

from ._densities import (
    binary_concrete_log_prob,
    concrete_log_prob,
    exp_concrete_log_prob,
    relaxed_bernoulli_log_prob,
)
from ._noise import key, keys
from ._samples import (
    gumbel_max,
    gumbel_softmax,
    log_gumbel_softmax,
    one_hot,
    patched,
    straight_through,
    top_k,
)

__all__ = [
    "binary_concrete_log_prob",
    "concrete_log_prob",
    "exp_concrete_log_prob",
    "gumbel_max",
    "gumbel_softmax",
    "key",
    "keys",
    "log_gumbel_softmax",
    "one_hot",
    "patched",
    "relaxed_bernoulli_log_prob",
    "straight_through",
    "top_k",
]
