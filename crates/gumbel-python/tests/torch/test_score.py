"""`gumbel.torch.score`: each estimate is unbiased, or biased as its documentation says.

Estimates from independent samples are summed over all tuples of samples, in double precision and without Monte Carlo. Those
from antithetic pairs are integrated: between the breakpoints p and 1 − p of each latent the bits do not change. What is left
is measured, with seeds that are fixed and z-scores.
"""

import doctest
import itertools
import math

import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel.torch import exact_gradient, measure, one_hot, score

LOGITS = torch.tensor([[0.3, -0.5, 0.8], [0.0, 1.0, -1.2]], dtype=torch.float64)
BITS = torch.tensor([[0.3, -0.5], [0.8, 0.0], [1.0, -1.2]], dtype=torch.float64)
WEIGHTS = torch.tensor([1.0, -0.5, 0.2, -1.0, 0.7, 0.4], dtype=torch.float64)


def curved(z):
    return (1.3 * z.flatten(-2) @ WEIGHTS).exp()


def tuples(samples):
    """All tuples of states [S, N, D, K] and their probabilities [N]."""
    states = torch.tensor(list(itertools.product(range(3), repeat=2)))
    index = torch.tensor(list(itertools.product(range(len(states)), repeat=samples)))
    z = torch.nn.functional.one_hot(states[index], 3).double().movedim(1, 0)
    return z, score.log_prob(LOGITS, z).sum((0, -1)).exp()


def mean_over_tuples(surrogate, samples):
    """The mean value and gradient [D, K] of `surrogate(log_prob, values)`."""
    z, q = tuples(samples)
    leaves = LOGITS.expand(len(q), 2, 3).clone().requires_grad_()
    loss = surrogate(score.log_prob(leaves, z).sum(-1), curved(z))
    (gradients,) = torch.autograd.grad(loss.sum(), leaves)
    return (q * loss.detach()).sum(), (q[:, None, None] * gradients).sum(0)


def mean_of_curved():
    z, q = tuples(1)
    return (q * curved(z[0])).sum()


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_score_function_estimates_are_unbiased(samples):
    expected = mean_of_curved(), exact_gradient(LOGITS, curved)
    surrogates = [score.reinforce, lambda log_prob, values: score.reinforce(log_prob, values, 2.5)]
    for surrogate in surrogates + [score.rloo] * (samples > 1):
        torch.testing.assert_close(mean_over_tuples(surrogate, samples), expected)


def test_the_mean_over_the_batch_is_no_baseline():
    """That is `group_relative`, which says so."""
    _, gradient = mean_over_tuples(lambda log_prob, values: score.reinforce(log_prob, values, values.mean(0)), 2)
    torch.testing.assert_close(gradient, exact_gradient(LOGITS, curved) / 2)


@pytest.mark.parametrize("samples", [2, 3])
def test_group_relative_is_biased_by_a_factor_and_normalized_by_more(samples):
    exact = exact_gradient(LOGITS, curved)
    value, gradient = mean_over_tuples(score.group_relative, samples)
    torch.testing.assert_close((value, gradient), (mean_of_curved(), exact * (samples - 1) / samples))
    _, gradient = mean_over_tuples(lambda *given: score.group_relative(*given, normalize=True), samples)
    scale = (gradient * exact).sum() / exact.square().sum()
    assert float((gradient - scale * exact).norm() / exact.norm()) > 0.01


