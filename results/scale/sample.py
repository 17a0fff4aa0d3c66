"""Throughput of `gumbel sample` beside a plain read of its file and beside the kernel alone, as CSV.

    cargo build --release -p gumbel-lab && cargo build --release -p gumbel-kernels --example throughput
    python3 results/scale/sample.py target/release > results/scale/sample.csv

It needs NumPy and 2 GB in the folder for temporary files, which it removes. Every command runs once to fill the page cache and
then in turn with the others; the samples of one and of two threads are compared. A kernel's bytes are those of its logits.
"""

import csv
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROUNDS = 7


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def timed(command):
    begin, cpu = time.perf_counter(), cpu_seconds()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin, cpu_seconds() - cpu


def kernel(program, rows, columns, threads):
    """Seconds of Gumbel-max for all rows, whose logits are in memory."""
    options = {"op": "argmax", "rows": rows, "cols": columns, "threads": threads, "repeats": 5}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    line = json.loads(subprocess.run([program, *words], check=True, capture_output=True).stdout)
    return line["ns_per_element_median"] * rows * columns / 1e9, float("nan")


def files(folder):
    random = np.random.default_rng(0)
    single, double, text = folder / "single.npy", folder / "double.npy", folder / "text.csv"
    np.save(single, random.standard_normal((262_144, 1024), dtype=np.float32))
    numbers = random.standard_normal((100_000, 100))
    np.save(double, numbers)
    text.write_text("".join(",".join(map(repr, row)) + "\n" for row in numbers.tolist()))
    return single, double, text


def main():
    build = Path(sys.argv[1])
    gumbel, throughput = build / "gumbel", build / "examples" / "throughput"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        jobs = {}
        for file in files(folder):
            size = file.stat().st_size
            jobs[file.name, "cat", 1] = size, lambda file=file: timed(["cat", file])
            for threads in (1, 2):
                out = folder / f"{file.stem}-{threads}.npy"
                command = [gumbel, "sample", file, "--threads", str(threads), "--out", out]
                jobs[file.name, "gumbel sample", threads] = size, lambda command=command: timed(command)
        for threads in (1, 2):
            run = lambda threads=threads: kernel(throughput, 65_536, 1024, threads)
            jobs["single.npy", "kernel alone", threads] = 4 * 65_536 * 1024, run
        table(jobs)
        for stem in ("single", "double", "text"):
            one, two = ((folder / f"{stem}-{threads}.npy").read_bytes() for threads in (1, 2))
            assert one == two, f"{stem}: one thread and two differ"
        assert (folder / "text-1.npy").read_bytes() == (folder / "double-1.npy").read_bytes()


def table(jobs):
    times = {job: [] for job in jobs}
    for turn in range(ROUNDS + 1):
        for job, (_, run) in jobs.items():
            times[job].append(run()) if turn else run()
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["file", "command", "threads", "bytes", "seconds_median", "seconds_min", "cpu_seconds_median", "gb_per_second"])
    for (file, command, threads), (size, _) in sorted(jobs.items()):
        wall, cpu = zip(*times[file, command, threads])
        median = statistics.median(wall)
        row = [f"{median:.4f}", f"{min(wall):.4f}", f"{statistics.median(cpu):.4f}", f"{size / median / 1e9:.3f}"]
        out.writerow([file, command, threads, size, *row])


if __name__ == "__main__":
    main()
