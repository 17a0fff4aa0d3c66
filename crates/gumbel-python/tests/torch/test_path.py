"""`gumbel.torch.path`: the gradients of the Rust functions, number by number, and the theory of each, by enumeration.

Given the hard sample all but `gumbel_rao` are deterministic, so their mean is a sum over all states, in double precision and
without Monte Carlo.
"""

import doctest
import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel.torch import exact_gradient, measure, one_hot, path

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "estimators.json").read_text())["paths"]
LATENTS, CATEGORIES = 2, 3
LOGITS = torch.tensor([[0.3, -0.5, 0.8], [0.0, 1.0, -1.2]], dtype=torch.float64)
MASKED = -torch.inf

GOLDEN_PATHS = {
    "identity": path.identity,
    "probabilities": lambda logits, hard: path.probabilities(logits, hard, 0.8),
    "reinmax": lambda logits, hard: path.reinmax(logits, hard, 1.3),
    "zgr": path.zgr,
    "gumbel_rao": lambda logits, hard: path.gumbel_rao(logits, hard, 0.5, 4, noise=gumbel.Noise(11)),
    "gapped": lambda logits, hard: path.gapped(logits, hard, 0.8, 1.5),
    "gapped_p": lambda logits, hard: path.gapped(logits, hard, 0.8, "p"),
    "darn": path.darn,
}
ALL = [path.identity, path.probabilities, path.reinmax, path.zgr, path.gumbel_rao, path.gapped]


@pytest.mark.parametrize("kind,name", [(kind, name) for kind in GOLDEN for name in GOLDEN[kind]["gradients"]])
def test_gradients_equal_those_of_rust(kind, name):
    case = GOLDEN[kind]
    shape = (len(case["picks"]), case["k"])
    logits = torch.tensor([MASKED if x is None else x for x in case["logits"]], dtype=torch.float64).reshape(shape)
    hard = torch.nn.functional.one_hot(torch.tensor(case["picks"]), case["k"])
    z = GOLDEN_PATHS[name](logits.requires_grad_(), hard)
    (z * torch.tensor(case["cotangent"], dtype=torch.float64).reshape(shape)).sum().backward()
    np.testing.assert_allclose(logits.grad.flatten(), case["gradients"][name], rtol=1e-11, atol=1e-13)


def states(latents=LATENTS, categories=CATEGORIES):
    index = torch.tensor(list(itertools.product(range(categories), repeat=latents)))
    return torch.nn.functional.one_hot(index, categories).double()


def objective(order):
    """[.., D, K] to [..]: linear, quadratic with interactions of latents, or curved everywhere."""
    numbers = torch.sin((1.0 + torch.arange(200.0, dtype=torch.float64)) ** 2)

    def f(z):
        flat = z.flatten(-2)
        n = flat.shape[-1]
        score = flat @ numbers[:n]
        if order > 1:
            score = score + ((flat @ numbers[100 : 100 + n * n].reshape(n, n)) * flat).sum(-1)
        return score.exp() if order > 2 else score

    return f


def estimates(to_path, f, logits=LOGITS):
    """The estimate at each state [N, D, K]."""
    z = states(*logits.shape)
    leaves = logits.expand_as(z).clone().requires_grad_()
    return torch.autograd.grad(f(to_path(leaves, z)).sum(), leaves)[0]


def bias(to_path, f, logits=LOGITS):
    q = (states(*logits.shape) * logits.log_softmax(-1)).sum((-1, -2)).exp()
    mean = (q[:, None, None] * estimates(to_path, f, logits)).sum(0)
    return float((mean - exact_gradient(logits, f)).norm())


EXACT_UP_TO = [
    (path.identity, 0),
    (path.probabilities, 1),
    (lambda logits, hard: path.probabilities(logits, hard, 0.7), 0),
    (path.reinmax, 2),
    (lambda logits, hard: path.reinmax(logits, hard, 1.3), 0),
    (path.zgr, 2),
    (path.gapped, 0),
    (lambda logits, hard: path.gapped(logits, hard, 1.0, "p"), 0),
]


