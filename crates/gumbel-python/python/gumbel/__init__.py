"""Samples of discrete variables and their relaxations on NumPy arrays."""

from ._native import (
    Error,
    Noise,
    get_num_threads,
    gumbel_max,
    gumbel_softmax,
    log_gumbel_softmax,
    one_hot,
    set_num_threads,
    top_k,
)

__all__ = [
    "Error",
    "Noise",
    "get_num_threads",
    "gumbel_max",
    "gumbel_softmax",
    "log_gumbel_softmax",
    "one_hot",
    "set_num_threads",
    "top_k",
]
