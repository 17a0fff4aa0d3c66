"""What concerns the process: imports, threads. Each test starts an interpreter of its own."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_missing_pytorch_is_named_with_its_remedy():
    code = """
import sys
sys.modules["torch"] = None
import gumbel
try:
    import gumbel.torch
except ImportError as error:
    print(error)
"""
    assert run(code) == "gumbel.torch requires PyTorch: pip install 'gumbel-softmax[torch]'"


def test_an_old_pytorch_is_named():
    """A stand-in without the exchange API."""
    code = """
import sys, types
sys.modules["torch"] = types.SimpleNamespace(Tensor=object, __version__="2.4.0")
try:
    import gumbel.torch
except ImportError as error:
    print(error)
"""
    assert run(code) == "gumbel.torch requires PyTorch 2.10 or later, got 2.4.0"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the names of threads from /proc")
@pytest.mark.parametrize("setup, threads", [("torch.set_num_threads(3)", 3), ("torch.set_num_threads(3); gumbel.set_num_threads(2)", 2)])
def test_threads_are_those_of_pytorch_unless_set(setup, threads):
    code = f"""
import glob, torch, gumbel, gumbel.torch
def names():
    return [open(path).read().strip() for path in glob.glob("/proc/self/task/*/comm")]
{setup}
gumbel.torch.gumbel_softmax(torch.zeros(10, 10))
assert not any(name.startswith("gumbel-") for name in names())  # small work stays in its thread
gumbel.torch.gumbel_softmax(torch.zeros(100_000, 10))
print(sum(name.startswith("gumbel-") for name in names()))
"""
    assert run(code) == str(threads)
