"""`examples/ray_sample.py` on a local cluster of two nodes draws what one process draws. Skipped if Ray is not installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gumbel

pytest.importorskip("ray", reason="Ray is not installed: pip install 'gumbel-softmax[ray]'")

EXAMPLE = Path(__file__).parent.parent / "examples" / "ray_sample.py"


def test_rows_divided_between_two_nodes_equal_the_whole(tmp_path):
    rows, k = 10_007, 12
    logits = gumbel.Noise(1).normal((rows, k), dtype=np.float32)
    logits[::5, 3] = -np.inf
    np.save(tmp_path / "logits.npy", logits)
    options = [tmp_path / "logits.npy", "--out", tmp_path / "drawn.npy", "--seed", "3", "--block", "500"]
    command = [sys.executable, EXAMPLE, *options, "--local-nodes", "2"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr[-5000:]}"
    assert f"{rows} rows in 21 blocks on 2 nodes" in result.stdout, result.stdout
    drawn = np.load(tmp_path / "drawn.npy")
    np.testing.assert_array_equal(drawn, gumbel.gumbel_max(logits, noise=gumbel.Noise(3)))