@pytest.mark.parametrize("to_path,exact", EXACT_UP_TO)
def test_each_is_exact_for_its_class_of_objectives_and_for_no_larger_one(to_path, exact):
    for order in (1, 2, 3):
        found = bias(to_path, objective(order))
        assert found < 1e-10 if order <= exact else found > 1e-3, (order, found)


def test_darn_is_exact_for_quadratics_of_bits_and_the_same_as_zgr():
    bits = torch.tensor([[0.0, 0.7], [0.4, -1.1], [-0.3, 0.2]], dtype=torch.float64)
    assert bias(path.darn, objective(2), bits) < 1e-10
    assert bias(path.darn, objective(3), bits) > 1e-3
    torch.testing.assert_close(estimates(path.darn, objective(3), bits), estimates(path.zgr, objective(3), bits))


def test_reinmax_at_one_is_zgr_and_both_are_the_closed_form():
    f = objective(3)
    b = states().requires_grad_()
    (g,) = torch.autograd.grad(f(b).sum(), b)
    p, b = LOGITS.softmax(-1), b.detach()
    bg, pg = (b * g).sum(-1, keepdim=True), (p * g).sum(-1, keepdim=True)
    form = 0.5 * (p * g + b * bg - p * bg - b * pg)
    torch.testing.assert_close(estimates(path.zgr, f), form)
    torch.testing.assert_close(estimates(path.reinmax, f), form)


def replicates(tau, draws, rows, seed):
    """Estimates by gumbel_rao, or by straight-through Gumbel-Softmax for no draws: [rows, D, K]."""
    noise = gumbel.Noise(seed)
    leaves = LOGITS.expand(rows, LATENTS, CATEGORIES).clone().requires_grad_()
    if draws:
        z = path.gumbel_rao(leaves, one_hot(leaves.detach(), noise=noise), tau, draws, noise=noise)
    else:
        z = gumbel.torch.straight_through(leaves, tau, noise=noise)
    return torch.autograd.grad(objective(3)(z).sum(), leaves)[0]


def test_gumbel_rao_has_the_mean_of_straight_through_gumbel_and_less_variance():
    """12 comparisons at four standard errors: a false alarm in 1300 seeds."""
    rows = 50_000
    plain, one, ten = replicates(0.5, 0, rows, 1), replicates(0.5, 1, rows, 2), replicates(0.5, 10, rows, 3)
    for other in (one, ten):
        z = (plain.mean(0) - other.mean(0)) / ((plain.var(0) + other.var(0)) / rows).sqrt()
        assert float(z.abs().max()) < 4
    plain, one, ten = (float(rows.var(0).sum()) for rows in (plain, one, ten))
    assert abs(one / plain - 1) < 0.05 and ten < 0.8 * one


def test_gumbel_rao_tends_to_zgr_as_the_temperature_falls():
    """6 comparisons at four standard errors: a false alarm in 2600 seeds."""
    rows = 50_000
    cold = replicates(0.02, 1, rows, 4)
    q = (states() * LOGITS.log_softmax(-1)).sum((-1, -2)).exp()
    limit = (q[:, None, None] * estimates(path.zgr, objective(3))).sum(0)
    assert float(((cold.mean(0) - limit) / (cold.var(0) / rows).sqrt()).abs().max()) < 4


def test_the_bias_that_measure_finds_is_the_bias_by_enumeration():
    def zgr(logits, f, noise):
        return f(path.zgr(logits, one_hot(logits.detach(), noise=noise)))

    quadratic = measure(zgr, LOGITS, objective(2), 20_000, noise=gumbel.Noise(5))
    curved = measure(zgr, LOGITS, objective(3), 20_000, noise=gumbel.Noise(5))
    assert abs(quadratic.bias.z) < 4
    assert curved.bias.z > 8 and abs(curved.bias.value - bias(path.zgr, objective(3))) < 4 * curved.bias.se


