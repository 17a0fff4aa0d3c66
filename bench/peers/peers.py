"""Times the same operations in PyTorch (eager, compiled), JAX (jit) and gumbel-kernels.

The systems are measured in turn, several times. The CSV has the median and the minimum in nanoseconds per element, and
the ratio to ours. All are single precision, on rows of unnormalised logits, at temperature
0.7. `tables.py` prints the CSV as Markdown.
"""

import argparse
import csv
import json
import math
import os
import statistics
import subprocess
import time

TAU = 0.7
WINDOW = 0.25  # seconds that a measurement takes
OPERATIONS = {
    "forward": "Gumbel-Softmax, forward",
    "forward+backward": "Gumbel-Softmax, forward and backward",
    "hard": "straight-through, forward and backward",
    "argmax": "Gumbel-max index",
    "logprob": "ExpConcrete log-density",
}
# What `throughput` measures for each: the times of a forward and a backward pass add up.
OURS = {
    "forward": ["forward"],
    "forward+backward": ["forward", "vjp"],
    "hard": ["hard", "vjp"],
    "argmax": ["argmax"],
    "logprob": ["logprob"],
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the throughput example")
    parser.add_argument("--out", required=True, help="CSV to write")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--shapes", default="65536x10,4096x1000,64x128256")
    parser.add_argument("--systems", default="torch,torch.compile,jax,ours")
    return parser.parse_args()


def torch_operations(rows, cols, threads, compiled):
    import torch
    import torch.nn.functional as functional

    torch.set_num_threads(threads)
    logits = torch.randn(rows, cols)
    leaf = logits.clone().requires_grad_()
    upstream = torch.randn(rows, cols)
    sample = functional.gumbel_softmax(logits, tau=TAU).clamp_min(1e-30).log()

    def forward():
        return functional.gumbel_softmax(logits, tau=TAU)

    def both(hard):
        y = functional.gumbel_softmax(leaf, tau=TAU, hard=hard)
        return torch.autograd.grad(y, leaf, upstream)[0]

    def argmax():
        return (logits - torch.empty_like(logits).exponential_().log()).argmax(-1)

    def logprob():
        tilted = logits - TAU * sample
        constant = math.lgamma(cols) + (cols - 1) * math.log(TAU)
        return constant + tilted.sum(-1) - cols * tilted.logsumexp(-1)

    operations = {
        "forward": forward,
        "forward+backward": lambda: both(False),
        "hard": lambda: both(True),
        "argmax": argmax,
        "logprob": logprob,
    }
    if not compiled:
        return operations
    torch.compiler.reset()  # else the second shape makes the code general

    def compile(function):
        return torch.compile(function, dynamic=False)

    # The backward pass is traced from a compiled forward one.
    soft = compile(lambda x: functional.gumbel_softmax(x, tau=TAU))
    straight = compile(lambda x: functional.gumbel_softmax(x, tau=TAU, hard=True))
    return {
        "forward": compile(forward),
        "forward+backward": lambda: torch.autograd.grad(soft(leaf), leaf, upstream)[0],
        "hard": lambda: torch.autograd.grad(straight(leaf), leaf, upstream)[0],
        "argmax": compile(argmax),
        "logprob": compile(logprob),
    }


def jax_operations(rows, cols):
    import jax
    import jax.numpy as numpy

    keys = jax.random.split(jax.random.key(0), 4)
    logits = jax.random.normal(keys[0], (rows, cols))
    upstream = jax.random.normal(keys[1], (rows, cols))
    count = [0]

    def soft(logits, key):
        return jax.nn.softmax((logits + jax.random.gumbel(key, logits.shape)) / TAU)

    def straight(logits, key):
        y = soft(logits, key)
        hard = jax.nn.one_hot(y.argmax(-1), cols)
        return y + jax.lax.stop_gradient(hard - y)

    def backward(sampler):
        return jax.jit(lambda logits, key: jax.vjp(lambda l: sampler(l, key), logits)[1](upstream)[0])

    sample = numpy.log(soft(logits, keys[2]))

    def density(y, logits):
        tilted = logits - TAU * y
        constant = jax.scipy.special.gammaln(cols) + (cols - 1) * math.log(TAU)
        return constant + tilted.sum(-1) - cols * jax.scipy.special.logsumexp(tilted, -1)

    def call(function):
        function = jax.jit(function)

        def run():
            count[0] += 1
            return function(logits, jax.random.fold_in(keys[3], count[0])).block_until_ready()

        return run

    jitted_density = jax.jit(density)
    return {
        "forward": call(soft),
        "forward+backward": call(backward(soft)),
        "hard": call(backward(straight)),
        "argmax": call(lambda logits, key: jax.random.categorical(key, logits)),
        "logprob": lambda: jitted_density(sample, logits).block_until_ready(),
    }


def call_time(operation, elements):
    """Nanoseconds per element: the median over calls that take a quarter of a second, after one to warm up."""
    operation()
    times = []
    while sum(times) < WINDOW and len(times) < 200:
        start = time.perf_counter()
        operation()
        times.append(time.perf_counter() - start)
    return 1e9 * statistics.median(times) / elements


def ours_time(program, name, rows, cols, threads):
    """The same of ours, which is a program of its own."""
    calls = min(200, max(3, round(WINDOW / (2e-9 * rows * cols))))

    def run(op):
        command = [program, "--op", op, "--rows", rows, "--cols", cols]
        command += ["--threads", threads, "--tau", TAU, "--repeats", calls]
        line = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
        return json.loads(line)["ns_per_element_median"]

    return sum(run(op) for op in OURS[name])


def measure(options, rows, cols):
    """Yields (operation, {system: [nanoseconds per element of each repeat]})."""
    makers = {
        "torch": lambda: torch_operations(rows, cols, options.threads, compiled=False),
        "torch.compile": lambda: torch_operations(rows, cols, options.threads, compiled=True),
        "jax": lambda: jax_operations(rows, cols),
    }
    systems = options.systems.split(",")
    made = {system: makers[system]() for system in systems if system in makers}
    for name in OPERATIONS:
        times = {system: [] for system in systems}
        for system in made:  # compile and warm up
            made[system][name]()
            made[system][name]()
        for _ in range(options.repeats):
            for system in systems:
                if system == "ours":
                    figure = ours_time(options.ours, name, rows, cols, options.threads)
                else:
                    figure = call_time(made[system][name], rows * cols)
                times[system].append(figure)
        yield name, times


def versions(systems):
    import jax
    import torch

    named = {"torch": f"PyTorch {torch.__version__}", "jax": f"JAX {jax.__version__}"}
    return ", ".join(named[system] for system in systems if system in named)


def main():
    options = arguments()
    # XLA reads its thread count from the processors it may use.
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: options.threads]))
    systems = options.systems.split(",")
    with open(options.out + ".partial", "w", newline="") as file:
        writer = csv.writer(file)
        columns = ["rows", "cols", "threads", "operation", "system", "ns_median", "ns_min", "times_ours", "repeats"]
        writer.writerow(columns)
        print(f"ns per element, median of {options.repeats}, {options.threads} thread(s), float32; ratio to ours")
        print(versions(systems))
        for shape in options.shapes.split(","):
            rows, cols = map(int, shape.split("x"))
            print(f"\n[{rows}, {cols}]")
            print(f"{'':40}" + "".join(f"{system:>20}" for system in systems))
            for name, times in measure(options, rows, cols):
                median = {system: statistics.median(times[system]) for system in systems}
                ratio = {system: median[system] / median.get("ours", math.nan) for system in systems}
                for system in systems:
                    figures = [f"{median[system]:.3f}", f"{min(times[system]):.3f}", f"{ratio[system]:.2f}"]
                    writer.writerow([rows, cols, options.threads, name, system, *figures, options.repeats])
                cells = "".join(f"{median[s]:>11.2f} ({ratio[s]:>4.1f}x)" for s in systems)
                print(f"{OPERATIONS[name]:40}{cells}", flush=True)
    os.replace(options.out + ".partial", options.out)


if __name__ == "__main__":
    main()
