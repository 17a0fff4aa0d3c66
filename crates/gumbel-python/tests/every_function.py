"""A call of every function of the package, on any float array [rows, k] with k of at least 2."""

import numpy as np

import gumbel
from gumbel import Noise, vjp


def matrices(x):
    """The numbers of an array as 2 x 2 matrices."""
    return x.ravel()[: x.size // 4 * 4].reshape(-1, 2, 2)


def unit(x):
    return np.clip(gumbel.softmax(x), 1e-3, 1 - 1e-3).astype(x.dtype)


CALLS = {
    "gumbel_softmax": lambda x: gumbel.gumbel_softmax(x, 0.5, noise=Noise(1)),
    "log_gumbel_softmax": lambda x: gumbel.log_gumbel_softmax(x, 0.5, noise=Noise(1)),
    "one_hot": lambda x: gumbel.one_hot(x, noise=Noise(1)),
    "gumbel_max": lambda x: gumbel.gumbel_max(x, noise=Noise(1)),
    "top_k": lambda x: gumbel.top_k(x, 2, noise=Noise(1)),
    "softmax": gumbel.softmax,
    "log_softmax": gumbel.log_softmax,
    "log_sum_exp": gumbel.log_sum_exp,
    "relaxed": lambda x: gumbel.relaxed(x, x, 0.5),
    "categorical_log_prob": lambda x: gumbel.categorical_log_prob(x, np.arange(len(x)) % 2),
    "categorical_entropy": gumbel.categorical_entropy,
    "categorical_kl": lambda x: gumbel.categorical_kl(x, -x),
    "exp_concrete_log_prob": lambda x: gumbel.exp_concrete_log_prob(x, -x, 0.5),
    "concrete_log_prob": lambda x: gumbel.concrete_log_prob(unit(x), x, 0.5),
    "binary_concrete_log_prob": lambda x: gumbel.binary_concrete_log_prob(x, -x, 0.5),
    "relaxed_bernoulli_log_prob": lambda x: gumbel.relaxed_bernoulli_log_prob(unit(x), x, 0.5),
    "entmax": gumbel.entmax,
    "sparsemax": gumbel.sparsemax,
    "log_sinkhorn": lambda x: gumbel.log_sinkhorn(matrices(x), iterations=3),
    "sinkhorn": lambda x: gumbel.sinkhorn(matrices(x), iterations=3),
    "assignment": lambda x: gumbel.assignment(matrices(x)),
    "subset_log_partition": lambda x: gumbel.subset_log_partition(x, 2),
    "subset_marginals": lambda x: gumbel.subset_marginals(x, 2),
    "sample_subset": lambda x: gumbel.sample_subset(x, 2, noise=Noise(1)),
    "relaxed_top_k": lambda x: gumbel.relaxed_top_k(x, 2, 0.5, noise=Noise(1)),
    "softmax_vjp": lambda x: vjp.softmax_vjp(unit(x), x),
    "log_softmax_vjp": lambda x: vjp.log_softmax_vjp(gumbel.log_softmax(x), x),
    "log_sum_exp_vjp": lambda x: vjp.log_sum_exp_vjp(x, x[:, 0]),
    "gumbel_softmax_vjp": lambda x: vjp.gumbel_softmax_vjp(unit(x), x, 0.5),
    "relaxed_vjp": lambda x: vjp.relaxed_vjp(unit(x), x, 0.5),
    "log_gumbel_softmax_vjp": lambda x: vjp.log_gumbel_softmax_vjp(gumbel.log_softmax(x), x, 0.5),
    "exp_concrete_log_prob_vjp": lambda x: vjp.exp_concrete_log_prob_vjp(x, -x, x[:, 0], 0.5),
    "concrete_log_prob_vjp": lambda x: vjp.concrete_log_prob_vjp(x, unit(x), x[:, 0], 0.5),
    "binary_concrete_log_prob_vjp": lambda x: vjp.binary_concrete_log_prob_vjp(x, -x, x, 0.5),
    "relaxed_bernoulli_log_prob_vjp": lambda x: vjp.relaxed_bernoulli_log_prob_vjp(x, unit(x), x, 0.5),
    "entmax_vjp": lambda x: vjp.entmax_vjp(gumbel.entmax(x), x),
    "sparsemax_vjp": lambda x: vjp.sparsemax_vjp(gumbel.sparsemax(x), x),
    "entmax_alpha_derivative": lambda x: vjp.entmax_alpha_derivative(gumbel.entmax(x)),
    "log_sinkhorn_vjp": lambda x: vjp.log_sinkhorn_vjp(matrices(x), matrices(x), iterations=3),
    "sinkhorn_vjp": lambda x: vjp.sinkhorn_vjp(matrices(x), matrices(x), iterations=3),
    "subset_log_partition_vjp": lambda x: vjp.subset_log_partition_vjp(x, x[:, 0], 2),
    "subset_marginals_vjp": lambda x: vjp.subset_marginals_vjp(x, x, 2),
    "relaxed_top_k_vjp": lambda x: vjp.relaxed_top_k_vjp(x, x, 2, 0.5, noise=Noise(1)),
} | {
    f"Noise.{law}": lambda x, law=law: getattr(Noise(1), law)(x.shape, None if x.dtype == np.float16 else x.dtype)
    for law in ("uniform", "exponential", "gumbel", "logistic", "normal")
}


def logits(rows, k, dtype=np.float32):
    return np.random.default_rng(0).normal(size=(rows, k)).astype(dtype)


def results(x):
    """The bytes of the results of all calls, by name."""

    def bits(result):
        return b"".join(part.tobytes() for part in (result if isinstance(result, tuple) else (result,)))

    return {name: bits(call(x)) for name, call in CALLS.items()}