@pytest.mark.parametrize("to_path", ALL)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_value_is_the_hard_sample_bit_for_bit_and_masks_have_no_gradient(to_path, dtype):
    logits = torch.tensor([[1e4, -80.0, MASKED, 0.1], [0.0, 2.0, 1.0, MASKED]], dtype=dtype, requires_grad=True)
    hard = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    keywords = {"noise": gumbel.Noise(1)} if to_path is path.gumbel_rao else {}
    for tau in (1e-3, 0.5, 1.0, 100.0):
        z = to_path(logits, hard, tau, **keywords)
        assert z.dtype == dtype and torch.equal(z.detach(), hard.to(dtype))
        (gradient,) = torch.autograd.grad((z * torch.arange(8.0).reshape(2, 4).to(dtype)).sum(), logits)
        assert bool(gradient.isfinite().all()) and gradient[0, 2] == gradient[1, 3] == 0


@pytest.mark.parametrize("to_path", [f for f in ALL if f is not path.gumbel_rao])
def test_a_large_common_part_costs_no_digits(to_path):
    hard = torch.tensor([0.0, 1.0, 0.0])
    gradients = []
    for common in (0.0, 2.0**20, 3e38):
        logits = torch.tensor([0.0, 1.0, -2.0]).add(common).sub(common).add(common).requires_grad_()
        (gradient,) = torch.autograd.grad(to_path(logits, hard)[1], logits)
        gradients.append(gradient)
    assert torch.equal(gradients[0], gradients[1])
    # All differences are lost in 3e38, and nothing overflows.
    assert bool(gradients[2].isfinite().all())


def test_shapes_broadcast_and_gradients_are_summed():
    samples = one_hot(LOGITS.expand(5, 2, 3), noise=gumbel.Noise(1))
    logits = LOGITS.clone().requires_grad_()
    z = path.zgr(logits, samples)
    assert z.shape == (5, 2, 3)
    (once,) = torch.autograd.grad(objective(3)(z).sum(), logits)
    leaves = LOGITS.expand(5, 2, 3).clone().requires_grad_()
    (each,) = torch.autograd.grad(objective(3)(path.zgr(leaves, samples)).sum(), leaves)
    torch.testing.assert_close(once, each.sum(0))


@pytest.mark.parametrize("to_path", ALL)
def test_no_rows_and_one_category(to_path):
    keywords = {"noise": gumbel.Noise(1)} if to_path is path.gumbel_rao else {}
    empty = torch.zeros(0, 2, 3, requires_grad=True)
    assert to_path(empty, torch.zeros(0, 2, 3), **keywords).shape == (0, 2, 3)
    one = torch.zeros(4, 1, requires_grad=True)
    to_path(one, torch.ones(4, 1), **keywords).sum().backward()
    assert torch.equal(one.grad, torch.ones(4, 1) if to_path is path.identity else torch.zeros(4, 1))


def test_samples_of_any_type_are_taken_and_none_gets_a_gradient():
    logits = LOGITS.clone().requires_grad_()
    for hard in (states()[5].bool(), states()[5].long(), states()[5].requires_grad_()):
        z = path.zgr(logits, hard)
        assert z.dtype == torch.float64
        z[0, 0].backward()
        assert not isinstance(getattr(hard, "grad", None), torch.Tensor)


ERRORS = [
    ([0.0, 1.0], [1.0, 0.0], 0.0, "temperature", None),
    ([0.0, 1.0], [1.0, 0.0], float("nan"), "temperature", None),
    ([0.0, 1.0], [1.0, 0.0], float("inf"), "temperature", None),
    ([0.0, 1.0], [1.0, 0.0], 1e-60, "temperature", None),
    ([[0.0, 1.0], [float("nan"), 1.0]], [[1.0, 0.0], [1.0, 0.0]], 1.0, "logit", (1, 0)),
    ([0.0, torch.inf], [1.0, 0.0], 1.0, "logit", (1,)),
    ([[0.0, 1.0], [MASKED, MASKED]], [[1.0, 0.0], [1.0, 0.0]], 1.0, "all_masked", (1,)),
    ([0.0, MASKED], [0.0, 1.0], 1.0, "sample", (1,)),
    ([0.0, 1.0], [0.25, 0.75], 1.0, "sample", (0,)),
    ([0.0, 1.0], [1.0, 1.0], 1.0, "sample", ()),
    ([0.0, 1.0], [0.0, 0.0], 1.0, "sample", ()),
    ([0.0, 1.0], [0.0, float("nan")], 1.0, "sample", (1,)),
]


