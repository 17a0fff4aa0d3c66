"""One index for each row of a file of logits, drawn by the nodes of a Ray cluster: those of one machine, bit for bit.

    python examples/ray_sample.py logits.npy --out drawn.npy --seed 3
    python examples/ray_sample.py logits.npy --out drawn.npy --local-nodes 2    # a cluster of two nodes, on this machine

The file is an array [rows, categories] of NumPy that every node can read, for example on a shared file system. Number
r * categories + i of the noise belongs to logit i of row r, so neither the blocks nor the nodes change an index, and the
result is that of `gumbel sample logits.npy --seed 3 --out drawn.npy`. Without --local-nodes, Ray joins the cluster that
RAY_ADDRESS names, or starts one node. It needs `ray[data]`.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

import gumbel

Batch = dict[str, npt.NDArray[Any]]


class Draw:
    """Draws for blocks of rows, of which a block names the first."""

    def __init__(self, path: str, block: int, seed: int):
        self.path, self.block, self.seed = path, block, seed

    def draw(self, batch: Batch) -> Batch:
        parts = [self.rows(int(block) * self.block) for block in batch["id"]]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def rows(self, first: int) -> Batch:
        # Only these rows are read.
        logits = np.load(self.path, mmap_mode="r")[first : first + self.block]
        noise = gumbel.Noise.from_parts(self.seed, 0, first * logits.shape[1])
        index = gumbel.gumbel_max(np.ascontiguousarray(logits), noise=noise)
        node = ray.get_runtime_context().get_node_id()
        return {"row": np.arange(first, first + len(index)), "index": index, "node": np.full(len(index), node)}


@contextmanager
def cluster(nodes: int) -> Iterator[None]:
    """Joins a cluster, or starts one of several nodes on this machine and ends it."""
    if nodes == 0:
        ray.init()
        yield
        return
    from ray.cluster_utils import Cluster

    options = {"num_cpus": 1, "object_store_memory": 100 << 20}
    local = Cluster(initialize_head=True, head_node_args=options)
    for _ in range(nodes - 1):
        local.add_node(**options)
    ray.init(address=local.address)
    try:
        yield
    finally:
        ray.shutdown()
        local.shutdown()


def sample(path: str, out: str, seed: int, block: int) -> str:
    """Draws for all rows; says what was done where."""
    rows = len(np.load(path, mmap_mode="r"))
    blocks = math.ceil(rows / block)
    drawn = np.lib.format.open_memmap(out, "w+", np.uint32, (rows,))
    nodes: Counter[str] = Counter()
    # Of tasks that begin one after another, each goes to the node that has the fewest.
    ray.data.DataContext.get_current().scheduling_strategy = "SPREAD"
    data = ray.data.range(blocks, override_num_blocks=blocks).map_batches(Draw(path, block, seed).draw, batch_size=1)
    for batch in data.iter_batches(batch_size=None):  # in any order
        drawn[batch["row"]] = batch["index"]
        nodes.update(batch["node"].tolist())
    drawn.flush()
    return f"{rows} rows in {blocks} blocks on {len(nodes)} nodes: {sorted(nodes.values())} rows each"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logits", metavar="FILE.npy")
    parser.add_argument("--out", required=True, metavar="FILE.npy", help="file to write: an index for each row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--block", type=int, default=100_000, metavar="ROWS", help="rows of a task")
    parser.add_argument("--local-nodes", type=int, default=0, metavar="N", help="nodes to start on this machine")
    options = parser.parse_args()
    with cluster(options.local_nodes):
        print(sample(options.logits, options.out, options.seed, options.block))


if __name__ == "__main__":
    main()
