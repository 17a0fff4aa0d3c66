"""Vector-Jacobian products of the functions of `gumbel`, for authors of other bindings.

`f_vjp` is that of `f`. It takes what its kernel takes, in the kernel's order: the results of `f` where these suffice, and
otherwise the arguments; then the cotangent of each result, of the same shape. Nothing is broadcast. Where the noise of a
sample matters, as in `relaxed_top_k_vjp`, it takes that noise as it was before the sample.

>>> import gumbel, numpy as np
>>> y = gumbel.softmax(np.log([1.0, 3.0]))
>>> gumbel.vjp.softmax_vjp(y, np.array([1.0, 0.0]))
array([ 0.1875, -0.1875])
"""

from ._native import (
    binary_concrete_log_prob_vjp,
    concrete_log_prob_vjp,
    entmax_alpha_derivative,
    entmax_vjp,
    exp_concrete_log_prob_vjp,
    gumbel_softmax_vjp,
    log_gumbel_softmax_vjp,
    log_sinkhorn_vjp,
    log_softmax_vjp,
    log_sum_exp_vjp,
    relaxed_bernoulli_log_prob_vjp,
    relaxed_top_k_vjp,
    sinkhorn_vjp,
    softmax_vjp,
    sparsemax_vjp,
    subset_log_partition_vjp,
    subset_marginals_vjp,
)

relaxed_vjp = gumbel_softmax_vjp

__all__ = [
    "binary_concrete_log_prob_vjp",
    "concrete_log_prob_vjp",
    "entmax_alpha_derivative",
    "entmax_vjp",
    "exp_concrete_log_prob_vjp",
    "gumbel_softmax_vjp",
    "log_gumbel_softmax_vjp",
    "log_sinkhorn_vjp",
    "log_softmax_vjp",
    "log_sum_exp_vjp",
    "relaxed_bernoulli_log_prob_vjp",
    "relaxed_top_k_vjp",
    "relaxed_vjp",
    "sinkhorn_vjp",
    "softmax_vjp",
    "sparsemax_vjp",
    "subset_log_partition_vjp",
    "subset_marginals_vjp",
]