@pytest.mark.parametrize("p,expected", [(0.02, 2.41), (0.2, 1.97), (0.5, 1.74)])
def test_normalizing_weighs_rare_rewards_more(p, expected):
    """The factor for a bit as the reward, against the sum over the numbers of ones in a group of eight."""
    n = 8
    rows = torch.tensor([[1.0] * ones + [0.0] * (n - ones) for ones in range(n + 1)], dtype=torch.float64).T
    q = torch.tensor([math.comb(n, ones) * p**ones * (1 - p) ** (n - ones) for ones in range(n + 1)]).double()
    log_odds = torch.full((n + 1,), math.log(p / (1 - p)), dtype=torch.float64, requires_grad=True)
    log_prob = rows * log_odds - torch.nn.functional.softplus(log_odds)
    loss = score.group_relative(log_prob, rows, normalize=True)
    factor = float((q * torch.autograd.grad(loss.sum(), log_odds)[0]).sum() / (p * (1 - p)))
    spread = sum(float(q[k]) * math.sqrt(k * (n - k) * (n - 1) / n) / n for k in range(n + 1))
    assert factor == pytest.approx(spread / (p * (1 - p)), rel=1e-12)
    assert round(factor, 2) == expected


def bound(values):
    return math.log(len(values)) - (-values).logsumexp(0)


@pytest.mark.parametrize("samples", [2, 3])
def test_vimco_is_unbiased_for_the_bound_and_rloo_of_it_is_not(samples):
    z, q = tuples(samples)
    leaves = LOGITS.clone().requires_grad_()
    mass = score.log_prob(leaves, z).sum((0, -1)).exp()
    expected = (mass * bound(curved(z))).sum()
    (exact,) = torch.autograd.grad(expected, leaves)
    torch.testing.assert_close(mean_over_tuples(score.vimco, samples), (expected.detach(), exact))
    _, gradient = mean_over_tuples(score.rloo, samples)
    assert float((gradient - exact).norm()) > 1e-2


def test_the_gradient_of_the_objectives_own_parameters_is_part_of_the_estimate():
    z, q = tuples(2)
    log_prob = score.log_prob(LOGITS, z).sum(-1)

    def slope(surrogate, exact):
        phi = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
        values = (phi * z.flatten(-2) @ WEIGHTS).exp()
        found, expected = (q * surrogate(log_prob, values)).sum(), (q * exact(values)).sum()
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(*(torch.autograd.grad(loss, phi, retain_graph=True)[0] for loss in (found, expected)))

    for surrogate in (score.reinforce, score.rloo, score.group_relative):
        slope(surrogate, lambda values: values.mean(0))
    slope(score.vimco, bound)


# f at the states 00, 01, 10, 11 of two bits.
TABLE = torch.tensor([0.3, -1.1, 2.0, 0.4], dtype=torch.float64)
LOG_ODDS = torch.tensor([0.7, -1.3], dtype=torch.float64)


def table(bits):
    a, b = bits.unbind(-1)
    f = TABLE
    return f[0] + a * (f[2] - f[0]) + b * (f[1] - f[0]) + a * b * (f[3] - f[2] - f[1] + f[0])


def exact_slope():
    leaves = LOG_ODDS.clone().requires_grad_()
    states = torch.tensor(list(itertools.product([0.0, 1.0], repeat=2)), dtype=torch.float64)
    mass = (states * leaves - torch.nn.functional.softplus(leaves)).sum(-1).exp()
    return torch.autograd.grad((mass * table(states)).sum(), leaves)[0]


def grid():
    """The middle of every piece between the breakpoints of both latents [N, 2], and its measure [N]."""
    pieces = []
    for p in LOG_ODDS.sigmoid().tolist():
        cuts = [0.0, min(p, 1 - p), max(p, 1 - p), 1.0]
        pieces.append([((a + b) / 2, b - a) for a, b in itertools.pairwise(cuts)])
    pairs = list(itertools.product(*pieces))
    return torch.tensor([[u, v] for (u, _), (v, _) in pairs]).double(), torch.tensor([a * b for (_, a), (_, b) in pairs]).double()


