"""CPU time of samples in Python: gumbel against PyTorch, PyTorch compiled, and JAX, in one process on one core.

    python results/python/bench.py [--rounds N] [--only TEXT]

Writes bench.csv beside this file and prints the tables of results/python.md. A number is the least of several batches; batches of the
implementations of one operation alternate, so that their ratio depends little on what else the machine does.
"""

import argparse
import csv
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

# One core for every library, before any starts a thread.
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
os.environ["GUMBEL_NUM_THREADS"] = "1"

import gumbel
import gumbel.torch
import numpy as np
import torch
import torch.nn.functional as F

try:
    import gumbel.jax
    import jax
    import jax.numpy as jnp
except ImportError:
    jax = None

torch.set_num_threads(1)
warnings.filterwarnings("ignore")

SHAPES = [(64, 10), (65536, 10), (4096, 1000), (64, 128256)]
Call = Callable[[], object]

# (shape, operation, peer): how many times as long as ours the peer must take.
GOALS = {
    (SHAPES[0], "soft", "eager"): 3.0,
    (SHAPES[0], "soft + backward", "eager"): 1.4,
    (SHAPES[0], "hard + backward", "eager"): 1.7,
    (SHAPES[0], "max", "eager"): 1.7,
    (SHAPES[0], "soft", "jax"): 2.5,
    (SHAPES[0], "soft + backward", "jax"): 1.2,
    (SHAPES[0], "max", "jax"): 2.5,
    (SHAPES[1], "soft", "eager"): 10.0,
    (SHAPES[1], "soft + backward", "eager"): 8.0,
    (SHAPES[1], "hard + backward", "eager"): 8.0,
    (SHAPES[1], "max", "eager"): 8.0,
    (SHAPES[1], "soft", "compiled"): 4.0,
    (SHAPES[1], "soft + backward", "compiled"): 3.0,
    (SHAPES[1], "soft", "jax"): 6.0,
    (SHAPES[1], "soft + backward", "jax"): 4.0,
    (SHAPES[1], "max", "jax"): 6.0,
    (SHAPES[2], "soft", "eager"): 7.0,
    (SHAPES[2], "soft + backward", "eager"): 5.0,
    (SHAPES[2], "hard + backward", "eager"): 5.0,
    (SHAPES[2], "max", "eager"): 8.0,
    (SHAPES[2], "soft", "compiled"): 4.0,
    (SHAPES[2], "soft + backward", "compiled"): 3.0,
    (SHAPES[2], "soft", "jax"): 5.0,
    (SHAPES[2], "max", "jax"): 12.0,
    (SHAPES[3], "soft", "eager"): 8.0,
    (SHAPES[3], "soft + backward", "eager"): 6.0,
    (SHAPES[3], "max", "eager"): 15.0,
    (SHAPES[3], "soft", "jax"): 7.0,
    (SHAPES[3], "max", "jax"): 25.0,
}

# Ours that a peer is compared with: like with like.
COUNTERPART = {"eager": "gumbel", "compiled": "gumbel compiled", "jax": "gumbel jax"}


def backward(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> Call:
    """A step: the function of a leaf, and the gradient of it."""
    leaf, cotangent = x.clone().requires_grad_(), torch.randn_like(x)

    def step() -> None:
        leaf.grad = None
        function(leaf).backward(cotangent)

    return step


def soft(x: torch.Tensor) -> torch.Tensor:
    return F.gumbel_softmax(x, 0.7)


def hard(x: torch.Tensor) -> torch.Tensor:
    return F.gumbel_softmax(x, 0.7, hard=True)


def index(x: torch.Tensor) -> torch.Tensor:
    """As one writes it with PyTorch: an exponential number for each logit."""
    return (x - torch.empty_like(x).exponential_().log()).argmax(-1)


def our_soft(x: torch.Tensor) -> torch.Tensor:
    return gumbel.torch.gumbel_softmax(x, 0.7)


def our_hard(x: torch.Tensor) -> torch.Tensor:
    return gumbel.torch.gumbel_softmax(x, 0.7, hard=True)


def operations(shape: tuple[int, int]) -> dict[str, dict[str, Call]]:
    """The implementations of each operation."""
    torch.manual_seed(0)
    x = torch.randn(shape)
    found: dict[str, dict[str, Call]] = {
        "soft": {"eager": lambda: soft(x), "gumbel": lambda: our_soft(x)},
        "soft + backward": {"eager": backward(soft, x), "gumbel": backward(our_soft, x)},
        "hard + backward": {"eager": backward(hard, x), "gumbel": backward(our_hard, x)},
        "max": {"eager": lambda: index(x), "gumbel": lambda: gumbel.torch.gumbel_max(x)},
    }
    compiled = {name: torch.compile(function) for name, function in FUNCTIONS.items()}
    found["soft"] |= {"compiled": lambda: compiled["soft"](x), "gumbel compiled": lambda: compiled["our_soft"](x)}
    found["max"] |= {"compiled": lambda: compiled["index"](x), "gumbel compiled": lambda: compiled["our_index"](x)}
    for name, plain in (("soft + backward", "soft"), ("hard + backward", "hard")):
        found[name]["compiled"] = backward(compiled[plain], x)
        found[name]["gumbel compiled"] = backward(compiled["our_" + plain], x)
    if jax is not None:
        add_jax(found, shape)
    if shape == SHAPES[0]:
        add_small(found, x)
    return found


FUNCTIONS = {
    "soft": soft,
    "hard": hard,
    "index": index,
    "our_soft": our_soft,
    "our_hard": our_hard,
    "our_index": lambda x: gumbel.torch.gumbel_max(x),
}


def add_small(found: dict[str, dict[str, Call]], x: torch.Tensor) -> None:
    """Costs of a call that only small shapes show."""
    noise, array = gumbel.Noise(1), x.numpy()
    found["max"]["Categorical.sample"] = lambda: torch.distributions.Categorical(logits=x).sample()
    found["overhead"] = {
        "softmax + backward": backward(lambda x: x.softmax(-1), x),
        "gumbel + backward": backward(our_soft, x),
        "numpy": lambda: gumbel.gumbel_softmax(array, 0.7, noise=noise),
    }


def add_jax(found: dict[str, dict[str, Call]], shape: tuple[int, int]) -> None:
    key, x = jax.random.key(0), jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
    cotangent = jnp.ones(shape) * jnp.arange(shape[1])

    def theirs(key: object, x: object) -> object:
        return jax.nn.softmax((x + jax.random.gumbel(key, shape)) / 0.7)

    def ours(key: object, x: object) -> object:
        return gumbel.jax.gumbel_softmax(key, x, 0.7)

    for name, function, maximum in (
        ("jax", theirs, lambda key, x: jax.random.categorical(key, x)),
        ("gumbel jax", ours, lambda key, x: gumbel.jax.categorical(key, x)),
    ):
        forward = jax.jit(function)
        gradient = jax.jit(jax.value_and_grad(lambda x, key, f=function: (f(key, x) * cotangent).sum()))
        drawn = jax.jit(maximum)
        found["soft"][name] = lambda f=forward: f(key, x).block_until_ready()
        found["soft + backward"][name] = lambda f=gradient: jax.block_until_ready(f(x, key))
        found["max"][name] = lambda f=drawn: f(key, x).block_until_ready()


def cpu_time(call: Call, count: int) -> float:
    begin = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - begin) / count


