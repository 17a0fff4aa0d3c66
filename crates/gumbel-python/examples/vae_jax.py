"""Trains a variational autoencoder with 20 latents of 10 categories in JAX.

    python vae_jax.py [--mnist FOLDER] [--epochs 100]

FOLDER holds MNIST's four files; without it, digits are drawn. Prints, for each epoch, the temperature and two upper bounds on
-ln p(x) in nats per test image: the objective with relaxed samples, and the negative ELBO with hard ones, which is the one that
counts. Jang, Gu and Poole (2017), section 3.2; the KL divergence is that of the categories. The model, the objective and the
schedule are those of vae_torch.py.
"""

import argparse
import math
import time

import jax
import jax.numpy as jnp
import numpy as np
from digits import load

from gumbel.jax import gumbel_softmax

LATENTS, CATEGORIES, HIDDEN, PIXELS = 20, 10, 256, 784
SIZES = {"encoder": (PIXELS, HIDDEN, LATENTS * CATEGORIES), "decoder": (LATENTS * CATEGORIES, HIDDEN, PIXELS)}

Layers = list[tuple[jax.Array, jax.Array]]
Parameters = dict[str, Layers]
State = tuple[jax.Array, Parameters, Parameters]


def initialize(key: jax.Array) -> Parameters:
    """Weights and biases, uniform in ±1/√inputs."""

    def layer(key: jax.Array, inputs: int, outputs: int) -> tuple[jax.Array, jax.Array]:
        both = jax.random.uniform(key, (inputs + 1, outputs), minval=-1, maxval=1) / math.sqrt(inputs)
        return both[:-1], both[-1]

    keys = iter(jax.random.split(key, 4))
    return {
        name: [layer(next(keys), *pair) for pair in zip(sizes, sizes[1:], strict=False)] for name, sizes in SIZES.items()
    }


def network(layers: Layers, x: jax.Array) -> jax.Array:
    (first, bias), (second, last_bias) = layers
    return jax.nn.relu(x @ first + bias) @ second + last_bias


def bound(parameters: Parameters, key: jax.Array, images: jax.Array, tau: jax.Array, hard: bool = False) -> jax.Array:
    """Mean negative ELBO, with the KL divergence from the uniform prior in closed form."""
    logits = network(parameters["encoder"], images).reshape(-1, LATENTS, CATEGORIES)
    z = gumbel_softmax(key, logits, tau, hard=hard)
    pixels = network(parameters["decoder"], z.reshape(len(images), -1))
    reconstruction = (jax.nn.softplus(pixels) - images * pixels).sum(-1)
    log_q = jax.nn.log_softmax(logits)
    return jnp.mean(reconstruction + (jnp.exp(log_q) * (log_q + math.log(CATEGORIES))).sum((-2, -1)))


def adam(parameters: Parameters, gradient: Parameters, state: State, rate: float = 1e-3) -> tuple[Parameters, State]:
    """One step of Adam. Kingma and Ba (2015), algorithm 1."""
    step, mean, square = state[0] + 1, *state[1:]
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
    square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g**2, square, gradient)
    scale = rate * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    change = jax.tree.map(lambda m, s: scale * m / (jnp.sqrt(s) + 1e-8), mean, square)
    return jax.tree.map(jnp.subtract, parameters, change), (step, mean, square)


@jax.jit
def train_epoch(
    parameters: Parameters, state: State, key: jax.Array, batches: jax.Array, tau: jax.Array
) -> tuple[Parameters, State]:
    """A step for each of the batches [N, B, 784]. A new temperature compiles nothing again."""

    def step(carry: tuple[Parameters, State], batch: tuple[jax.Array, jax.Array]) -> tuple[tuple[Parameters, State], None]:
        (parameters, state), (images, key) = carry, batch
        return adam(parameters, jax.grad(bound)(parameters, key, images, tau), state), None

    return jax.lax.scan(step, (parameters, state), (batches, jax.random.split(key, len(batches))))[0]


evaluate = jax.jit(bound, static_argnames="hard")


def train(folder: str | None, epochs: int, batch: int = 100) -> float:
    """Trains a model; the negative ELBO of the test images with hard samples."""
    rng, key = np.random.default_rng(0), jax.random.key(0)
    images, test = load(folder)
    parameters, hard = initialize(jax.random.fold_in(key, 0)), math.inf
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = jnp.float32(0), zeros, zeros
    for epoch in range(epochs):
        tau, start = max(0.5, 0.9**epoch), time.perf_counter()
        training, testing = jax.random.split(jax.random.fold_in(key, epoch + 1))
        order = rng.permutation(len(images))[: len(images) // batch * batch]
        parameters, state = train_epoch(parameters, state, training, images[order].reshape(-1, batch, PIXELS), tau)
        relaxed, hard = (float(evaluate(parameters, testing, test, tau, hard=hard)) for hard in (False, True))
        took = time.perf_counter() - start
        print(f"epoch {epoch + 1:3}  tau {tau:.3f}  relaxed {relaxed:7.2f}  hard {hard:7.2f}  ({took:.1f} s)")
    return hard


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Trains a categorical VAE in JAX.")
    parser.add_argument("--mnist", metavar="FOLDER", help="folder with MNIST's files; otherwise digits are drawn")
    parser.add_argument("--epochs", type=int, default=100, help="passes over the training images")
    arguments = parser.parse_args()
    train(arguments.mnist, arguments.epochs)
