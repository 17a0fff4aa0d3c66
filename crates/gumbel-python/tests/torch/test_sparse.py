"""Sparse maps: against their definition, derivatives, laws, and equality with the NumPy functions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")

import gumbel
from gumbel.torch import gumbel_max, gumbel_softmax, key, keys, sparse

F64 = torch.float64
ALPHAS = [1.0, 1.2, 1.5, 2.0, 3.0]


def rows(*shape, seed=0, dtype=F64, masked=()):
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64) * 2
    logits[..., list(masked)] = -torch.inf
    return logits.to(dtype)


def scalar(value):
    return torch.tensor(value, dtype=F64, requires_grad=True)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_entmax_satisfies_its_definition(alpha):
    logits, tau = rows(20, 6, masked=[2]), 0.7
    y = sparse.entmax(logits, alpha, tau)
    torch.testing.assert_close(y.sum(-1), torch.ones(20, dtype=F64))
    assert (y[:, 2] == 0).all()
    # On the support, (y^(alpha - 1) - 1) / (alpha - 1) is x - lambda for one lambda, and less off it.
    inverse = y.log() if alpha == 1 else (y ** (alpha - 1) - 1) / (alpha - 1)
    threshold = torch.where(y > 0, logits / tau - inverse, torch.nan)
    lowest = threshold.nanmedian(-1, keepdim=True).values
    torch.testing.assert_close(threshold, torch.where(y > 0, lowest, torch.nan), equal_nan=True)
    if alpha > 1:
        assert ((logits / tau - lowest)[y == 0] <= -1 / (alpha - 1) + 1e-9).all()
        assert (y == 0).sum() > 20


def test_entmax_at_the_ends():
    logits = rows(20, 6)
    torch.testing.assert_close(sparse.entmax(logits, 1.0, 0.7), torch.softmax(logits / 0.7, -1))
    assert torch.equal(sparse.entmax(logits, 2.0, 0.7), sparse.sparsemax(logits, 0.7))
    # The projection by sorting.
    ordered = (logits / 0.7).sort(-1, descending=True).values
    sums, counts = ordered.cumsum(-1), torch.arange(1, 7)
    size = (1 + counts * ordered > sums).sum(-1, keepdim=True)
    threshold = (sums.gather(-1, size - 1) - 1) / size
    torch.testing.assert_close(sparse.sparsemax(logits, 0.7), (logits / 0.7 - threshold).clamp(min=0))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_gradients(alpha):
    logits, tau = rows(3, 5, seed=1).requires_grad_(), scalar(0.8)
    assert torch.autograd.gradcheck(lambda logits, tau: sparse.entmax(logits, alpha, tau), (logits, tau), check_batched_grad=True)
    inputs = logits, scalar(alpha + 0.01), tau
    assert torch.autograd.gradcheck(sparse.entmax, inputs)
    if alpha < 2:
        assert torch.autograd.gradgradcheck(sparse.entmax, inputs)
    arguments = [value.detach() for value in inputs]
    for place in range(3):
        forward, reverse = (jacobian(sparse.entmax, place)(*arguments) for jacobian in (torch.func.jacfwd, torch.func.jacrev))
        torch.testing.assert_close(forward, reverse)


def test_a_second_derivative_beyond_two_raises():
    logits = rows(5, seed=1).requires_grad_()
    (slopes,) = torch.autograd.grad(sparse.entmax(logits, 2.5).square().sum(), logits, create_graph=True)
    with pytest.raises(RuntimeError, match="once differentiable"):
        torch.autograd.grad(slopes.sum(), logits)


def test_the_derivative_in_alpha_at_one_is_the_limit():
    logits = rows(5, seed=2)
    slopes = [torch.func.jacrev(sparse.entmax, 1)(logits, torch.tensor(alpha, dtype=F64)) for alpha in (1.0, 1.00001)]
    torch.testing.assert_close(*slopes, atol=1e-4, rtol=0)
    difference = (sparse.entmax(logits, 1.0001) - sparse.entmax(logits, 1.0)) / 1e-4
    torch.testing.assert_close(slopes[0], difference, atol=1e-3, rtol=0)


def test_an_alpha_for_each_row():
    logits = rows(2, 3, 5, seed=3).requires_grad_()
    alpha = torch.tensor([[[1.2]], [[1.8]]], dtype=F64, requires_grad=True)  # For each head.
    y = sparse.entmax(logits, alpha, 0.9)
    alone = torch.stack([sparse.entmax(logits[0], 1.2, 0.9), sparse.entmax(logits[1], 1.8, 0.9)])
    torch.testing.assert_close(y, alone, atol=1e-12, rtol=0)
    assert torch.autograd.gradcheck(lambda logits, alpha: sparse.entmax(logits, alpha, 0.9), (logits, alpha))
    batched = torch.vmap(sparse.entmax)(logits, alpha.flatten())
    torch.testing.assert_close(batched, sparse.entmax(logits, alpha), atol=1e-12, rtol=0)
    with pytest.raises(ValueError, match="broadcasts"):
        sparse.entmax(logits, torch.ones(3, 5))
    with pytest.raises(gumbel.Error) as caught:
        sparse.entmax(torch.where(torch.arange(5) == 4, torch.nan, logits.detach()), alpha)
    assert caught.value.kind == "logit" and caught.value.index == (0, 0, 4)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_masks_and_cotangents_off_the_support(alpha):
    logits = rows(6, seed=4, masked=[1]).requires_grad_()
    y = sparse.entmax(logits, alpha)
    direction = torch.where(y > 0, rows(6, seed=5), torch.nan)
    (slopes,) = torch.autograd.grad(y, logits, direction)
    assert torch.isfinite(slopes).all() and (slopes[y == 0] == 0).all()
    assert slopes.sum().abs() < 1e-12


def test_gumbel_entmax_at_one_is_gumbel_softmax():
    logits = rows(20, 6, dtype=torch.float32)
    y = sparse.gumbel_entmax(logits, 1.0, 0.5, noise=gumbel.Noise(1))
    torch.testing.assert_close(y, gumbel_softmax(logits, 0.5, noise=gumbel.Noise(1)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0])
def test_samples_have_the_index_of_gumbel_max(alpha):
    logits = rows(200, 6, dtype=torch.float32, masked=[0])
    index = gumbel_max(logits, noise=gumbel.Noise(2))
    soft = sparse.gumbel_entmax(logits, alpha, 0.5, noise=gumbel.Noise(2))
    hard = sparse.straight_through_entmax(logits, alpha, 0.5, noise=gumbel.Noise(2))
    assert torch.equal(soft.argmax(-1), index)
    assert torch.equal(hard, torch.nn.functional.one_hot(index, 6).float())
    if alpha == 2:
        assert torch.equal(soft, sparse.gumbel_sparsemax(logits, 0.5, noise=gumbel.Noise(2)))
        assert torch.equal(hard, sparse.straight_through_sparsemax(logits, 0.5, noise=gumbel.Noise(2)))


def test_samples_follow_the_categories():
    # Chi-square at 1e-4.
    logits, n = torch.tensor([1.0, 0.0, -1.0, 0.5]), 40_000
    hard = sparse.straight_through_entmax(logits.expand(n, 4), noise=gumbel.Noise(3))
    assert stats.chisquare(hard.sum(0).numpy(), logits.double().softmax(-1).numpy() * n).pvalue > 1e-4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_straight_through_has_the_gradient_of_the_soft_sample(dtype):
    logits = rows(5, 6, seed=6, dtype=dtype).requires_grad_()
    alpha = torch.tensor(1.5, requires_grad=True)
    direction = rows(5, 6, seed=7, dtype=dtype)
    pairs = [
        torch.autograd.grad((sample(logits, alpha, 2.0, noise=gumbel.Noise(1)) * direction).sum(), (logits, alpha))
        for sample in (sparse.straight_through_entmax, sparse.gumbel_entmax)
    ]
    assert pairs[0][0].abs().sum() > 0
    for ours, theirs in zip(*pairs, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, F64])
def test_results_equal_those_of_numpy(dtype):
    logits = rows(3, 6, seed=8, dtype=dtype, masked=[1])
    array = logits.numpy() if dtype in (torch.float32, F64) else logits.float().numpy()

    def same(ours, theirs):
        assert ours.dtype == dtype
        assert torch.equal(ours, torch.from_numpy(theirs).to(dtype))

    for alpha in ALPHAS:
        same(sparse.entmax(logits, alpha, 0.7), gumbel.entmax(array, alpha, 0.7))
    same(sparse.sparsemax(logits, 0.7), gumbel.sparsemax(array, 0.7))
    perturbed = array - array.max(-1, keepdims=True) + gumbel.Noise(1).gumbel(array.shape, array.dtype)
    same(sparse.gumbel_entmax(logits, 1.5, 0.7, noise=gumbel.Noise(1)), gumbel.entmax(perturbed, 1.5, 0.7))


def test_noise_is_not_lost_in_a_common_part_of_the_logits():
    # z-score at 4.5: a false alarm in 7e-6 of the cases. Noise that is added at -1e7 gives 0.62.
    hard = sparse.straight_through_entmax(torch.full((20_000, 2), -1e7), noise=gumbel.Noise(4))
    assert (hard[:, 0].mean() - 0.5).abs() < 4.5 * 0.5 / 20_000**0.5


def test_extreme_numbers():
    biggest = torch.finfo(torch.float32).max
    for alpha in ALPHAS:
        assert torch.equal(sparse.entmax(torch.tensor([biggest, -biggest]), alpha), torch.tensor([1.0, 0.0]))
        tiny = sparse.entmax(torch.tensor([0.0, 1.0]), alpha, 1e-30)
        assert torch.equal(tiny, torch.tensor([0.0, 1.0]))
    steep = torch.tensor([0.0, 0.3, 1.0], requires_grad=True)
    sparse.entmax(steep, 700.0)[0].backward()
    assert torch.isfinite(steep.grad).all()


def test_vmap_draws_with_a_key_for_each_example():
    logits, streams = rows(4, 5, seed=9), keys(gumbel.Noise(1), 4)
    sample = torch.vmap(lambda logits, key: sparse.gumbel_entmax(logits, noise=key))
    alone = torch.stack([sparse.gumbel_entmax(x, noise=stream) for x, stream in zip(logits, streams, strict=True)])
    assert torch.equal(sample(logits, streams), alone)
    assert sparse.entmax(torch.zeros(0, 4)).shape == (0, 4)


FAULTS = [
    ("alpha", lambda: sparse.entmax(torch.zeros(2), 0.5), None),
    ("alpha", lambda: sparse.entmax(torch.zeros(2), torch.tensor(torch.nan)), None),
    ("temperature", lambda: sparse.sparsemax(torch.zeros(2), 0.0), None),
    ("temperature", lambda: sparse.gumbel_entmax(torch.zeros(2), 1.5, torch.tensor(-1.0)), None),
    ("logit", lambda: sparse.entmax(torch.tensor([[0.0, 0.0], [torch.inf, 0.0]])), (1, 0)),
    ("logit", lambda: sparse.gumbel_entmax(torch.tensor([[0.0, 0.0], [0.0, torch.inf]])), (1, 1)),
    ("logit", lambda: sparse.straight_through_sparsemax(torch.tensor([0.0, torch.nan])), (1,)),
    ("all_masked", lambda: sparse.gumbel_sparsemax(torch.full((2, 2), -torch.inf)), (0,)),
    ("categories", lambda: sparse.entmax(torch.zeros(2, 0)), None),
]


@pytest.mark.parametrize(("kind", "call", "index"), FAULTS)
def test_errors_say_what_and_where(kind, call, index):
    with pytest.raises(gumbel.Error) as caught:
        call()
    assert caught.value.kind == kind
    if index is not None:
        assert caught.value.index == index


def test_arguments_of_another_type():
    for function in (sparse.entmax, sparse.sparsemax, sparse.gumbel_entmax, sparse.straight_through_entmax):
        for wrong in ([0.0], np.zeros(2), torch.zeros(2, dtype=torch.int64)):
            with pytest.raises(TypeError):
                function(wrong)


OPERATORS = [
    ("entmax", lambda x, a, t: (x, a, t)),
    ("entmax_vjp", lambda x, a, t: (x.detach().softmax(-1).requires_grad_(), x.detach(), a, t)),
    ("entmax_alpha_derivative", lambda x, a, t: (x.detach().softmax(-1).requires_grad_(), a)),
]


@pytest.mark.parametrize(("name", "arguments"), OPERATORS)
def test_operators_are_sound(name, arguments):
    x = rows(2, 5, dtype=torch.float32).requires_grad_()
    packet = getattr(torch.ops.gumbel, name)
    torch.library.opcheck(packet.default, arguments(x, 1.5, 0.5))
    torch.library.opcheck(packet.tensor, arguments(x, torch.tensor([[1.5], [1.2]]), torch.tensor(0.5)))


def test_compiled_code_is_one_graph_and_does_not_recompile_for_a_temperature():
    testing = pytest.importorskip("torch._dynamo.testing")
    stream = key(gumbel.Noise(1))

    def loss(logits, alpha, tau):
        return (sparse.entmax(logits, alpha, tau) * sparse.gumbel_entmax(logits, 1.3, tau, noise=stream)).sum()

    # PyTorch's tracer of gradients ("aot_eager") calls its compiler twice for this graph before it is done.
    counter = testing.CompileCounterWithBackend("eager")
    torch.testing.assert_close(
        torch.compile(loss, fullgraph=True, backend="aot_eager")(rows(2, 5), scalar(1.4), 0.5), loss(rows(2, 5), scalar(1.4), 0.5)
    )
    compiled = torch.compile(loss, fullgraph=True, backend=counter)
    for tau in (0.5, 0.6, 0.7, 0.8):
        ours, theirs = ([rows(2, 5, dtype=torch.float32).requires_grad_(), scalar(1.4)] for _ in range(2))
        compiled(*ours, tau).backward()
        loss(*theirs, tau).backward()
        for mine, yours in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine.grad, yours.grad)
    assert counter.frame_count <= 2
