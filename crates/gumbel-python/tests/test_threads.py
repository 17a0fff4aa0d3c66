"""Threads, forks and the interpreter's lock."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import every_function
import numpy as np
import pytest
from every_function import CALLS, logits, results

import gumbel
from gumbel import Noise

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
LISTS_THREADS = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no list of threads on this system")


@pytest.fixture(autouse=True)
def default_threads():
    yield
    gumbel.set_num_threads(0)


def test_the_calls_are_all_functions():
    public = {name for module in (gumbel, gumbel.vjp) for name in module.__all__}
    assert public - {"Error", "Noise", "measure", "vjp", "set_num_threads", "get_num_threads"} <= set(CALLS)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("shape", [(2, 300_000), (30_000, 9), (3, 5)])
def test_numbers_depend_on_no_thread_count(shape, dtype):
    x, found = logits(*shape, dtype), []
    for threads in (1, 2, 3):
        gumbel.set_num_threads(threads)
        assert gumbel.get_num_threads() == threads
        found.append(results(x))
    for name in CALLS:
        assert found[0][name] == found[1][name] == found[2][name], f"{name} depends on the number of threads"


def run(script, **environment):
    """Runs a script in a fresh interpreter, with the tests' modules, and returns what it prints."""
    paths = [str(Path(every_function.__file__).parent), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"} | environment
    command = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def printed(script, **environment):
    result = run(script, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.split("\n")[:-1]


NAMES = """
from pathlib import Path

def names():
    return sorted(task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm"))
"""


@LISTS_THREADS
@FORKS
def test_only_threads_of_the_own_pool_are_started():
    """Rayon's global pool, which has no names, would not survive the fork: a child would wait for it forever."""
    lines = printed(
        NAMES
        + """
import os
import gumbel
from every_function import logits, results

before = names()
gumbel.set_num_threads(2)
small, large = results(logits(3, 5)), results(logits(2, 300_000))
print([name for name in names() if not name.startswith("gumbel-")] == before)
print(sorted(set(names()) - set(before)))
child = os.fork()
if child == 0:
    os._exit(7 if results(logits(3, 5)) == small and results(logits(2, 300_000)) == large else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    assert lines == ["True", "['gumbel-0', 'gumbel-1']", "7"]


@LISTS_THREADS
def test_small_calls_start_no_thread():
    lines = printed(
        NAMES
        + """
from every_function import CALLS, logits

before = names()
for name, call in CALLS.items():
    call(logits(100, 50))
print(names() == before)
"""
    )
    assert lines == ["True"]


def child(queue, seed, depth):
    """As a worker of PyTorch's DataLoader: it samples, here with threads, and sends arrays back."""
    if depth:
        inner = multiprocessing.get_context("fork").Process(target=child, args=(queue, seed, depth - 1))
        inner.start()
        inner.join(60)
        inner.kill()
        return
    soft = gumbel.gumbel_softmax(logits(2_000, 50), 0.5, noise=Noise(seed))
    try:
        gumbel.softmax(np.array([0.0, np.nan]))
    except gumbel.Error as error:
        queue.put((seed, soft, error))


@FORKS
@pytest.mark.parametrize("depth", [0, 1], ids=["children", "grandchildren"])
def test_forked_processes_sample_as_their_parent(depth):
    gumbel.set_num_threads(2)
    expected = [gumbel.gumbel_softmax(logits(2_000, 50), 0.5, noise=Noise(seed)) for seed in range(3)]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=child, args=(queue, seed, depth)) for seed in range(3)]
    for worker in workers:
        worker.start()
    try:
        for seed, soft, error in [queue.get(timeout=120) for _ in workers]:
            np.testing.assert_array_equal(soft, expected[seed])
            assert error.kind == "logit" and error.index == (1,)
    finally:
        for worker in workers:
            worker.join(10)
            worker.kill()
    np.testing.assert_array_equal(gumbel.gumbel_softmax(logits(2_000, 50), 0.5, noise=Noise(0)), expected[0])


@FORKS
def test_a_fork_during_a_call_of_another_thread():
    """The child's threads are its own, whatever the parent's were doing."""
    gumbel.set_num_threads(2)
    x, stop = logits(2_000, 50), threading.Event()
    expected = gumbel.gumbel_softmax(x, 0.5, noise=Noise(1))

    def work():
        while not stop.is_set():
            gumbel.gumbel_softmax(x, 0.5, noise=Noise(1))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                same = (gumbel.gumbel_softmax(x, 0.5, noise=Noise(1)) == expected).all()
                os._exit(7 if same else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("shape", [(20, 9), (3_000, 40)])
def test_eight_threads_at_once(shape):
    x = logits(*shape)
    expected = results(x)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(lambda _: results(x), range(16)))


def test_threads_that_share_a_noise_take_numbers_of_their_own():
    x, noise = np.zeros((4, 50), np.float32), Noise(1)
    with ThreadPoolExecutor(8) as pool:
        found = {sample.tobytes() for sample in pool.map(lambda _: gumbel.gumbel_softmax(x, noise=noise), range(400))}
    again = Noise(1)
    assert found == {gumbel.gumbel_softmax(x, noise=again).tobytes() for _ in range(400)} and len(found) == 400
    assert noise.parts == again.parts == (1, 0, 400 * 200)


def test_changing_the_number_of_threads_during_calls():
    x = logits(3_000, 40)
    expected = gumbel.softmax(x).tobytes()

    def work(at):
        gumbel.set_num_threads(1 + at % 3)
        return gumbel.softmax(x).tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(60))) == {expected}


def test_other_threads_run_during_a_call():
    """With a long switch interval a thread advances only while another has given the lock back."""
    x, counter, done = np.zeros((100_000, 40)), [0], threading.Event()
    during = []

    def work():
        for _ in range(5):
            before = counter[0]
            gumbel.gumbel_softmax(x, noise=Noise(1))
            during.append(counter[0] - before)
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        while not done.is_set():
            counter[0] += 1
            time.sleep(0)
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert max(during) > 0, "no other thread ran during five calls of a tenth of a second"


def test_two_threads_cannot_write_one_array():
    """The second gets an error, or comes after the first; neither reads what is half written."""
    x = logits(3_000, 40)
    expected = gumbel.gumbel_softmax(x, noise=Noise(1)).tobytes()
    out = np.empty_like(x)

    def work(_):
        try:
            gumbel.gumbel_softmax(x, noise=Noise(1), out=out)
        except ValueError as error:
            assert "borrowed" in str(error)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))
    assert out.tobytes() == expected


def test_the_environment_sets_the_number_of_threads():
    script = "import gumbel; print(gumbel.get_num_threads())"
    assert printed(script, GUMBEL_NUM_THREADS="3") == ["3"]
    assert printed(script, GUMBEL_NUM_THREADS="0") == printed(script)
    for wrong in ("x", "-1", "1.5", "", "99999999999999999999", "100000"):
        result = run(script, GUMBEL_NUM_THREADS=wrong)
        assert result.returncode != 0 and "GUMBEL_NUM_THREADS must be from 0 to 1024" in result.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_the_default_is_the_cores_of_this_process():
    script = "import gumbel, os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(gumbel.get_num_threads())"
    assert printed(script) == ["1"]
    gumbel.set_num_threads(0)
    assert 1 <= gumbel.get_num_threads() <= len(os.sched_getaffinity(0))


def test_importing_the_package_imports_no_framework():
    script = "import sys, gumbel; print({'torch', 'jax', 'scipy'} & set(sys.modules))"
    assert printed(script) == ["set()"]
