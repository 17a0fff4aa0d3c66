"""Times the training step of results/vae-step in PyTorch (eager), JAX (jit) and this library: writes peers.csv.

The same model (784-512-256-(20x10)-256-512-784), batch 100, temperature 1, the categorical divergence, Adam, on one
thread and two, ours in one shard and in two; single precision, a new batch of binary images for every step. The systems run in turn, each time in a
new process, and all of them several times.
Usage: PYTHON results/vae-step/peers.py GUMBEL [REPEATS], with the Python of bench/peers and the program `gumbel`.
"""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = [784, 512, 256, 200], [200, 256, 512, 784]
BATCH, LATENTS, CATEGORIES, STEPS, WARM = 100, 20, 10, 200, 20
OURS = "train vae --hidden 512,256 --latents 20 --categories 10 --batch 100 --steps 500 --evaluate-every 500 "
OURS += "--importance-samples 1 --importance-images 20"
SYSTEMS = "torch", "jax", "ours", "ours-2-shards"
HERE = os.path.dirname(os.path.abspath(__file__))


def images():
    import numpy

    return (numpy.random.default_rng(1).random((STEPS, BATCH, 784)) < 0.2).astype("float32")


def timed(step, batches):
    for batch in batches[:WARM]:
        step(batch)
    start = time.perf_counter()
    for batch in batches:
        step(batch)
    return 1e3 * (time.perf_counter() - start) / len(batches)


def torch_step(threads):
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(threads)

    def mlp(sizes):
        layers = [[nn.Linear(i, o), nn.ReLU()] for i, o in zip(sizes, sizes[1:])]
        return nn.Sequential(*sum(layers, [])[:-1])

    encoder, decoder = mlp(SIZES[0]), mlp(SIZES[1])
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def step(batch):
        logits = encoder(batch).view(BATCH, LATENTS, CATEGORIES)
        z = functional.gumbel_softmax(logits, tau=1.0)
        pixels = decoder(z.flatten(1))
        reconstruction = functional.binary_cross_entropy_with_logits(pixels, batch, reduction="sum")
        log_q = logits.log_softmax(-1)
        divergence = (log_q.exp() * log_q).sum() + BATCH * LATENTS * torch.tensor(CATEGORIES).log()
        loss = (reconstruction + divergence) / BATCH
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return timed(step, [torch.from_numpy(batch) for batch in images()])


def jax_step():
    import jax
    import jax.numpy as jnp

    def mlp(key, sizes):
        keys = jax.random.split(key, len(sizes) - 1)
        bounds = [(k, i, o, i**-0.5) for k, i, o in zip(keys, sizes, sizes[1:])]
        return [(jax.random.uniform(k, (i, o), minval=-b, maxval=b), jnp.zeros(o)) for k, i, o, b in bounds]

    def forward(layers, x):
        for weight, bias in layers[:-1]:
            x = jax.nn.relu(x @ weight + bias)
        return x @ layers[-1][0] + layers[-1][1]

    def objective(model, batch, key):
        logits = forward(model[0], batch).reshape(BATCH, LATENTS, CATEGORIES)
        z = jax.nn.softmax(logits + jax.random.gumbel(key, logits.shape))
        pixels = forward(model[1], z.reshape(BATCH, -1))
        reconstruction = (jax.nn.softplus(pixels) - batch * pixels).sum()
        log_q = jax.nn.log_softmax(logits)
        return (reconstruction + (jnp.exp(log_q) * (log_q + jnp.log(CATEGORIES))).sum()) / BATCH

    def adam(model, gradient, state):
        time, m, v = state
        time = time + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**time) / (1 - 0.9**time)
        return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), model, m, v), (time, m, v)

    def update(model, state, key, batch):
        key, draw = jax.random.split(key)
        loss, gradient = jax.value_and_grad(objective)(model, batch, draw)
        model, state = adam(model, gradient, state)
        return model, state, key, loss

    update = jax.jit(update, donate_argnums=(0, 1, 2))
    key = jax.random.key(1)
    model = [mlp(key, sizes) for sizes in SIZES]
    zeros = [jax.tree.map(jnp.zeros_like, model) for _ in range(2)]
    kept = [model, (jnp.float32(0), *zeros), key]

    def step(batch):
        *kept[:], loss = update(*kept, batch)
        return float(loss)

    return timed(step, list(images()))


def ours(gumbel, threads, shards):
    with tempfile.TemporaryDirectory() as scratch:
        run = [gumbel, *OURS.split(), "--threads", str(threads), "--shards", str(shards), "--out", scratch + "/run"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        with open(scratch + "/run/summary.json") as file:
            summary = json.load(file)
    return 1e3 * summary["seconds"] / summary["steps"]


def peer(system, threads):
    """In a process of its own, held to as many processors: JAX takes all it sees."""
    held = ["taskset", "-c", ",".join(map(str, range(threads)))]
    child = [*held, sys.executable, os.path.abspath(__file__), "--child", system, str(threads)]
    return float(subprocess.run(child, check=True, capture_output=True, text=True).stdout.split()[-1])


def main(gumbel, repeats=5):
    rows = []
    for repeat in range(int(repeats)):
        for threads in 1, 2:
            for system in SYSTEMS:
                shards = {"ours": 1, "ours-2-shards": 2}.get(system)
                milliseconds = ours(gumbel, threads, shards) if shards else peer(system, threads)
                rows.append([system, threads, repeat + 1, f"{milliseconds:.2f}"])
                print(*rows[-1], flush=True)
    with open(HERE + "/peers.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["system", "threads", "repeat", "milliseconds_per_step"], *rows])
    for system, threads in [(s, t) for s in SYSTEMS for t in (1, 2)]:
        figures = [float(row[3]) for row in rows if row[:2] == [system, threads]]
        print(f"{system}, {threads} threads: median {statistics.median(figures):.2f}, least {min(figures):.2f} ms")


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        print(torch_step(int(sys.argv[3])) if sys.argv[2] == "torch" else jax_step())
    else:
        main(*sys.argv[1:])