def test_disarm_is_unbiased():
    uniform, mass = grid()
    leaves = LOG_ODDS.expand(len(mass), 2).clone().requires_grad_()
    bits, twins = score.antithetic_pair(leaves, uniform[None])
    for marginal in (bits, twins):
        torch.testing.assert_close((mass[:, None] * marginal[0]).sum(0), LOG_ODDS.sigmoid())
    loss = score.disarm(leaves, bits, twins, table(bits), table(twins))
    (gradients,) = torch.autograd.grad(loss.sum(), leaves)
    torch.testing.assert_close((mass[:, None] * gradients).sum(0), exact_slope())
    states = torch.tensor(list(itertools.product([0.0, 1.0], repeat=2)), dtype=torch.float64)
    q = (states * LOG_ODDS - torch.nn.functional.softplus(LOG_ODDS)).sum(-1).exp()
    torch.testing.assert_close((mass * loss.detach()).sum(), (q * table(states)).sum())


def test_arms_of_two_samples_is_disarm():
    exponential = torch.from_numpy(gumbel.Noise(1).exponential((2, 50, 2))).double()
    leaves = LOG_ODDS.expand(50, 2).clone().requires_grad_()
    bits = score.antithetic_samples(leaves, exponential)
    arms = score.arms(leaves, bits, table(bits))
    disarm = score.disarm(leaves, bits[:1], bits[1:], table(bits)[:1], table(bits)[1:])
    torch.testing.assert_close(arms, disarm)
    gradients = [torch.autograd.grad(loss.sum(), leaves)[0] for loss in (arms, disarm)]
    torch.testing.assert_close(*gradients)


def rloo(logits, f, noise):
    z = one_hot(logits.detach().expand(3, *logits.shape), noise=noise)
    return score.rloo(score.log_prob(logits, z).sum(-1), f(z))


def group_relative(normalize):
    def estimate(logits, f, noise):
        z = one_hot(logits.detach().expand(3, *logits.shape), noise=noise)
        return score.group_relative(score.log_prob(logits, z).sum(-1), f(z), normalize)

    return estimate


def reinforce(logits, f, noise):
    z = one_hot(logits.detach(), noise=noise)
    return score.reinforce(score.log_prob(logits, z).sum(-1)[None], f(z)[None], baseline=2.0)


def of_bits(f, bits):
    return f(torch.stack([1 - bits, bits], -1))


def disarm(logits, f, noise):
    log_odds = logits[..., 1] - logits[..., 0]
    bits, twins = score.antithetic_pair(log_odds, torch.from_numpy(noise.uniform((2, *log_odds.shape))))
    return score.disarm(log_odds, bits, twins, of_bits(f, bits), of_bits(f, twins))


def arms(samples):
    def estimate(logits, f, noise):
        log_odds = logits[..., 1] - logits[..., 0]
        exponential = torch.from_numpy(noise.exponential((samples, *log_odds.shape)))
        bits = score.antithetic_samples(log_odds, exponential)
        return score.arms(log_odds, bits, of_bits(f, bits))

    return estimate


MEASURED = [(LOGITS, reinforce), (LOGITS, rloo), (BITS, rloo), (BITS, disarm), (BITS, arms(3)), (BITS, arms(7))]


@pytest.mark.parametrize("logits,estimate", MEASURED)
def test_measured_estimates_are_unbiased(logits, estimate):
    """Six z-scores at 4: a false alarm in 2600 seeds."""
    assert abs(measure(estimate, logits, curved, 50_000, noise=gumbel.Noise(3)).bias.z) < 4


@pytest.mark.parametrize("normalize", [False, True])
def test_measured_group_relative_estimates_are_biased(normalize):
    assert measure(group_relative(normalize), LOGITS, curved, 50_000, noise=gumbel.Noise(3)).bias.z > 8


def test_antithetic_samples_are_bernoulli_and_each_pair_meets_as_the_weight_says():
    """15 frequencies at four standard errors: a false alarm in 1000 seeds."""
    rows, log_odds = 100_000, torch.tensor([-3.0, -0.4, 0.0, 0.9, 5.0])
    bits = score.antithetic_samples(log_odds, torch.from_numpy(gumbel.Noise(2).exponential((4, rows, 5))))
    p, t = log_odds.sigmoid(), (-log_odds.abs()).sigmoid()
    rarer = (bits == (log_odds <= 0)).double()
    meet = (2 * t.double() ** (1 / 3) - 1).clamp_min(0) ** 3
    for found, expected in ((bits[0].double(), p), (bits[3].double(), p), (rarer[1] * rarer[2], meet)):
        error = (expected * (1 - expected) / rows).sqrt().clamp_min(1e-12)
        assert float(((found.mean(0) - expected) / error).abs().max()) < 4


