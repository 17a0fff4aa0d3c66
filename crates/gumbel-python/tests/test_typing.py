"""The annotations: strict, and true of the native module.

By hand, from crates/gumbel-python: `mypy python/gumbel` and `python -m mypy.stubtest gumbel._native`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")
PACKAGE = Path(__file__).parents[1]

USE = """
import numpy as np
import numpy.typing as npt
import gumbel

noise = gumbel.Noise(1)
logits = np.zeros((2, 3), np.float32)
soft: npt.NDArray[np.floating] = gumbel.gumbel_softmax(logits, 0.5, noise=noise)
index: npt.NDArray[np.int64] = gumbel.gumbel_max([[0.0, 1.0]], noise=np.random.default_rng(1), axis=0)
gumbel.gumbel_softmax(logits, np.float32(0.5), noise=noise, out=logits)
gumbel.vjp.softmax_vjp(soft, soft)
"""
MISUSE = """
gumbel.gumbel_max(logits)
gumbel.gumbel_max(logits, noise=3)
gumbel.softmax(logits, axis="0")
gumbel.gumbel_softmax(logits, "0.5", noise=noise)
"""


def run(*arguments):
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=PACKAGE)


def test_the_stub_is_true():
    result = run("mypy.stubtest", "gumbel._native")
    assert result.returncode == 0, result.stdout


def test_the_package_and_its_use_are_strict(tmp_path):
    (tmp_path / "use.py").write_text(USE + MISUSE)
    result = run("mypy", "--strict", "python/gumbel/__init__.py", "python/gumbel/vjp.py", str(tmp_path / "use.py"))
    lines = [int(line.split(":")[1]) for line in result.stdout.splitlines() if ": error:" in line]
    first = USE.count("\n") + 2
    assert lines == list(range(first, first + 4)), result.stdout
