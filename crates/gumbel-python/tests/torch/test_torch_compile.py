"""Compiled code: one graph, the same numbers, few recompilations. Each test compiles, so they are few."""

import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel import Noise
from gumbel.torch import (
    exp_concrete_log_prob,
    gumbel_max,
    gumbel_softmax,
    key,
    keys,
    log_gumbel_softmax,
    one_hot,
    straight_through,
    top_k,
)
from torch._dynamo.testing import CompileCounterWithBackend
from torch_reference import logits


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def graphs(function):
    """The compiled function, and a counter of its graphs. The backend runs the graphs of forward and backward as they are."""
    counter = CompileCounterWithBackend("aot_eager")
    return torch.compile(function, backend=counter, fullgraph=True), counter


@pytest.mark.parametrize("sample", [gumbel_softmax, log_gumbel_softmax, straight_through])
@pytest.mark.parametrize("dim", [-1, 0])
def test_an_annealed_temperature_takes_two_graphs(sample, dim):
    compiled, counter = graphs(lambda x, tau: sample(x, tau, dim=dim))
    x, weights = logits(8, 5), logits(8, 5, seed=1)
    for step in range(6):
        tau = 0.9**step
        results = []
        for function in (compiled, lambda x, tau: sample(x, tau, dim=dim)):
            given = x.clone().requires_grad_()
            torch.manual_seed(step)
            y = function(given, tau)
            (y * weights).sum().backward()
            results.append((y, given.grad))
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert counter.frame_count == 2


def test_sizes_take_one_more_graph():
    compiled, counter = graphs(lambda x: gumbel_softmax(x, 0.5, hard=True))
    for size in (8, 9, 10, 11):
        x = logits(size, 5).requires_grad_()
        y = compiled(x)
        y.sum().backward()
        assert y.shape == x.grad.shape == (size, 5) and (y.sum(-1) == 1).all()
    assert counter.frame_count == 2


def test_backward_is_the_kernel_and_the_temperature_has_a_gradient():
    from functorch.compile import make_boxed_func
    from torch._dynamo.backends.common import aot_autograd

    seen = []

    def record(graph, _):
        seen.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
        return make_boxed_func(graph.forward)

    compiled = torch.compile(lambda x, tau: gumbel_softmax(x, tau), backend=aot_autograd(fw_compiler=record))
    compiled(logits(4, 3).requires_grad_(), 0.5).sum().backward()
    assert "gumbel.softmax.tensor" in seen[0] and "gumbel.softmax_vjp.tensor" in seen[1]
    x = logits(4, 3).requires_grad_()
    tau, weights = torch.tensor(0.5, requires_grad=True), logits(4, 3, seed=1)
    slopes = []
    for function in (compiled, gumbel_softmax):
        torch.manual_seed(1)
        slopes.append(torch.autograd.grad((function(x, tau) * weights).sum(), (x, tau)))
    assert torch.allclose(slopes[0][0], slopes[1][0]) and torch.allclose(slopes[0][1], slopes[1][1])


def test_every_function_compiles_in_one_graph():
    of, many = key(Noise(1)), keys(Noise(2), 8)
    x = logits(8, 5)

    def everything(x, of, many):
        return (
            gumbel_softmax(x, 0.5, noise=of),
            log_gumbel_softmax(x, noise=many),
            gumbel_max(x, 0, noise=of),
            top_k(x, 2, noise=of),
            one_hot(x, noise=many),
            exp_concrete_log_prob(x, x, 0.5),
        )

    compiled, counter = graphs(everything)
    for found, expected in zip(compiled(x, of, many), everything(x, of, many), strict=True):
        assert torch.allclose(found, expected, atol=1e-6)
    assert counter.frame_count == 1


def test_transformations_inside_of_compiled_code_are_right_or_refused():
    """Before PyTorch 2.15, compiled code would take the gradient for zero."""
    of, many, x = key(Noise(1)), keys(Noise(2), 8), logits(8, 5)

    def inside(x, of, many):
        return (
            torch.vmap(lambda x, k: gumbel_softmax(x, 0.5, noise=k))(x, many),
            torch.func.grad(lambda x: gumbel_softmax(x, 0.5, noise=of)[:, 0].sum())(x),
            torch.func.grad(lambda x: exp_concrete_log_prob(x, x.flip(-1), 0.5).sum())(x),
        )

    expected = inside(x, of, many)
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    for fullgraph in (False, True):
        torch._dynamo.reset()
        compiled = torch.compile(inside, backend="aot_eager", fullgraph=fullgraph)
        if fullgraph and version < (2, 15):
            with pytest.raises(Exception, match="require PyTorch 2.15"):
                compiled(x, of, many)
            continue
        for found, right in zip(compiled(x, of, many), expected, strict=True):
            assert torch.allclose(found, right, atol=1e-6) and right.abs().max() > 0.01


def test_inductor_draws_and_repeats():
    compiled = torch.compile(lambda x: gumbel_softmax(x, 0.5, hard=True), fullgraph=True)
    x = logits(500, 5)
    torch.manual_seed(0)
    first, second = compiled(x), compiled(x)
    torch.manual_seed(0)
    assert torch.equal(compiled(x), first) and not torch.equal(first, second)
    assert (first.sum(-1) == 1).all()
    # Words of the key that inductor draws are whole: the halves of two draws differ.
    words = torch.compile(lambda: torch.randint(-(2**63), 2**63 - 1, (2,), device="cpu"), fullgraph=True)
    drawn = torch.stack([words() for _ in range(4)])
    assert len({int(w) >> 32 for w in drawn.flatten()}) == len({int(w) & 0xFFFFFFFF for w in drawn.flatten()}) == 8


def test_a_noise_breaks_the_graph_and_says_why():
    x, noise = logits(8, 5), Noise(3)
    with pytest.raises(torch._dynamo.exc.Unsupported, match="call gumbel.torch.key outside of the compiled function"):
        torch.compile(lambda x, noise: gumbel_softmax(x, noise=noise), fullgraph=True)(x, noise)
    torch._dynamo.reset()
    broken = torch.compile(lambda x, noise: gumbel_softmax(x, noise=noise) + 1, backend="eager")
    assert torch.equal(broken(x, Noise(3)), gumbel_softmax(x, noise=Noise(3)) + 1)


def test_errors_of_compiled_code_are_the_same():
    compiled, _ = graphs(lambda x, tau: gumbel_softmax(x, tau))
    x = logits(8, 5)
    x[3, 4] = torch.nan
    with pytest.raises(gumbel.Error) as caught:
        compiled(x, 0.5)
    assert caught.value.kind == "logit" and caught.value.index == (3, 4)
    with pytest.raises(gumbel.Error) as caught:
        compiled(logits(8, 5), 0.0)
    assert caught.value.kind == "temperature"


def test_a_model_can_be_exported():
    class Model(torch.nn.Module):
        def forward(self, x, noise):
            return gumbel_softmax(x, 0.5, hard=True, noise=noise)

    x, of = logits(8, 5), key(Noise(1))
    exported = torch.export.export(Model(), (x, of))
    assert torch.equal(exported.module()(x, of), Model()(x, of))
