"""Matchings and sorting: against enumeration and the formulas, derivatives, laws, and equality with the NumPy functions."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel.torch import key, keys, permutation

F64 = torch.float64


def matrices(*shape, seed=0, dtype=F64):
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64) * 2).to(dtype)


def every(n):
    """Every permutation matrix."""
    return torch.stack([torch.eye(n, dtype=F64)[list(order)] for order in itertools.permutations(range(n))])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_matching_is_the_best_permutation(n):
    logits = matrices(20, n, n, seed=n)
    scores = torch.einsum("bij,pij->bp", logits, every(n))
    assert torch.equal(permutation.matching(logits), every(n)[scores.argmax(-1)])
    logits[:, 0, 0] = -torch.inf
    if n > 1:
        allowed = every(n)[every(n)[:, 0, 0] == 0]
        scores = torch.einsum("bij,pij->bp", torch.where(logits.isinf(), 0.0, logits), allowed)
        assert torch.equal(permutation.matching(logits), allowed[scores.argmax(-1)])


def test_sinkhorn_equals_the_iteration():
    logits, tau = matrices(3, 4, 4), 0.7
    p = (logits / tau).exp()
    for _ in range(6):
        p = p / p.sum(-1, keepdim=True)
        p = p / p.sum(-2, keepdim=True)
    torch.testing.assert_close(permutation.sinkhorn(logits, tau, iterations=6), p)
    torch.testing.assert_close(permutation.log_sinkhorn(logits, tau, iterations=6), p.log())
    stopped = permutation.sinkhorn(logits, tau, iterations=10_000, tolerance=1e-9)
    torch.testing.assert_close(stopped.sum(-1), torch.ones(3, 4, dtype=F64), atol=2e-9, rtol=0)


def test_sinkhorn_tends_to_the_matching():
    logits = matrices(8, 4, 4, seed=3)
    soft = permutation.gumbel_sinkhorn(logits, 0.01, iterations=3000, tolerance=1e-4, noise=gumbel.Noise(1))
    hard = permutation.gumbel_matching(logits, noise=gumbel.Noise(1))
    assert torch.equal(soft.argmax(-1), hard.argmax(-1))
    assert (soft - hard).abs().mean() < 0.01


def test_forbidden_pairs_are_exactly_zero():
    logits = matrices(3, 3).index_put((torch.tensor([0]), torch.tensor([1])), torch.tensor(-torch.inf, dtype=F64))
    logits.requires_grad_()
    for function in (permutation.sinkhorn, permutation.gumbel_sinkhorn, permutation.straight_through_gumbel_sinkhorn):
        p = function(logits)
        assert p[0, 1] == 0
        (slopes,) = torch.autograd.grad((p * matrices(3, 3, seed=4)).sum(), logits)
        assert slopes[0, 1] == 0 and torch.isfinite(slopes).all()
    assert torch.equal(torch.isneginf(permutation.log_sinkhorn(logits)), torch.isneginf(logits))


STREAM = key(gumbel.Noise(3))
SOFT = {
    "sinkhorn": lambda x, tau: permutation.sinkhorn(x, tau, iterations=5),
    "log_sinkhorn": lambda x, tau: permutation.log_sinkhorn(x, tau, iterations=5),
    "gumbel_sinkhorn": lambda x, tau: permutation.gumbel_sinkhorn(x, tau, iterations=5, noise=STREAM),
    "neural_sort": permutation.neural_sort,
    "soft_sort": permutation.soft_sort,
}


@pytest.mark.parametrize("name", SOFT)
def test_gradients(name):
    x, tau = matrices(2, 3, 3, seed=5).requires_grad_(), torch.tensor(0.8, dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(SOFT[name], (x, tau), check_batched_grad=True)
    if name.endswith("sort"):
        assert torch.autograd.gradgradcheck(SOFT[name], (x, tau))
        return
    (slopes,) = torch.autograd.grad(SOFT[name](x, tau).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once differentiable"):
        torch.autograd.grad(slopes.sum(), x)


HARD = {
    "sinkhorn": (permutation.straight_through_sinkhorn, permutation.sinkhorn, permutation.matching),
    "gumbel_sinkhorn": (
        lambda x: permutation.straight_through_gumbel_sinkhorn(x, noise=STREAM),
        lambda x: permutation.gumbel_sinkhorn(x, noise=STREAM),
        lambda x: permutation.gumbel_matching(x, noise=STREAM),
    ),
    "neural_sort": (permutation.straight_through_neural_sort, permutation.neural_sort, permutation.hard_sort),
    "soft_sort": (permutation.straight_through_soft_sort, permutation.soft_sort, permutation.hard_sort),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_straight_through_is_hard_with_the_gradient_of_the_soft_one(name, dtype):
    straight, soft, hard = HARD[name]
    x = matrices(4, 4, 4, seed=6, dtype=dtype).requires_grad_()
    p = straight(x)
    assert p.dtype == dtype and torch.equal(p, hard(x)) and not hard(x).requires_grad
    ones = torch.ones(p.shape[:-1], dtype=dtype)
    assert torch.equal(p.sum(-1), ones) and torch.equal(p.sum(-2), ones)
    direction = torch.randn(p.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    slopes = [torch.autograd.grad((sample * direction).sum(), x)[0] for sample in (p, soft(x))]
    assert torch.equal(*slopes)


def test_random_matchings_of_equal_logits_are_uniform():
    # z-scores of 9 frequencies at 4.5: a false alarm in 6e-5 of the cases.
    p = permutation.gumbel_matching(torch.zeros(20_000, 3, 3), noise=gumbel.Noise(1)).mean(0)
    assert ((p - 1 / 3).abs() < 4.5 * (2 / 9 / 20_000) ** 0.5).all()


def test_neural_sort_equals_its_formula():
    scores, tau, n = matrices(3, 5, seed=7), 0.6, 5
    gaps = (scores.unsqueeze(-1) - scores.unsqueeze(-2)).abs().sum(-1)
    weights = n + 1 - 2 * torch.arange(1, n + 1, dtype=F64)
    expected = torch.softmax((weights.unsqueeze(-1) * scores.unsqueeze(-2) - gaps.unsqueeze(-2)) / tau, -1)
    torch.testing.assert_close(permutation.neural_sort(scores, tau), expected)


def test_soft_sort_equals_its_formula():
    scores, tau = matrices(3, 5, seed=7), 0.6
    ordered = scores.sort(-1, descending=True).values
    expected = torch.softmax(-(ordered.unsqueeze(-1) - scores.unsqueeze(-2)).abs() / tau, -1)
    torch.testing.assert_close(permutation.soft_sort(scores, tau), expected)


def test_relaxed_sorts_tend_to_the_hard_one():
    scores = matrices(20, 5, seed=8)
    hard = permutation.hard_sort(scores)
    torch.testing.assert_close((hard @ scores.unsqueeze(-1)).squeeze(-1), scores.sort(-1, descending=True).values)
    assert torch.equal(permutation.neural_sort(scores).argmax(-1), hard.argmax(-1))
    for sort in (permutation.neural_sort, permutation.soft_sort):
        torch.testing.assert_close(sort(scores, 1e-6), hard)
    assert torch.equal(permutation.hard_sort(torch.tensor([1.0, 2.0, 1.0, 2.0])).argmax(-1), torch.tensor([1, 3, 0, 2]))


@pytest.mark.parametrize("sort", [permutation.neural_sort, permutation.soft_sort])
def test_padding(sort):
    scores = torch.tensor([[1.0, -torch.inf, 2.0, -torch.inf]], dtype=F64, requires_grad=True)
    p = sort(scores, 0.7)
    alone = sort(torch.tensor([[1.0, 2.0]], dtype=F64), 0.7)
    torch.testing.assert_close(p[0, :2][:, [0, 2]], alone[0])
    assert (p[0, :2][:, [1, 3]] == 0).all()
    assert torch.equal(p[0, 2:], torch.tensor([[0, 0.5, 0, 0.5]] * 2, dtype=F64))
    (slopes,) = torch.autograd.grad((p * matrices(1, 4, 4)).sum(), scores)
    assert torch.isfinite(slopes).all() and (slopes[0, [1, 3]] == 0).all()
    # A large finite padding value does not round the others away either.
    far = sort(torch.tensor([1.0, 2.0, -1e9]), 1.0)
    near = sort(torch.tensor([1.0, 2.0, -torch.inf]), 1.0)
    torch.testing.assert_close(far, near)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, F64])
def test_results_equal_those_of_numpy(dtype):
    logits = matrices(2, 4, 4, seed=9, dtype=dtype)
    array = logits.numpy() if dtype in (torch.float32, F64) else logits.float().numpy()

    def same(ours, theirs):
        assert ours.dtype == dtype
        assert torch.equal(ours, torch.from_numpy(theirs).to(dtype))

    same(permutation.sinkhorn(logits, 0.7), gumbel.sinkhorn(array, 0.7))
    same(permutation.log_sinkhorn(logits, 0.7), gumbel.log_sinkhorn(array, 0.7))
    same(permutation.matching(logits), np.eye(4)[gumbel.assignment(array)])
    perturbed = array - array.max(-1, keepdims=True) + gumbel.Noise(1).gumbel(array.shape, array.dtype)
    same(permutation.gumbel_sinkhorn(logits, 0.7, noise=gumbel.Noise(1)), gumbel.sinkhorn(perturbed, 0.7))
    same(permutation.gumbel_matching(logits, noise=gumbel.Noise(1)), np.eye(4)[gumbel.assignment(perturbed)])


def test_vmap_draws_with_a_key_for_each_example():
    logits, streams = matrices(4, 3, 3, seed=10), keys(gumbel.Noise(1), 4)
    for function in (
        lambda logits, key: permutation.gumbel_sinkhorn(logits, noise=key),
        lambda logits, key: permutation.gumbel_matching(logits, noise=key),
    ):
        alone = torch.stack([function(*example) for example in zip(logits, streams, strict=True)])
        assert torch.equal(torch.vmap(function)(logits, streams), alone)
    jacobian = torch.func.jacrev(permutation.sinkhorn)(logits[0])
    assert torch.equal(torch.vmap(torch.func.jacrev(permutation.sinkhorn))(logits)[0], jacobian)


def test_empty_batches():
    empty = torch.zeros(0, 3, 3)
    for function in (permutation.sinkhorn, permutation.gumbel_sinkhorn, permutation.matching):
        assert function(empty).shape == (0, 3, 3)
    for sort in (permutation.neural_sort, permutation.soft_sort, permutation.hard_sort):
        assert sort(torch.zeros(0, 3)).shape == (0, 3, 3)


BLOCKED = torch.tensor([[0.0, -torch.inf], [0.0, -torch.inf]])
FAULTS = [
    ("temperature", lambda: permutation.sinkhorn(torch.zeros(2, 2), -1.0), None),
    ("temperature", lambda: permutation.sinkhorn(torch.zeros(2, 2), 1e-60), None),
    ("temperature", lambda: permutation.neural_sort(torch.zeros(2), 0.0), None),
    ("temperature", lambda: permutation.soft_sort(torch.zeros(2), torch.tensor(torch.inf)), None),
    ("iterations", lambda: permutation.sinkhorn(torch.zeros(2, 2), iterations=0), None),
    ("tolerance", lambda: permutation.log_sinkhorn(torch.zeros(2, 2), tolerance=-1.0), None),
    ("no_permutation", lambda: permutation.matching(torch.stack([torch.zeros(2, 2), BLOCKED])), (1,)),
    ("no_permutation", lambda: permutation.gumbel_sinkhorn(BLOCKED), ()),
    ("logit", lambda: permutation.sinkhorn(torch.tensor([[0.0, torch.nan], [0.0, 0.0]])), (0, 1)),
    ("logit", lambda: permutation.gumbel_matching(torch.tensor([[0.0, 0.0], [torch.inf, 0.0]])), (1, 0)),
    ("logit", lambda: permutation.neural_sort(torch.tensor([[0.0, 0.0], [0.0, torch.nan]])), (1, 1)),
    ("all_masked", lambda: permutation.soft_sort(torch.full((1, 2), -torch.inf)), (0,)),
    ("categories", lambda: permutation.hard_sort(torch.zeros(2, 0)), None),
]


@pytest.mark.parametrize(("kind", "call", "index"), FAULTS)
def test_errors_say_what_and_where(kind, call, index):
    with pytest.raises(gumbel.Error) as caught:
        call()
    assert caught.value.kind == kind
    if index is not None:
        assert caught.value.index == index


def test_arguments_that_do_not_fit():
    for function in (permutation.sinkhorn, permutation.matching, permutation.gumbel_sinkhorn):
        with pytest.raises(ValueError):
            function(torch.zeros(2, 3))
        with pytest.raises(TypeError):
            function([[0.0]])
        with pytest.raises(TypeError):
            function(torch.zeros(2, 2, dtype=torch.int32))
    for sort in (permutation.neural_sort, permutation.soft_sort, permutation.hard_sort):
        with pytest.raises(TypeError):
            sort(torch.zeros(2, dtype=torch.int32))
    with pytest.raises(ValueError, match="one element"):
        permutation.sinkhorn(torch.zeros(2, 2), torch.ones(2))


OPERATORS = [
    ("sinkhorn", lambda x, t: (x, t, 4, 0.0)),
    ("log_sinkhorn", lambda x, t: (x, t, 4, 0.0)),
    ("sinkhorn_vjp", lambda x, t: (x, x.detach(), t, 4, 0.0)),
    ("log_sinkhorn_vjp", lambda x, t: (x, x.detach(), t, 4, 0.0)),
    ("assignment", lambda x, t: (x,)),
    ("sort_padding", lambda x, t: (x, torch.as_tensor(t))),
]


@pytest.mark.parametrize(("name", "arguments"), OPERATORS)
def test_operators_are_sound(name, arguments):
    x = matrices(2, 3, 3, dtype=torch.float32).requires_grad_()
    packet = getattr(torch.ops.gumbel, name)
    torch.library.opcheck(packet.default, arguments(x, 0.5))
    if "tensor" in packet.overloads():
        torch.library.opcheck(packet.tensor, arguments(x, torch.tensor(0.5)))


def test_compiled_code_is_one_graph_and_does_not_recompile_for_a_temperature():
    testing = pytest.importorskip("torch._dynamo.testing")

    def loss(x, tau):
        matched = permutation.gumbel_sinkhorn(x, tau, noise=STREAM) * permutation.straight_through_sinkhorn(x, tau)
        ordered = permutation.neural_sort(x[:, 0], tau) * permutation.straight_through_soft_sort(x[:, 0], tau)
        return (matched + ordered).sum()

    counter = testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(loss, fullgraph=True, backend=counter)
    for tau in (0.5, 0.6, 0.7, 0.8):
        ours, theirs = (matrices(2, 3, 3, dtype=torch.float32).requires_grad_() for _ in range(2))
        compiled(ours, tau).backward()
        loss(theirs, tau).backward()
        torch.testing.assert_close(ours.grad, theirs.grad)
    assert counter.frame_count <= 2
