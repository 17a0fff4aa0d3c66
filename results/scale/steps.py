"""Times training steps in shards on one thread and two: writes steps.csv.

The model of results/vae-step (784-512-256-(20x10)-256-512-784) at batches of 100 and 1000, and the adversarial game with its
defaults. The settings run in turn, each in a new process, and all of them several times.
Usage: python3 results/scale/steps.py GUMBEL [REPEATS]
"""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile

VAE = "train vae --hidden 512,256 --latents 20 --categories 10 --importance-samples 1 --importance-images 20"
WORK = {
    "vae 100": VAE + " --batch 100 --steps 300 --evaluate-every 300",
    "vae 1000": VAE + " --batch 1000 --steps 40 --evaluate-every 40",
    "gan 100": "train gan --steps 40 --evaluate-every 40 --strings 20",
}
HERE = os.path.dirname(os.path.abspath(__file__))


def timed(gumbel, work, shards, threads):
    with tempfile.TemporaryDirectory() as scratch:
        words = [*WORK[work].split(), "--shards", str(shards), "--threads", str(threads), "--out", scratch + "/run"]
        subprocess.run([gumbel, *words], check=True, stdout=subprocess.DEVNULL)
        with open(scratch + "/run/summary.json") as file:
            summary = json.load(file)
    return 1e3 * summary["seconds"] / summary["steps"]


def main(gumbel, repeats=5):
    settings = [(work, shards, threads) for work in WORK for shards in (1, 2, 4) for threads in (1, 2)]
    rows = []
    for repeat in range(int(repeats)):
        for setting in settings:
            rows.append([*setting, repeat + 1, f"{timed(gumbel, *setting):.3f}"])
    with open(HERE + "/steps.csv", "w", newline="") as file:
        head = ["work_and_batch", "shards", "threads", "repeat", "milliseconds_per_step"]
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    for setting in settings:
        figures = [float(row[4]) for row in rows if tuple(row[:3]) == setting]
        print(*setting, f"median {statistics.median(figures):.2f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
