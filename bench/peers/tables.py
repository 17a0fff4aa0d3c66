"""Prints peers.csv as Markdown, a table for each shape: nanoseconds per element, and the ratio to ours.

Usage: python3 bench/peers/tables.py results/peers/peers.csv
"""

import csv
import sys
from itertools import groupby

SYSTEMS = {"torch": "PyTorch", "torch.compile": "compiled", "jax": "JAX jit", "ours": "ours"}
OPERATIONS = {
    "forward": "Gumbel-Softmax, forward",
    "forward+backward": "forward and backward",
    "hard": "straight-through, forward and backward",
    "argmax": "Gumbel-max index",
    "logprob": "ExpConcrete log-density",
}


def cell(row):
    figure = f"{float(row['ns_median']):.2f}"
    return figure if row["system"] == "ours" else f"{figure} ({float(row['times_ours']):.1f}×)"


def main(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for (height, width, threads), table in groupby(rows, lambda row: (row["rows"], row["cols"], row["threads"])):
        print(f"| [{height}, {width}], threads: {threads} | " + " | ".join(SYSTEMS.values()) + " |")
        print("| --- " * (len(SYSTEMS) + 1) + "|")
        for operation, line in groupby(table, lambda row: row["operation"]):
            cells = {row["system"]: cell(row) for row in line}
            print(f"| {OPERATIONS[operation]} | " + " | ".join(cells.get(s, "") for s in SYSTEMS) + " |")
        print()


if __name__ == "__main__":
    main(sys.argv[1])
