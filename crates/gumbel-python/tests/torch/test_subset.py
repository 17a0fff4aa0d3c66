"""Subsets: against enumeration, derivatives, laws, and equality with the NumPy functions."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")

import gumbel
from gumbel.torch import key, keys, subset, top_k

F64 = torch.float64
SIZES = [(1, 1), (3, 2), (5, 3), (6, 1), (6, 4), (6, 6)]


def rows(*shape, seed=0, dtype=F64, masked=()):
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64) * 2
    logits[..., list(masked)] = -torch.inf
    return logits.to(dtype)


def states(width, k):
    """Every k-hot row."""
    chosen = list(itertools.combinations(range(width), k))
    hot = torch.zeros(len(chosen), width, dtype=F64)
    for row, members in zip(hot, chosen, strict=True):
        row[list(members)] = 1
    return hot


def weights(logits, k):
    """The logarithm of the weight of every subset, and the subsets."""
    z = states(logits.shape[-1], k)
    return (z * torch.where(z == 1, logits.unsqueeze(-2), 0)).sum(-1), z


@pytest.mark.parametrize(
    ("width", "k", "masked"), [(*size, mask) for size in SIZES for mask in ((), (0,)) if size[1] <= size[0] - len(mask)]
)
def test_functions_equal_enumeration(width, k, masked):
    logits, other = rows(2, width, masked=masked), rows(2, width, seed=1, masked=masked)
    log_weights, z = weights(logits, k)
    total = log_weights.logsumexp(-1)
    p = (log_weights - total.unsqueeze(-1)).exp()
    torch.testing.assert_close(subset.log_partition(logits, k), total)
    torch.testing.assert_close(subset.marginals(logits, k), p @ z)
    torch.testing.assert_close(subset.entropy(logits, k), -torch.xlogy(p, p).sum(-1))
    log_prob = subset.log_prob(logits.unsqueeze(-2), k, z)
    torch.testing.assert_close(log_prob, log_weights - total.unsqueeze(-1))
    others = weights(other, k)[0].log_softmax(-1)
    gaps = torch.where(p > 0, log_prob - others, 0)
    torch.testing.assert_close(subset.kl(logits, other, k), (p * gaps).sum(-1))


@pytest.mark.parametrize(("width", "k"), SIZES)
def test_the_gradient_of_marginals_is_the_covariance(width, k):
    logits = rows(width, seed=2)
    log_weights, z = weights(logits, k)
    p = log_weights.softmax(-1)
    mean = p @ z
    covariance = (z.T * p) @ z - torch.outer(mean, mean)
    jacobian = torch.autograd.functional.jacobian(lambda logits: subset.marginals(logits, k), logits)
    torch.testing.assert_close(jacobian, covariance, atol=1e-12, rtol=0)
    forward = torch.func.jacfwd(lambda logits: subset.marginals(logits, k))(logits)
    torch.testing.assert_close(forward, covariance, atol=1e-12, rtol=0)
    hessian = torch.func.hessian(lambda logits: subset.log_partition(logits, k))(logits)
    torch.testing.assert_close(hessian, covariance, atol=1e-12, rtol=0)


OTHER = rows(2, 5, seed=13)
FUNCTIONS = {
    "marginals": lambda logits: subset.marginals(logits, 2),
    "entropy": lambda logits: subset.entropy(logits, 2),
    "kl": lambda logits: subset.kl(logits, OTHER, 2),
    "relaxed_top_k": lambda logits: subset.relaxed_top_k(logits, 2, 0.7, noise=key(gumbel.Noise(1))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients(name):
    logits = rows(2, 5, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(FUNCTIONS[name], logits, check_batched_grad=True)
    masked = rows(2, 5, seed=3, masked=[1]).requires_grad_()
    FUNCTIONS[name](masked).square().sum().backward()
    assert torch.isfinite(masked.grad).all()
    assert (masked.grad[:, 1] == 0).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_second_derivative_without_a_closed_form_raises(name):
    logits = rows(2, 5, seed=3).requires_grad_()
    (slopes,) = torch.autograd.grad(FUNCTIONS[name](logits).square().sum(), logits, create_graph=True)
    with pytest.raises(RuntimeError, match="once differentiable"):
        torch.autograd.grad(slopes.sum(), logits)
    if name != "relaxed_top_k":  # Which has no forward mode.
        with pytest.raises(RuntimeError, match="once differentiable"):
            torch.func.hessian(lambda logits: FUNCTIONS[name](logits).square().sum())(logits.detach())


def test_log_prob_is_twice_differentiable():
    logits = rows(2, 5, seed=4).requires_grad_()
    z = subset.k_hot(logits, 2, noise=gumbel.Noise(1))
    assert torch.autograd.gradcheck(lambda logits: subset.log_prob(logits, 2, z), logits)
    assert torch.autograd.gradgradcheck(lambda logits: subset.log_prob(logits, 2, z), logits)


def test_log_prob_is_minus_infinity_off_the_support():
    logits = rows(4, seed=5, masked=[3]).requires_grad_()
    z = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [2, 0, 0, 0], [0.5, 0.5, 1, 0], [torch.nan] * 4])
    log_prob = subset.log_prob(logits, 2, z)
    assert torch.isfinite(log_prob).tolist() == [True] + [False] * 6
    assert not log_prob.isnan().any()
    (slopes,) = torch.autograd.grad(log_prob[1:].sum(), logits)
    assert (slopes == 0).all()


def test_kl_is_infinite_where_the_second_masks_more():
    q, p = torch.zeros(3), torch.tensor([0.0, 0.0, -torch.inf])
    assert subset.kl(q, p, 2) == torch.inf
    assert subset.kl(p, q, 2) == pytest.approx(np.log(3))
    near = torch.tensor([1e-4, 0.0, 0.0])
    assert 0 <= subset.kl(near, q, 2) < 1e-8


def test_straight_through_has_the_gradient_of_the_marginals():
    logits = rows(3, 6, seed=6, dtype=torch.float32).requires_grad_()
    direction = rows(3, 6, seed=7, dtype=torch.float32)
    z = subset.straight_through(logits, 3, noise=gumbel.Noise(1))
    assert torch.equal(z, subset.k_hot(logits, 3, noise=gumbel.Noise(1)))
    assert ((z == 0) | (z == 1)).all() and (z.sum(-1) == 3).all()
    (actual,) = torch.autograd.grad((z * direction).sum(), logits)
    (expected,) = torch.autograd.grad((subset.marginals(logits, 3) * direction).sum(), logits)
    assert torch.equal(actual, expected)


def test_straight_through_top_k_has_the_gradient_of_the_relaxed_sample():
    logits = rows(3, 6, seed=6, dtype=torch.float32).requires_grad_()
    z = subset.straight_through_top_k(logits, 3, 0.5, noise=gumbel.Noise(1))
    assert torch.equal(z, subset.top_k_hot(logits, 3, noise=gumbel.Noise(1)))
    soft = subset.relaxed_top_k(logits, 3, 0.5, noise=gumbel.Noise(1))
    direction = rows(3, 6, seed=7, dtype=torch.float32)
    slopes = [torch.autograd.grad((sample * direction).sum(), logits)[0] for sample in (z, soft)]
    assert torch.equal(*slopes)


def test_the_relaxed_top_k_tends_to_the_hard_one():
    logits = rows(50, 6, seed=8)
    hard = subset.top_k_hot(logits, 3, noise=gumbel.Noise(2))
    order = top_k(logits, 3, noise=gumbel.Noise(2))
    assert torch.equal(hard, torch.zeros_like(logits).scatter(-1, order, 1.0))
    soft = subset.relaxed_top_k(logits, 3, 1e-4, noise=gumbel.Noise(2))
    torch.testing.assert_close(soft, hard, atol=1e-6, rtol=0)
    torch.testing.assert_close(subset.relaxed_top_k(logits, 3, 2.0).sum(-1), torch.full((50,), 3.0, dtype=F64))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_samples_follow_the_exponential_family(k):
    # Chi-square over all subsets; three tests at 1e-4.
    logits = rows(5, seed=9)
    z = subset.k_hot(logits.expand(40_000, 5), k, noise=gumbel.Noise(k))
    codes = (z @ (2.0 ** torch.arange(5, dtype=F64))).long()
    log_weights, every = weights(logits, k)
    places = (every @ (2.0 ** torch.arange(5, dtype=F64))).long()
    counts = torch.bincount(codes, minlength=32)[places].numpy()
    assert counts.sum() == 40_000
    assert stats.chisquare(counts, log_weights.softmax(-1).numpy() * 40_000).pvalue > 1e-4


def test_the_two_families_have_different_inclusion_probabilities():
    # z-scores of 5 frequencies at 4.5: a false alarm in 3e-5 of the cases.
    logits, n = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5], dtype=F64), 40_000
    p = logits.softmax(-1)
    first_then = [p[i] * p[j] / (1 - p[i]) for i in range(5) for j in range(5) if i != j]
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    inclusion = torch.zeros(5, dtype=F64)
    for probability, pair in zip(first_then, pairs, strict=True):
        inclusion[list(pair)] += probability
    z = subset.top_k_hot(logits.expand(n, 5), 2, noise=gumbel.Noise(4)).mean(0)
    error = (inclusion * (1 - inclusion) / n).sqrt()
    assert ((z - inclusion).abs() < 4.5 * error).all()
    assert ((subset.marginals(logits, 2) - inclusion).abs() > 4.5 * error).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, F64])
def test_results_equal_those_of_numpy(dtype):
    logits = rows(2, 3, 6, seed=10, dtype=dtype, masked=[2])
    array = logits.numpy() if dtype in (torch.float32, F64) else logits.float().numpy()

    def same(ours, theirs):
        assert ours.dtype == dtype
        assert torch.equal(ours, torch.from_numpy(np.asarray(theirs)).to(dtype))

    same(subset.log_partition(logits, 2), gumbel.subset_log_partition(array, 2))
    same(subset.marginals(logits, 2), gumbel.subset_marginals(array, 2))
    same(
        subset.relaxed_top_k(logits, 2, 0.5, noise=gumbel.Noise(1)),
        gumbel.relaxed_top_k(array, 2, 0.5, noise=gumbel.Noise(1)),
    )
    members = gumbel.sample_subset(array, 2, noise=gumbel.Noise(1))
    hot = np.zeros_like(array)
    np.put_along_axis(hot, members, 1, -1)
    same(subset.k_hot(logits, 2, noise=gumbel.Noise(1)), hot)


def test_a_common_part_of_the_logits_does_not_matter():
    logits = torch.tensor([1.0, 2.0, 4.0])
    z = torch.tensor([0.0, 1.0, 1.0])
    for shift in (1e4, -1e6):
        torch.testing.assert_close(subset.log_prob(logits + shift, 2, z), subset.log_prob(logits, 2, z), atol=0.1, rtol=0)
        torch.testing.assert_close(subset.entropy(torch.zeros(5) + shift, 2), torch.tensor(10.0).log())


def test_layouts():
    logits = rows(6, 4, seed=11, dtype=torch.float32)
    for view in (logits.T.contiguous().T, logits.unsqueeze(1).expand(6, 3, 4)):
        for function in (lambda x: subset.marginals(x, 2), lambda x: subset.k_hot(x, 2, noise=gumbel.Noise(1))):
            assert torch.equal(function(view), function(view.contiguous()))
            assert function(view).is_contiguous()
    assert subset.marginals(torch.zeros(0, 4), 2).shape == (0, 4)
    assert subset.log_partition(torch.zeros(0, 4), 2).shape == (0,)
    assert subset.k_hot(torch.zeros(0, 4), 2).shape == (0, 4)


def test_noise():
    logits = rows(3, 5)
    noise = gumbel.Noise(7)
    for function in (lambda noise: subset.k_hot(logits, 2, noise=noise), lambda noise: subset.relaxed_top_k(logits, 2, 1.0, noise=noise)):
        start = noise.parts[2]
        first = function(noise)
        assert noise.parts[2] == start + 15
        assert torch.equal(first, function(key(gumbel.Noise.from_parts(7, 0, start))))
        torch.manual_seed(3)
        again = function(None)
        torch.manual_seed(3)
        assert torch.equal(again, function(None))


def test_vmap_draws_with_a_key_for_each_example():
    logits = rows(4, 2, 5, seed=12)
    streams = keys(gumbel.Noise(1), 4)
    for function in (
        lambda logits, key: subset.k_hot(logits, 2, noise=key),
        lambda logits, key: subset.top_k_hot(logits, 2, noise=key),
        lambda logits, key: subset.relaxed_top_k(logits, 2, 0.5, noise=key),
    ):
        alone = torch.stack([function(*example) for example in zip(logits, streams, strict=True)])
        assert torch.equal(torch.vmap(function)(logits, streams), alone)
    slopes = torch.vmap(torch.func.grad(lambda logits: subset.marginals(logits, 2)[0, 0]))(logits)
    alone = torch.stack([torch.func.grad(lambda logits: subset.marginals(logits, 2)[0, 0])(example) for example in logits])
    assert torch.equal(slopes, alone)


FAULTS = [
    ("empty_subset", lambda: subset.marginals(torch.zeros(2, 3), 0), None),
    ("empty_subset", lambda: subset.top_k_hot(torch.zeros(2, 3), 0), None),
    ("too_few", lambda: subset.marginals(torch.tensor([[0.0, 0.0], [0.0, -torch.inf]]), 2), (1,)),
    ("too_few", lambda: subset.top_k_hot(torch.zeros(2, 3), 4), (0,)),
    ("logit", lambda: subset.k_hot(torch.tensor([[0.0, 0.0], [0.0, torch.nan]]), 1), (1, 1)),
    ("logit", lambda: subset.log_prob(torch.tensor([0.0, torch.inf]), 1, torch.tensor([0.0, 1.0])), (1,)),
    ("all_masked", lambda: subset.entropy(torch.full((2, 2), -torch.inf), 1), (0,)),
    ("temperature", lambda: subset.relaxed_top_k(torch.zeros(3), 2, 0.0), None),
    ("temperature", lambda: subset.straight_through_top_k(torch.zeros(3), 2, torch.tensor(-1.0)), None),
    ("categories", lambda: subset.marginals(torch.zeros(2, 0), 1), None),
    # The place is that in all of the logits also where each row has a key of its own.
    ("logit", lambda: subset.k_hot(torch.tensor([[0.0, 0.0], [torch.nan, 0.0]]), 1, noise=keys(gumbel.Noise(1), 2)), (1, 0)),
]


@pytest.mark.parametrize(("kind", "call", "index"), FAULTS)
def test_errors_say_what_and_where(kind, call, index):
    with pytest.raises(gumbel.Error) as caught:
        call()
    assert caught.value.kind == kind
    if index is not None:
        assert caught.value.index == index


def test_arguments_of_another_type():
    for wrong in ([0.0, 0.0], torch.zeros(3, dtype=torch.int64), torch.zeros(3).to_sparse()):
        for function in (subset.marginals, subset.k_hot, subset.log_partition, subset.top_k_hot, subset.entropy):
            with pytest.raises(TypeError):
                function(wrong, 1)
    with pytest.raises(ValueError, match="no gradient in tau"):
        subset.relaxed_top_k(torch.zeros(3), 2, torch.tensor(1.0, requires_grad=True))
    with pytest.raises(ValueError, match="one element"):
        subset.relaxed_top_k(torch.zeros(3), 2, torch.ones(2))


OPERATORS = [
    ("subset_log_partition", lambda x, d, k, t: (x, 2)),
    ("subset_marginals", lambda x, d, k, t: (x, 2)),
    ("subset_marginals_vjp", lambda x, d, k, t: (x, d, 2)),
    ("sample_subset", lambda x, d, k, t: (x, k, 2)),
    ("top_k_hot", lambda x, d, k, t: (x, k, 2)),
    ("relaxed_top_k", lambda x, d, k, t: (x, k, 2, t)),
    ("relaxed_top_k_vjp", lambda x, d, k, t: (x, d, k, 2, t)),
]


@pytest.mark.parametrize(("name", "arguments"), OPERATORS)
def test_operators_are_sound(name, arguments):
    x, d = rows(2, 5, dtype=torch.float32).requires_grad_(), rows(2, 5, seed=1, dtype=torch.float32)
    packet = getattr(torch.ops.gumbel, name)
    torch.library.opcheck(packet.default, arguments(x, d, key(gumbel.Noise(1)), 0.5))
    if "tensor" in packet.overloads():
        torch.library.opcheck(packet.tensor, arguments(x, d, key(gumbel.Noise(1)), torch.tensor(0.5)))


def test_compiled_code_is_one_graph_and_does_not_recompile_for_a_temperature():
    testing = pytest.importorskip("torch._dynamo.testing")
    stream = key(gumbel.Noise(1))

    def loss(logits, tau):
        soft = subset.relaxed_top_k(logits, 2, tau, noise=stream)
        hard = subset.straight_through(logits, 2, noise=stream)
        return (soft * hard).sum() + subset.entropy(logits, 2).sum() + subset.log_prob(logits, 2, hard.detach()).sum()

    counter = testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(loss, fullgraph=True, backend=counter)
    for tau in (0.5, 0.6, 0.7, 0.8):
        ours, theirs = (rows(2, 5, dtype=torch.float32).requires_grad_() for _ in range(2))
        compiled(ours, tau).backward()
        loss(theirs, tau).backward()
        torch.testing.assert_close(ours.grad, theirs.grad)
    assert counter.frame_count <= 2
