"""Samples of discrete variables and their relaxations on NumPy arrays.

Randomness is an argument: `noise=` is a `Noise`, or a `numpy.random.Generator`. Arrays are of float16, float32 or float64,
in any layout; the categories lie on the last axis or on `axis`, and a logit of -inf masks its category. Lists are taken,
and arguments of several types are promoted as NumPy does. Results are new arrays in C order. What cannot be computed raises `Error`, which says where it is; no NaN is returned.
`gumbel.vjp` holds the vector-Jacobian products.

>>> import gumbel, numpy as np
>>> logits = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, -np.inf]])
>>> gumbel.gumbel_max(logits, noise=gumbel.Noise(42))
array([1, 1])
>>> gumbel.gumbel_softmax(logits, 0.5, noise=gumbel.Noise(42)).round(3)
array([[0.167, 0.514, 0.319],
       [0.   , 1.   , 0.   ]])
"""

from . import vjp
from ._native import (
    Error,
    Noise,
    assignment,
    binary_concrete_log_prob,
    categorical_entropy,
    categorical_kl,
    categorical_log_prob,
    concrete_log_prob,
    entmax,
    exp_concrete_log_prob,
    get_num_threads,
    gumbel_max,
    gumbel_softmax,
    log_gumbel_softmax,
    log_sinkhorn,
    log_softmax,
    log_sum_exp,
    one_hot,
    relaxed,
    relaxed_bernoulli_log_prob,
    relaxed_top_k,
    sample_subset,
    set_num_threads,
    sinkhorn,
    softmax,
    sparsemax,
    subset_log_partition,
    subset_marginals,
    top_k,
)

__all__ = [
    "Error",
    "Noise",
    "assignment",
    "binary_concrete_log_prob",
    "categorical_entropy",
    "categorical_kl",
    "categorical_log_prob",
    "concrete_log_prob",
    "entmax",
    "exp_concrete_log_prob",
    "get_num_threads",
    "gumbel_max",
    "gumbel_softmax",
    "log_gumbel_softmax",
    "log_sinkhorn",
    "log_softmax",
    "log_sum_exp",
    "one_hot",
    "relaxed",
    "relaxed_bernoulli_log_prob",
    "relaxed_top_k",
    "sample_subset",
    "set_num_threads",
    "sinkhorn",
    "softmax",
    "sparsemax",
    "subset_log_partition",
    "subset_marginals",
    "top_k",
    "vjp",
]