def test_a_constant_objective_has_no_gradient_at_all():
    # The mean of seven times 0.1 rounds to another number.
    log_prob = torch.randn(7, 10, requires_grad=True)
    values = torch.full((7, 10), 0.1)
    assert values.mean(0)[0] != values[0, 0]
    for surrogate in (score.rloo, score.group_relative, lambda *given: score.group_relative(*given, normalize=True)):
        (gradient,) = torch.autograd.grad(surrogate(log_prob, values).sum(), log_prob)
        assert torch.equal(gradient, torch.zeros(7, 10))
    log_odds = torch.randn(10, 3, requires_grad=True)
    bits, twins = score.antithetic_pair(log_odds, torch.rand(7, 10, 3))
    for loss in (score.disarm(log_odds, bits, twins, values, values), score.arms(log_odds, bits, values)):
        (gradient,) = torch.autograd.grad(loss.sum(), log_odds)
        assert torch.equal(gradient, torch.zeros(10, 3))


def test_masked_categories_and_certain_bits_have_a_gradient_of_zero():
    logits = torch.tensor([[0.0, -torch.inf, 1.0]], requires_grad=True)
    log_prob = score.log_prob(logits, torch.tensor([[0.0, 0.0, 1.0]]))
    (gradient,) = torch.autograd.grad(log_prob.sum(), logits)
    torch.testing.assert_close(gradient, torch.tensor([[-0.2689, 0.0, 0.2689]]), atol=1e-4, rtol=0)
    log_odds = torch.tensor([torch.inf, -torch.inf, 0.5], requires_grad=True)
    bits, twins = score.antithetic_pair(log_odds, torch.rand(5, 3))
    assert bool((bits[:, :2] == torch.tensor([1.0, 0.0])).all() and (twins[:, :2] == torch.tensor([1.0, 0.0])).all())
    samples = score.antithetic_samples(log_odds, -torch.rand(5, 3).log())
    assert bool((samples[:, :2] == torch.tensor([1.0, 0.0])).all())
    values, others = torch.arange(5.0), torch.zeros(5)
    for loss in (score.disarm(log_odds, bits, twins, values, others), score.arms(log_odds, samples, values)):
        assert math.isfinite(loss.item())
        (gradient,) = torch.autograd.grad(loss, log_odds)
        assert bool(gradient.isfinite().all()) and bool((gradient[:2] == 0).all())


def test_signals_of_extreme_values_are_finite():
    losses = torch.tensor([[1e30, -1e4], [0.0, 1e4], [-1e30, 0.0]])
    for signal in (score.leave_one_out(losses), score.mean_centred(losses), score.vimco_signal(losses)):
        assert signal.shape == losses.shape and bool(signal.isfinite().all())