def measure(calls: dict[str, Call], rounds: int) -> dict[str, tuple[float, float]]:
    """The least and the middle time of each, in seconds a call."""
    counts = {}
    for name, call in calls.items():
        for _ in range(3):
            call()  # compiles, and fills caches
        counts[name] = max(1, int(0.03 / max(cpu_time(call, 3), 1e-6)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(cpu_time(call, counts[name]))
    return {name: (min(all_), sorted(all_)[rounds // 2]) for name, all_ in times.items()}


def report(shape: tuple[int, int], operation: str, times: dict[str, tuple[float, float]]) -> list[str]:
    """Lines of the table of ratios."""
    lines = []
    for peer, ours in COUNTERPART.items():
        if peer in times and ours in times:
            ratio, goal = times[peer][0] / times[ours][0], GOALS.get((shape, operation, peer))
            verdict = "" if goal is None else f"{goal:g} {'met' if ratio >= goal else '**missed**'}"
            name = f"{shape[0]}×{shape[1]} {operation}"
            lines.append(f"{name} | {peer} | {unit(times[peer][0], shape)} | {unit(times[ours][0], shape)} | {ratio:.1f} | {verdict}")
    if operation == "overhead":
        base = times["softmax + backward"][0]
        for name, goal in (("gumbel + backward", 1.35), ("numpy", 0.12)):
            ratio = times[name][0] / base
            verdict = f"at most {goal:g} {'met' if ratio <= goal else '**missed**'}"
            lines.append(f"64×10 {name} over `x.softmax(-1)` + backward | | {unit(base, shape)} | {unit(times[name][0], shape)} | {ratio:.2f} | {verdict}")
    return lines


def unit(seconds: float, shape: tuple[int, int]) -> str:
    if shape == SHAPES[0]:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e9 / (shape[0] * shape[1]):.2f} ns"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="batches of each implementation")
    parser.add_argument("--only", default="", help="part of the name of a shape, such as 4096x1000")
    options = parser.parse_args()
    rows, lines = [], []
    for shape in SHAPES:
        name = f"{shape[0]}x{shape[1]}"
        if options.only not in name:
            continue
        torch._dynamo.reset()
        rounds = options.rounds if shape[0] * shape[1] < 1e6 else max(3, options.rounds // 2)
        for operation, calls in operations(shape).items():
            times = measure(calls, rounds)
            rows += [(name, operation, kind, f"{least:.4g}", f"{middle:.4g}") for kind, (least, middle) in times.items()]
            found = report(shape, operation, times)
            print("\n".join(found), flush=True)
            lines += found
    if not options.only:
        write(rows)
    versions = [f"torch {torch.__version__}", f"numpy {np.__version__}", f"jax {jax.__version__}" if jax else "no jax"]
    print(f"\nPython {platform.python_version()}, {', '.join(versions)}; load {os.getloadavg()[0]:.1f}", file=sys.stderr)


def write(rows: list[tuple[str, ...]]) -> None:
    with (Path(__file__).parent / "bench.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["shape", "operation", "implementation", "least_seconds", "median_seconds"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
