"""Transformations and modes: vmap in its three kinds of randomness, torch.func, fake and meta tensors, tracing, autocast."""

import gumbel
import pytest

torch = pytest.importorskip("torch")

from gumbel import Noise
from gumbel.torch import (
    concrete_log_prob,
    exp_concrete_log_prob,
    gumbel_max,
    gumbel_softmax,
    key,
    keys,
    log_gumbel_softmax,
    one_hot,
    relaxed_bernoulli_log_prob,
    straight_through,
    top_k,
)
from torch_reference import DTYPES, logits

SAMPLES = [
    gumbel_softmax,
    log_gumbel_softmax,
    straight_through,
    gumbel_max,
    one_hot,
    lambda x, noise=None: top_k(x, 2, noise=noise),
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_vmap_has_three_kinds_of_randomness(sample):
    x = logits(3, 4).expand(6, 3, 4)
    with pytest.raises(RuntimeError, match="randomness"):
        torch.vmap(sample)(x)
    same = torch.vmap(sample, randomness="same")(x)
    assert (same == same[0]).all()
    different = torch.vmap(sample, randomness="different")(x)
    assert not (different == different[0]).all()
    torch.manual_seed(0)
    first = torch.vmap(sample, randomness="different")(x)
    torch.manual_seed(0)
    assert torch.equal(torch.vmap(sample, randomness="different")(x), first)


@pytest.mark.parametrize("sample", SAMPLES)
def test_vmap_over_keys_is_a_loop(sample):
    x, many = logits(6, 3, 4), keys(Noise(1), 6)
    expected = torch.stack([sample(x[i], noise=many[i]) for i in range(6)])
    assert torch.equal(torch.vmap(lambda x, k: sample(x, noise=k))(x, many), expected)
    # The axis of examples may be any, and either argument may be without it.
    assert torch.equal(torch.vmap(lambda x, k: sample(x, noise=k), in_dims=(1, 1))(x.movedim(0, 1), many.T), expected)
    shared = torch.vmap(lambda k: sample(x[0], noise=k))(many)
    assert torch.equal(shared, torch.stack([sample(x[0], noise=k) for k in many]))
    one_key = torch.vmap(lambda x: sample(x, noise=many[0]))(x)
    assert torch.equal(one_key, torch.stack([sample(row, noise=many[0]) for row in x]))


def test_vmap_over_a_noise_shares_it():
    x, noise = logits(3, 4).expand(6, 3, 4), Noise(1)
    y = torch.vmap(lambda x: gumbel_softmax(x, noise=noise))(x)
    assert (y == y[0]).all() and noise.parts[2] == 12


def test_vmap_in_vmap():
    x, many = logits(2, 3, 4, 5), keys(Noise(2), 6).reshape(2, 3, 3)
    twice = torch.vmap(torch.vmap(lambda x, k: gumbel_softmax(x, noise=k)))(x, many)
    assert torch.equal(twice, gumbel_softmax(x, noise=many))
    rows = keys(Noise(3), 24).reshape(2, 3, 4, 3)
    assert torch.equal(torch.vmap(lambda x, k: gumbel_softmax(x, noise=k))(x, rows), gumbel_softmax(x, noise=rows))


@pytest.mark.parametrize("sample", [gumbel_softmax, log_gumbel_softmax, straight_through])
def test_vmap_over_temperatures(sample):
    x, many = logits(6, 3, 4), keys(Noise(1), 6)
    tau = torch.linspace(0.5, 1.5, 6)
    expected = torch.stack([sample(x[i], tau[i], noise=many[i]) for i in range(6)])
    assert torch.equal(torch.vmap(lambda x, t, k: sample(x, t, noise=k))(x, tau, many), expected)
    assert torch.equal(torch.vmap(lambda x, t, k: sample(x, t, noise=k))(x, tau[:, None, None], many), expected)
    of = many[0]
    shared = torch.vmap(lambda t: sample(x[0], t, noise=of))(tau)
    assert torch.equal(shared, torch.stack([sample(x[0], t, noise=of) for t in tau]))
    per_row = torch.linspace(0.5, 1.5, 18).reshape(6, 3, 1)
    expected = torch.stack([sample(x[i], per_row[i], noise=of) for i in range(6)])
    assert torch.equal(torch.vmap(lambda x, t: sample(x, t, noise=of))(x, per_row), expected)


@pytest.mark.parametrize("sample", [gumbel_softmax, log_gumbel_softmax, straight_through])
def test_gradients_of_each_example(sample):
    x, weights, many = logits(6, 3, 4), logits(3, 4, seed=1), keys(Noise(1), 6)
    tau = torch.linspace(0.5, 1.5, 6)

    def loss(x, tau, key):
        return (sample(x, tau, noise=key) * weights).sum()

    together = torch.vmap(torch.func.grad(loss, argnums=(0, 1)))(x, tau, many)
    for i in range(6):
        one, slope = x[i].clone().requires_grad_(), tau[i].clone().requires_grad_()
        loss(one, slope, many[i]).backward()
        assert torch.allclose(together[0][i], one.grad, atol=1e-6)
        assert torch.allclose(together[1][i], slope.grad, atol=1e-5)


def test_vmap_of_densities():
    y, x = logits(6, 3, 4).log_softmax(-1), logits(6, 3, 4, seed=1)
    tau = torch.linspace(0.5, 1.5, 6)
    for log_prob, points in (
        (exp_concrete_log_prob, y),
        (concrete_log_prob, y.exp()),
        (relaxed_bernoulli_log_prob, y.exp()),
    ):
        expected = torch.stack([log_prob(points[i], x[i], tau[i]) for i in range(6)])
        assert torch.equal(torch.vmap(log_prob)(points, x, tau), expected)
        shared = torch.vmap(lambda t: log_prob(points[0], x[0], t))(tau)
        assert torch.equal(shared, torch.stack([log_prob(points[0], x[0], t) for t in tau]))
        slope = torch.vmap(torch.func.grad(lambda p, x, t: log_prob(p, x, t).sum(), argnums=2))(points, x, tau)
        for i in range(6):
            t = tau[i].clone().requires_grad_()
            log_prob(points[i], x[i], t).sum().backward()
            assert torch.allclose(slope[i], t.grad, rtol=1e-4)


def test_per_row_temperatures_of_densities_under_vmap():
    y, x = logits(6, 3, 4).log_softmax(-1), logits(6, 3, 4, seed=1)
    tau = torch.linspace(0.5, 1.5, 18).reshape(6, 3, 1)
    expected = exp_concrete_log_prob(y, x, tau)
    assert torch.equal(torch.vmap(exp_concrete_log_prob)(y, x, tau), expected)


@pytest.mark.parametrize("device", ["meta", "fake"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_without_memory_give_shapes(device, dtype):
    from torch._subclasses.fake_tensor import FakeTensorMode

    mode = FakeTensorMode() if device == "fake" else torch.device("meta")
    with mode:
        x = torch.empty(5, 4, 3, dtype=dtype).requires_grad_()
        for dim in (0, 1, -1):
            for sample in (gumbel_softmax, log_gumbel_softmax, straight_through):
                y = sample(x, 0.5, dim=dim)
                assert y.shape == x.shape and y.dtype == dtype and y.device == x.device and y.is_contiguous()
            index = gumbel_max(x, dim)
            assert index.dtype == torch.int64 and index.shape == x.argmax(dim).shape and index.device == x.device
            assert top_k(x, 2, dim).shape == x.topk(2, dim).indices.shape
            assert one_hot(x, dim).shape == x.shape
        y = gumbel_softmax(x, noise=Noise(1) if device == "fake" else None)
        y.sum().backward()
        assert x.grad.shape == x.shape
        for log_prob in (exp_concrete_log_prob, concrete_log_prob):
            assert log_prob(y, x, 0.5).shape == (5, 4)
        assert relaxed_bernoulli_log_prob(y, x, 0.5).shape == (5, 4, 3)
        with pytest.raises(TypeError):
            gumbel_softmax(torch.empty(3, dtype=torch.int64))


@pytest.mark.parametrize("sample", [gumbel_softmax, log_gumbel_softmax, straight_through])
def test_autocast_changes_nothing(sample):
    x, weights = logits(5, 4), logits(5, 4, seed=1)
    results = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            given = x.clone().requires_grad_()
            tau = torch.tensor([[0.5]] * 5, requires_grad=True)
            y = sample(given, tau, noise=Noise(2))
            (y * weights).sum().backward()
            results.append((y, given.grad, tau.grad))
    for plain, cast in zip(*results, strict=True):
        assert plain.dtype == cast.dtype == torch.float32 and torch.equal(plain, cast)


def test_inference_mode():
    x = logits(5, 4)
    with torch.inference_mode():
        y = gumbel_softmax(x, hard=True, noise=Noise(2))
        assert y.is_inference() and torch.equal(y, one_hot(x, noise=Noise(2)))
        assert gumbel_max(x).is_inference()


@pytest.mark.parametrize("sample", [gumbel_softmax, log_gumbel_softmax, straight_through])
@pytest.mark.parametrize("tensor", [False, True])
def test_a_trace_draws_anew_is_saved_and_has_gradients(sample, tensor):
    import io

    x, weights = logits(100, 4, masked=True).requires_grad_(), logits(100, 4, seed=1)
    tau = torch.tensor(0.5, requires_grad=True)
    arguments = (x, tau) if tensor else (x,)
    traced = torch.jit.trace(lambda x, tau=0.5: sample(x, tau), arguments, check_trace=False)
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)
    buffer.seek(0)
    for function in (traced, torch.jit.load(buffer)):
        assert not torch.equal(function(*arguments), function(*arguments))
        results = []
        for run in (function, lambda x, tau=0.5: sample(x, tau)):
            torch.manual_seed(0)
            y = run(*arguments)
            loss = (y * weights).nan_to_num().sum()
            first = torch.autograd.grad(loss, arguments, create_graph=True)
            second = torch.autograd.grad(sum(slope.pow(2).sum() for slope in first), arguments)
            results.append((y, *first, *second))
        for one, other in zip(*results, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)
        with pytest.raises(Exception, match="the logit at row 3"):
            function(torch.where(torch.arange(100)[:, None] == 3, torch.nan, x), *arguments[1:])


def test_a_trace_of_exact_samples_draws_anew():
    x = logits(100, 4)
    for sample in (gumbel_max, one_hot, lambda x: top_k(x, 2)):
        traced = torch.jit.trace(sample, (x,), check_trace=False)
        torch.manual_seed(0)
        first, second = traced(x), traced(x)
        torch.manual_seed(0)
        assert torch.equal(sample(x), first) and not torch.equal(first, second)


def test_make_fx_records_operators():
    from torch.fx.experimental.proxy_tensor import make_fx

    x = logits(5, 4)
    graph = make_fx(lambda x: gumbel_softmax(x, 0.5))(x)
    targets = [str(node.target) for node in graph.graph.nodes]
    assert "gumbel.softmax.default" in targets
    assert not torch.equal(graph(x), graph(x))


def test_symbolic_tracing_keeps_the_call():
    class Model(torch.nn.Module):
        def forward(self, x):
            return gumbel_softmax(x, 0.5, hard=True)

    traced = torch.fx.symbolic_trace(Model())
    assert gumbel_softmax in [node.target for node in traced.graph.nodes]
    assert (traced(logits(5, 4)).sum(-1) == 1).all()


def test_subclasses_of_tensors_are_kept():
    class Named(torch.Tensor):
        pass

    x = logits(5, 4).as_subclass(Named)
    for sample in SAMPLES:
        assert isinstance(sample(x), Named)
    assert isinstance(exp_concrete_log_prob(x, x, 1.0), Named)
    assert torch.equal(gumbel_softmax(x, noise=Noise(1)).as_subclass(torch.Tensor), gumbel_softmax(logits(5, 4), noise=Noise(1)))


def test_modes_of_functions_see_the_call():
    from torch.overrides import TorchFunctionMode

    class Record(TorchFunctionMode):
        seen = []

        def __torch_function__(self, function, types, args=(), kwargs=None):
            self.seen.append(function)
            return function(*args, **(kwargs or {}))

    with Record() as mode:
        gumbel_softmax(logits(5, 4))
    assert gumbel_softmax in mode.seen


def test_a_forked_process_can_draw():
    import multiprocessing

    x = logits(20_000, 10)
    gumbel.set_num_threads(2)
    expected = gumbel_softmax(x, noise=Noise(1))
    gumbel.set_num_threads(0)
    context = multiprocessing.get_context("fork")
    parent, child = context.Pipe()

    def run():
        # As DataLoader does in its workers: PyTorch's own pool does not survive the fork.
        torch.set_num_threads(1)
        child.send(bool((gumbel_softmax(x, noise=Noise(1)) == expected).all()))

    process = context.Process(target=run)
    process.start()
    assert parent.poll(60) and parent.recv()
    process.join(60)
    assert process.exitcode == 0


def test_threads_draw_at_the_same_time():
    from concurrent.futures import ThreadPoolExecutor

    x = logits(2_000, 50)
    expected = [gumbel_softmax(x, noise=Noise(seed)) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda seed: gumbel_softmax(x, noise=Noise(seed)), range(8)))
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    # One noise shared by threads gives each of them numbers of its own.
    noise = Noise(0)
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: gumbel_softmax(x[:10], noise=noise), range(64)))
    assert noise.parts[2] == 64 * 500
    assert len({tuple(y.flatten().tolist()) for y in drawn}) == 64


def test_large_calls_release_the_interpreter():
    """Another thread gets its turn during a call: it waits for a lock that is released before, and nothing else lets it run."""
    import sys
    import threading

    x = torch.zeros(1_000_000, 10)
    ran, door = [], threading.Lock()

    def wait():
        with door:
            ran.append(True)

    door.acquire()
    waiting = threading.Thread(target=wait)
    waiting.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)
    try:
        door.release()
        calls = 0
        while not ran and calls < 100:
            gumbel_softmax(x, noise=Noise(1))
            calls += 1
    finally:
        sys.setswitchinterval(interval)
    assert ran and calls > 0
    waiting.join()