def test_mistakes_name_what_was_given():
    one, two = torch.zeros(1, 3), torch.zeros(2, 3)
    for function in (score.rloo, score.vimco, score.group_relative):
        with pytest.raises(ValueError, match=r"at least 2 samples on the first axis, got shape \(1, 3\)"):
            function(one, one)
    with pytest.raises(ValueError, match=r"same shape, got \(2, 3\) and \(2, 1\)"):
        score.rloo(two, two[:, :1])
    with pytest.raises(ValueError, match=r"same shape, got \(2, 3\) and \(2,\)"):
        score.vimco(two, two[:, 0])
    with pytest.raises(TypeError, match="values must be of a floating-point type, got torch.int64"):
        score.rloo(two, two.long())
    with pytest.raises(TypeError, match="values must be a tensor, got list"):
        score.leave_one_out([1.0, 2.0])
    for number in (math.nan, math.inf):
        with pytest.raises(ValueError, match=f"values must be finite, got {number}"):
            score.rloo(two, torch.tensor([[0.0, number, 0.0], [0.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match=r"bits and log_odds must have the shapes .* got \(2, 4\) and \(3,\)"):
        score.arms(torch.zeros(3), torch.zeros(2, 4), torch.zeros(2))
    with pytest.raises(ValueError, match=r"values and bits must have the shapes .* got \(3,\) and \(2, 4\)"):
        score.arms(torch.zeros(4), torch.zeros(2, 4), torch.zeros(3))
    with pytest.raises(ValueError, match=r"uniform and log_odds must have the shapes .* got \(2,\) and \(2,\)"):
        score.antithetic_pair(torch.zeros(2), torch.rand(2))
    for baseline in (torch.zeros(2), torch.zeros(4, 2, 3)):
        with pytest.raises(ValueError, match=r"broadcast to the shape of the values, \(2, 3\), got"):
            score.reinforce(two, two, baseline)
    with pytest.raises(ValueError, match="signal must be finite, got nan"):
        score.reinforce(two, two, math.nan)
    with pytest.raises(gumbel.Error) as caught:
        score.antithetic_pair(torch.tensor([0.0, math.nan]), torch.rand(1, 2))
    assert (caught.value.kind, caught.value.index) == ("log_odds", (1,))


def test_baselines_broadcast_and_get_no_gradient():
    log_prob, values = torch.randn(2, 3, requires_grad=True), torch.rand(2, 3)
    by_row = torch.tensor([0.1, 0.2, 0.3], requires_grad=True)
    (gradient,) = torch.autograd.grad(score.reinforce(log_prob, values, by_row).sum(), log_prob)
    torch.testing.assert_close(gradient, (values - by_row.detach()) / 2)
    assert not score.reinforce(log_prob.detach(), values, by_row).requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    """Rounded once, at the end: the gradients are those of single precision within half a step of the type."""
    log_odds = torch.tensor([9.25, -0.5, 3.0], dtype=dtype, requires_grad=True)
    single = log_odds.detach().float().requires_grad_()
    uniform = torch.tensor([[1e-5, 0.9, 0.02], [0.3, 0.2, 0.5]])
    exponential = torch.tensor([[1e-5, 0.9, 0.2], [0.3, 0.2, 2.0], [1.0, 1.5, 0.1]])
    values, others = torch.tensor([1000.0, 7.5, 3.25], dtype=dtype), torch.tensor([999.5, 1.0], dtype=dtype)

    def gradients(leaves, values, others):
        bits, twins = score.antithetic_pair(leaves, uniform.to(dtype))
        samples = score.antithetic_samples(leaves, exponential.to(dtype))
        losses = score.disarm(leaves, bits, twins, values[:2], others), score.arms(leaves, samples, values)
        log_prob = leaves.unsqueeze(-1)
        losses += (score.rloo(log_prob, values.unsqueeze(-1)).sum(), score.vimco(log_prob, values.unsqueeze(-1)).sum())
        assert all(loss.dtype == leaves.dtype for loss in losses)
        return [torch.autograd.grad(loss, leaves)[0] for loss in losses]

    for half, full in zip(gradients(log_odds, values, others), gradients(single, values.float(), others.float())):
        torch.testing.assert_close(half.float(), full, rtol=torch.finfo(dtype).eps, atol=1e-7)


def test_the_examples_of_the_documentation_run():
    for module in (score, gumbel.torch._antithetic):
        assert doctest.testmod(module).failed == 0 and doctest.testmod(module).attempted > 10


def test_surrogates_compile():
    compiled = torch.compile(score.rloo, fullgraph=True, backend="aot_eager")
    log_prob, values = torch.randn(3, 4, requires_grad=True), torch.rand(3, 4)
    gradients = [torch.autograd.grad(rloo(log_prob, values).sum(), log_prob)[0] for rloo in (compiled, score.rloo)]
    torch.testing.assert_close(*gradients)