@pytest.mark.parametrize("logits,hard,tau,kind,index", ERRORS)
@pytest.mark.parametrize("to_path", ALL)
def test_data_that_does_not_fit_is_a_typed_error(to_path, logits, hard, tau, kind, index):
    keywords = {"noise": gumbel.Noise(1)} if to_path is path.gumbel_rao else {}
    with pytest.raises(gumbel.Error) as caught:
        to_path(torch.tensor(logits), torch.tensor(hard), tau, **keywords)
    assert (caught.value.kind, caught.value.index) == (kind, index)


def random_rows(number):
    """Logits of any type, common part, spread and mask, a sample of each row, and a temperature."""
    draw = random.Random(number)
    dtype = draw.choice([torch.float16, torch.bfloat16, torch.float32, torch.float64])
    common, spread = draw.choice([0.0, 1.0, 1e4, -1e7, 3e38]), draw.choice([0.1, 5.0, 1e4, 3e38])
    numbers = [[common + spread * draw.uniform(-1, 1) for _ in range(3)] for _ in range(2)]
    largest = torch.finfo(dtype).max
    logits = torch.tensor(numbers, dtype=torch.float64).clamp(-largest, largest).to(dtype)
    if draw.random() < 0.3:
        logits[:, draw.randrange(3)] = MASKED
    return logits, one_hot(logits, noise=gumbel.Noise(number)), draw.choice([1e-42, 1e-38, 1e-3, 1.0, 1e3, 3e38])


@pytest.mark.parametrize("to_path", ALL)
def test_gradients_of_extreme_rows_are_numbers_and_masks_have_none(to_path):
    for number in range(300):
        logits, hard, tau = random_rows(number)
        keywords = {"noise": gumbel.Noise(number)} if to_path is path.gumbel_rao else {}
        leaves = logits.clone().requires_grad_()
        z = to_path(leaves, hard, tau, **keywords)
        assert torch.equal(z.detach(), hard)
        (gradient,) = torch.autograd.grad((z * torch.tensor([1.0, -2.0, 3.0], dtype=logits.dtype)).sum(), leaves)
        assert not bool(gradient.isnan().any()) and not bool(gradient[logits == MASKED].any()), number


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor keeps subnormal numbers")
def test_a_subnormal_temperature_is_a_small_one_also_where_it_would_be_flushed_to_zero():
    logits = torch.tensor([0.0, 0.0, -1.0], requires_grad=True)
    torch.set_flush_denormal(True)
    try:
        path.probabilities(logits, torch.tensor([1.0, 0.0, 0.0]), 1e-42)[0].backward()
    finally:
        torch.set_flush_denormal(False)
    assert not bool(logits.grad.isnan().any()) and logits.grad[0] > 1e30 and logits.grad[2] == 0


def test_the_index_of_an_error_is_the_place_in_the_callers_tensor():
    logits, hard = LOGITS.clone(), states()[:, :1]
    with pytest.raises(gumbel.Error) as caught:
        path.zgr(torch.where(torch.tensor([False, True, False]), MASKED, logits), hard)
    assert (caught.value.kind, caught.value.index) == ("sample", (3, 0, 1))
    logits[1, 2] = torch.nan
    with pytest.raises(gumbel.Error) as caught:
        path.zgr(logits, hard)
    assert (caught.value.kind, caught.value.index) == ("logit", (1, 2))


def test_mistakes_name_what_was_given():
    logits, hard = torch.zeros(2, 3), torch.eye(3)[:2]
    with pytest.raises(ValueError, match=r"got \(2, 3\) for \(4, 3\)"):
        path.zgr(torch.zeros(4, 3), hard)
    with pytest.raises(ValueError, match=r"got \(2, 1\) for \(2, 3\)"):
        path.zgr(logits, torch.ones(2, 1))
    with pytest.raises(TypeError, match="floating-point type, got torch.int64"):
        path.zgr(hard.long(), hard)
    with pytest.raises(TypeError, match="hard must be a tensor, got list"):
        path.zgr(logits, [[1.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="without axes"):
        path.zgr(torch.tensor(0.0), torch.tensor(1.0))
    with pytest.raises(gumbel.Error, match="at least one category"):
        path.zgr(torch.zeros(2, 0), torch.zeros(2, 0))
    with pytest.raises(ValueError, match=r"two categories, got logits of shape \(2, 3\); use zgr"):
        path.darn(logits, hard)
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        path.gumbel_rao(logits, hard, draws=0, noise=gumbel.Noise(1))
    for gap in (-1.0, float("nan"), float("inf"), "q"):
        with pytest.raises(ValueError, match="gap must be a finite number"):
            path.gapped(logits, hard, gap=gap)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
def test_paths_are_traced_and_mapped():
    """By vmap, by jit.trace, and on meta tensors, where values cannot be checked."""
    hard = states()
    leaves = LOGITS.expand_as(hard).clone()
    expected = estimates(path.reinmax, objective(3))

    def loss(logits, hard):
        return objective(3)(path.reinmax(logits, hard))

    torch.testing.assert_close(torch.func.vmap(torch.func.grad(loss))(leaves, hard), expected)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(loss), (None, 0))(LOGITS, hard), expected)
    traced = torch.jit.trace(path.zgr, (leaves, hard))
    assert torch.equal(traced(leaves, hard.flip(0)), hard.flip(0))
    assert path.gapped(leaves.to("meta"), hard.to("meta")).shape == hard.shape


def test_paths_of_fake_tensors_have_shapes():
    with torch._subclasses.FakeTensorMode():
        assert path.reinmax(torch.zeros(4, 3), torch.zeros(4, 3)).shape == (4, 3)


def test_gumbel_rao_takes_a_key_for_each_row_also_under_vmap():
    logits = LOGITS.expand(4, 2, 3).clone()
    hard, keys = one_hot(logits, noise=gumbel.Noise(1)), gumbel.torch.keys(gumbel.Noise(2), 4)

    def gradient(logits, hard, key):
        def loss(logits):
            return objective(3)(path.gumbel_rao(logits, hard, 0.5, 3, noise=key)).sum()

        return torch.func.grad(loss)(logits)

    each = torch.stack([gradient(*row) for row in zip(logits, hard, keys)])
    torch.testing.assert_close(gradient(logits, hard, keys), each)
    torch.testing.assert_close(torch.func.vmap(gradient)(logits, hard, keys), each)
    assert not torch.allclose(each[0] / hard[0].sum(), each[1] / hard[1].sum())


def test_gumbel_rao_obeys_manual_seed():
    logits, hard = LOGITS.clone().requires_grad_(), states()[4]

    def gradient():
        torch.manual_seed(5)
        return torch.autograd.grad(objective(3)(path.gumbel_rao(logits, hard)), logits)[0]

    assert torch.equal(gradient(), gradient())


def test_the_examples_of_the_documentation_run():
    assert doctest.testmod(path).failed == 0 and doctest.testmod(path).attempted > 20


def test_paths_compile_to_one_graph():
    compiled = torch.compile(path.zgr, fullgraph=True, backend="aot_eager")
    hard = states()
    leaves = LOGITS.expand_as(hard).clone().requires_grad_()
    z = compiled(leaves, hard)
    assert torch.equal(z.detach(), hard)
    (gradient,) = torch.autograd.grad(objective(3)(z).sum(), leaves)
    torch.testing.assert_close(gradient, estimates(path.zgr, objective(3)))
