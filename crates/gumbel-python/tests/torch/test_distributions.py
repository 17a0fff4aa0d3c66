"""The relaxed distributions: against PyTorch's own and quadrature, at the edges where those fail, laws, and their protocols."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")

import gumbel
import torch.distributions as theirs
from gumbel.torch import distributions as ours
from gumbel.torch import gumbel_max, gumbel_softmax, key, keys, log_gumbel_softmax
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
from torch.distributions.relaxed_categorical import ExpRelaxedCategorical

F64 = torch.float64
NAMES = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical", "LogitRelaxedBernoulli", "RelaxedBernoulli"]
STRAIGHT = ["RelaxedOneHotCategoricalStraightThrough", "RelaxedBernoulliStraightThrough"]
PARENTS = {
    "ExpRelaxedCategorical": ExpRelaxedCategorical,
    "RelaxedOneHotCategorical": theirs.RelaxedOneHotCategorical,
    "LogitRelaxedBernoulli": LogitRelaxedBernoulli,
    "RelaxedBernoulli": theirs.RelaxedBernoulli,
    "RelaxedOneHotCategoricalStraightThrough": theirs.RelaxedOneHotCategorical,
    "RelaxedBernoulliStraightThrough": theirs.RelaxedBernoulli,
}


def make(name, *arguments, **parameters):
    return getattr(ours, name)(*arguments, **parameters)


def rows(*shape, seed=0, dtype=F64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64).to(dtype)


def number(value, dtype=F64):
    return torch.tensor(value, dtype=dtype, requires_grad=True)


# What they are.


@pytest.mark.parametrize("name", NAMES + STRAIGHT)
def test_subclasses(name):
    d = make(name, 0.5, logits=rows(2, 3))
    assert isinstance(d, PARENTS[name]) and d.has_rsample
    assert getattr(ours, name).__doc__ and repr(d).startswith(name)
    assert torch.equal(torch.as_tensor(d.temperature), torch.tensor(0.5, dtype=F64))
    assert d.arg_constraints["temperature"].check(torch.tensor([1.0, 0.0, -1.0, torch.inf, torch.nan])).tolist() == [True] + [False] * 4
    moved = theirs.transform_to(d.arg_constraints["temperature"])(torch.tensor(-2.0))
    assert moved > 0


@pytest.mark.parametrize("name", NAMES + STRAIGHT)
def test_pickles_and_copies(name):
    d = make(name, torch.tensor(0.5), logits=rows(2, 3))
    d.probs  # Which the instance then holds.
    for again in (pickle.loads(pickle.dumps(d)), copy.deepcopy(d), copy.copy(d)):
        assert type(again) is type(d)
        assert torch.equal(again.rsample(noise=gumbel.Noise(1)), d.rsample(noise=gumbel.Noise(1)))
        assert again.batch_shape == d.batch_shape


@pytest.mark.parametrize("name", NAMES + STRAIGHT)
@pytest.mark.parametrize("parameter", ["probs", "logits"])
def test_expand(name, parameter):
    d = make(name, torch.tensor([[0.5], [0.7]], dtype=F64), **{parameter: rows(2, 3).softmax(-1)})
    wide = d.expand((4, *d.batch_shape))
    assert type(wide) is type(d) and wide.batch_shape == (4, *d.batch_shape)
    x = wide.rsample((5,), noise=gumbel.Noise(1))
    assert x.shape == (5, 4, *d.batch_shape, *d.event_shape)
    assert torch.equal(wide.log_prob(x), d.log_prob(x))
    assert torch.equal(wide.logits, d.logits.expand(wide.logits.shape))
    assert wide.probs.shape == wide.logits.shape == (4, 2, 3)
    with pytest.raises(RuntimeError):
        d.expand((4, 3, *d.batch_shape[1:]))

    class Mine(type(d)):
        pass

    assert type(Mine(0.5, logits=rows(3)).expand((2, *Mine(0.5, logits=rows(3)).batch_shape))) is Mine


def test_independent_and_kl_registry():
    d = theirs.Independent(ours.RelaxedBernoulli(0.5, logits=rows(2, 3)), 1)
    assert d.log_prob(d.rsample()).shape == (2,)
    with pytest.raises(NotImplementedError):
        theirs.kl_divergence(*[ours.RelaxedOneHotCategorical(0.5, logits=rows(2, 3))] * 2)
    registry = torch.distributions.kl._KL_REGISTRY
    pair = theirs.RelaxedOneHotCategorical, theirs.RelaxedOneHotCategorical
    theirs.register_kl(*pair)(lambda p, q: torch.zeros(p.batch_shape))
    try:
        assert theirs.kl_divergence(*[ours.RelaxedOneHotCategorical(0.5, logits=rows(2, 3))] * 2).shape == (2,)
    finally:
        del registry[pair]
        torch.distributions.kl._KL_MEMOIZE.clear()


# Samples.


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, F64])
def test_samples_are_those_of_the_functions(dtype):
    logits, tau = rows(2, 4, dtype=dtype), torch.tensor([[0.5], [0.9]])
    noise = lambda: gumbel.Noise(3)
    exp = ours.ExpRelaxedCategorical(tau, logits=logits).rsample((3,), noise=noise())
    soft = ours.RelaxedOneHotCategorical(tau, logits=logits).rsample((3,), noise=noise())
    hard = ours.RelaxedOneHotCategoricalStraightThrough(tau, logits=logits).rsample((3,), noise=noise())
    wide = logits.expand(3, 2, 4)
    assert torch.equal(exp, log_gumbel_softmax(wide, tau, noise=noise()))
    assert torch.equal(soft, gumbel_softmax(wide, tau, noise=noise()))
    assert torch.equal(hard, gumbel_softmax(wide, tau, hard=True, noise=noise()))
    assert torch.equal(hard._unquantize, soft)
    assert exp.dtype == soft.dtype == hard.dtype == dtype
    odds = logits.double() if dtype == F64 else logits.float()
    logistic = torch.from_numpy(noise().logistic((3, 2, 4), odds.numpy().dtype))
    y = ours.LogitRelaxedBernoulli(tau.to(odds.dtype), logits=logits).rsample((3,), noise=noise())
    assert torch.equal(y, ((odds + logistic) / tau.to(odds.dtype)).to(dtype))
    x = ours.RelaxedBernoulli(tau.to(odds.dtype), logits=logits).rsample((3,), noise=noise())
    torch.testing.assert_close(x, y.sigmoid(), atol=torch.finfo(dtype).eps, rtol=0)
    bit = ours.RelaxedBernoulliStraightThrough(tau.to(odds.dtype), logits=logits).rsample((3,), noise=noise())
    assert torch.equal(bit, (y > 0).to(dtype)) and torch.equal(bit._unquantize, x)


@pytest.mark.parametrize("name", NAMES + STRAIGHT)
def test_noise(name):
    d = make(name, 0.5, logits=rows(2, 3).requires_grad_())
    torch.manual_seed(1)
    first = d.sample((4,))
    torch.manual_seed(1)
    second = d.rsample((4,))
    assert torch.equal(first, second) and second.requires_grad and not first.requires_grad
    noise = gumbel.Noise(1)
    third = d.rsample((4,), noise=noise)
    assert noise.parts == (1, 0, 24)
    assert torch.equal(third, d.sample((4,), noise=key(gumbel.Noise(1))))
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    assert torch.equal(*(d.sample(noise=generator) for generator in generators))


def test_noise_has_full_tails():
    # PyTorch's Gumbel noise is in [-2.77, 15.94], and its logistic noise in [-15.95, 15.95]. Four million numbers range further in
    # about a third and a half of the seeds; in these they do.
    y = ours.ExpRelaxedCategorical(1.0, logits=torch.zeros(2**22)).sample(noise=gumbel.Noise(11))
    assert y.max() - y.min() > 15.95 + 2.78
    y = ours.LogitRelaxedBernoulli(1.0, logits=torch.zeros(2**22)).sample(noise=gumbel.Noise(2))
    assert y.abs().max() > 15.95


def test_hard_parts_follow_the_probabilities():
    # Chi-square at 1e-4 and z-scores at 4.5: false alarms in 1e-4 and 2e-5 of the cases.
    p, n = torch.tensor([0.1, 0.2, 0.7], dtype=F64), 40_000
    for temperature in (0.1, 1.0, 1e10):
        z = ours.RelaxedOneHotCategoricalStraightThrough(temperature, p).sample((n,), noise=gumbel.Noise(1))
        assert stats.chisquare(z.sum(0), p * n).pvalue > 1e-4
        b = ours.RelaxedBernoulliStraightThrough(temperature, p).sample((n,), noise=gumbel.Noise(2)).mean(0)
        assert ((b - p).abs() < 4.5 * (p * (1 - p) / n).sqrt()).all()


def test_logits_of_relaxed_bits_are_logistic():
    y = ours.LogitRelaxedBernoulli(0.5, logits=torch.tensor(1.0, dtype=F64)).sample((20_000,), noise=gumbel.Noise(3))
    assert stats.kstest(y.numpy(), stats.logistic(2.0, 2.0).cdf).pvalue > 1e-4


# Densities.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parameter", ["probs", "logits"])
def test_densities_and_gradients_equal_those_of_pytorch(name, parameter):
    values = rows(3, 4).sigmoid() if parameter == "probs" else rows(3, 4)
    results = []
    for cls in (getattr(ours, name), PARENTS[name]):
        parameters = values.clone().requires_grad_()
        d = cls(number(0.6), **{parameter: parameters})
        x = make(name, 0.6, **{parameter: values}).sample((2,), noise=gumbel.Noise(1)).requires_grad_()
        log_prob = d.log_prob(x)
        results.append([log_prob, *torch.autograd.grad(log_prob.square().sum(), (x, parameters, d.temperature)), d.probs, d.logits])
    # PyTorch's gradient in a point of the simplex is that of the same formula, which extends off it.
    for mine, yours in zip(*results, strict=True):
        torch.testing.assert_close(mine, yours)


@pytest.mark.parametrize("name", NAMES)
def test_densities_have_derivatives_of_second_order(name):
    inputs = rows(2, 3).requires_grad_(), torch.tensor([[0.6], [0.9]], dtype=F64, requires_grad=True)
    x = make(name, inputs[1], logits=inputs[0]).sample(noise=gumbel.Noise(1)).requires_grad_()
    density = lambda x, logits, tau: make(name, tau, logits=logits, validate_args=False).log_prob(x)
    assert torch.autograd.gradcheck(density, (x, *inputs))
    assert torch.autograd.gradgradcheck(density, (x, *inputs))


@pytest.mark.parametrize("name", NAMES)
def test_samples_have_gradients(name):
    inputs = rows(2, 3).requires_grad_(), torch.tensor([[0.6], [0.9]], dtype=F64, requires_grad=True)
    noise = key(gumbel.Noise(2))
    assert torch.autograd.gradcheck(lambda logits, tau: make(name, tau, logits=logits).rsample((2,), noise=noise), inputs)
    probs = rows(2, 3).sigmoid().requires_grad_()
    assert torch.autograd.gradcheck(lambda probs: make(name, 0.6, probs, validate_args=False).rsample(noise=noise), probs)


def test_densities_integrate_to_one():
    x = torch.linspace(0, 1, 20_001, dtype=F64)[1:-1]
    simplex = torch.stack([x, 1 - x], -1)
    for tau in (1.0, 1.5):
        d = ours.RelaxedOneHotCategorical(tau, logits=torch.tensor([0.5, -0.5], dtype=F64))
        assert torch.trapezoid(d.log_prob(simplex).exp(), x).item() == pytest.approx(1, abs=1e-3)
        b = ours.RelaxedBernoulli(tau, logits=torch.tensor(1.0, dtype=F64))
        torch.testing.assert_close(b.log_prob(x), d.log_prob(simplex))


def test_entropies():
    # A z-score at 4.5 for each of two: false alarms in 1e-5 of the cases.
    tau = number(0.3)
    logits = torch.tensor([[1.0, -2.0, 0.5, 80.0], [0.0, -torch.inf, 1.0, 0.0]], dtype=F64)
    d = ours.ExpRelaxedCategorical(tau, logits=logits)
    sample = d.log_prob(d.sample((20_000,), noise=gumbel.Noise(1))).detach()
    z = (d.entropy() + sample.mean(0)) / (sample.std(0) / 20_000**0.5)
    assert (z.abs() < 4.5).all()
    (slope,) = torch.autograd.grad(d.entropy().sum(), tau)
    assert slope.item() == pytest.approx(-(3 + 2) / 0.3)  # -(n - 1) / tau for each
    b = ours.LogitRelaxedBernoulli(torch.tensor([0.5, 1.0], dtype=F64), logits=rows(3, 1))
    torch.testing.assert_close(b.entropy(), (2 - b.temperature.log()).expand(3, 2))
    assert ours.ExpRelaxedCategorical(0.1, logits=torch.zeros(1)).entropy() == 0
    for d in (ours.RelaxedOneHotCategorical(0.5, rows(3).exp()), ours.RelaxedBernoulli(0.5, 0.5)):
        with pytest.raises(NotImplementedError):
            d.entropy()


# Where PyTorch's and Pyro's fail.


@pytest.mark.parametrize("name", NAMES + STRAIGHT)
def test_pytorch_37162_a_batch_of_temperatures(name):
    # PyTorch returns an outer product; its pull request 171641 was closed.
    tau, logits = torch.tensor([[0.3], [0.5], [0.7], [0.9], [1.1]], dtype=F64), rows(5, 3)
    d = make(name, tau, logits=logits)
    x = d.rsample((2,), noise=gumbel.Noise(1))
    log_prob = d.log_prob(x)
    assert x.shape == (2, 5, 3) and log_prob.shape == (2, *d.batch_shape)
    if name not in STRAIGHT:
        alone = [make(name, t.item(), logits=row).log_prob(x[:, i]) for i, (t, row) in enumerate(zip(tau, logits, strict=True))]
        torch.testing.assert_close(log_prob, torch.stack(alone, 1))


def test_pytorch_37162_shapes_of_temperatures():
    logits = rows(5, 3)
    for tau in (0.5, torch.tensor(0.5), torch.tensor([0.5]), torch.tensor([[0.5]])):
        d = ours.RelaxedOneHotCategorical(tau, logits=logits)
        assert d.batch_shape == (5,) and d.log_prob(d.rsample()).shape == (5,)
    d = ours.ExpRelaxedCategorical(torch.ones(4, 1, 1), logits=logits)
    assert d.batch_shape == (4, 5) and d.rsample((2,)).shape == (2, 4, 5, 3) and d.entropy().shape == (4, 5)
    assert d.logits.shape == d.probs.shape == (4, 5, 3)
    d = ours.RelaxedBernoulli(torch.ones(4, 1, 1), 0.5)
    assert d.batch_shape == (4, 1, 1) == d.rsample().shape
    with pytest.raises(ValueError, match=r"unsqueeze\(-1\)"):
        ours.RelaxedOneHotCategorical(torch.ones(5), logits=logits)
    with pytest.raises(RuntimeError, match="broadcast"):
        ours.RelaxedOneHotCategorical(torch.ones(4, 1), logits=logits)


@pytest.mark.parametrize("temperature", [0.05, 0.005])
def test_pytorch_18254_relaxed_bits_at_low_temperatures(temperature):
    d = ours.RelaxedBernoulli(temperature, logits=torch.tensor(-5.0).requires_grad_())
    x = d.rsample((20_000,), noise=gumbel.Noise(2))
    log_prob = d.log_prob(x)
    assert ((x > 0) & (x < 1)).all()
    assert torch.isfinite(log_prob).all()
    (slope,) = torch.autograd.grad(log_prob.sum() + x.sum(), d.logits)
    assert torch.isfinite(slope)
    ends = torch.tensor([0.0, 1.0])
    assert torch.equal(d.log_prob(ends), torch.full((2,), torch.inf))
    assert torch.equal(ours.RelaxedBernoulli(1.5, logits=torch.tensor(-5.0)).log_prob(ends), torch.full((2,), -torch.inf))


def test_pytorch_18254_points_of_the_simplex_at_low_temperatures():
    logits = rows(5, dtype=torch.float32).requires_grad_()
    d = ours.RelaxedOneHotCategorical(0.05, logits=logits)
    x = d.rsample((5000,), noise=gumbel.Noise(1))
    log_prob = d.log_prob(x)
    assert (x == 0).any() and not log_prob.isnan().any()
    (slopes,) = torch.autograd.grad(log_prob.sum(), logits)
    assert torch.isfinite(slopes).all()


@pytest.mark.parametrize(("tau", "limit"), [(0.5, torch.inf), (5.0, -torch.inf)])
def test_a_vertex_has_the_limit_of_the_density(tau, limit):
    # In proportion to eps^(3 tau - 2 (tau + 1)).
    d = ours.RelaxedOneHotCategorical(tau, logits=rows(3))
    vertex = torch.tensor([1.0, 0.0, 0.0], dtype=F64)
    near = [d.log_prob(torch.tensor([1 - 2 * eps, eps, eps], dtype=F64)).item() for eps in (1e-4, 1e-8)]
    assert d.log_prob(vertex) == limit
    assert (near[1] > near[0]) == (limit > 0)


def test_pyro_3304_many_categories_at_low_temperatures():
    # Pyro's samples underflow and leave the simplex.
    logits = rows(8, 200, dtype=torch.float32).requires_grad_()
    for tau in (0.3, 0.1, 0.01):
        d = ours.RelaxedOneHotCategorical(tau, logits=logits)
        x = d.rsample((50,), noise=gumbel.Noise(1))
        assert theirs.constraints.simplex.check(x).all()
        assert not d.log_prob(x).isnan().any()  # With validation.
        q = ours.ExpRelaxedCategorical(tau, logits=logits)
        log_prob = q.log_prob(q.rsample((50,), noise=gumbel.Noise(1)))
        assert torch.isfinite(log_prob).all()
        (slopes,) = torch.autograd.grad(log_prob.sum(), logits)
        assert torch.isfinite(slopes).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, F64])
def test_samples_satisfy_the_support(dtype):
    for name in NAMES + STRAIGHT:
        d = make(name, 0.1, logits=rows(50, 300, dtype=dtype))
        log_prob = d.log_prob(d.rsample((3,), noise=gumbel.Noise(4)))
        assert log_prob.dtype == dtype and not log_prob.isnan().any()


def test_log_odds_of_any_size():
    d = ours.RelaxedBernoulli(1.0, logits=torch.tensor([100.0, 1e4, -1e30]))
    torch.testing.assert_close(d.log_prob(torch.full((3,), 0.5)), torch.tensor([-98.613706, -9998.614, -1e30]))
    half = ours.RelaxedBernoulli(1.0, logits=torch.tensor(100.0)).log_prob(torch.tensor(0.5))
    assert half.item() == pytest.approx(-98.614, abs=1e-3)


@pytest.mark.parametrize("mask", ["probs", "logits"])
def test_masked_categories(mask):
    probs = torch.tensor([[0.2, 0.0, 0.5, 0.3], [0.0, 0.0, 1.0, 0.0]], dtype=F64)
    given = (probs if mask == "probs" else probs.log()).requires_grad_()
    for name in ("ExpRelaxedCategorical", "RelaxedOneHotCategorical", "RelaxedOneHotCategoricalStraightThrough"):
        d = make(name, 0.5, **{mask: given})
        x = d.rsample((1000,), noise=gumbel.Noise(1))
        nothing = -torch.inf if name.startswith("Exp") else 0
        assert (x[..., probs == 0] == nothing).all()
        log_prob = d.log_prob(x)
        assert torch.isfinite(log_prob).all()
        weights = torch.where(probs == 0, 0.0, rows(2, 4))
        (slopes,) = torch.autograd.grad((torch.where(x > -torch.inf, x, 0) * weights).sum() + log_prob.sum(), given)
        assert torch.isfinite(slopes).all() and (slopes[probs == 0] == 0).all()
        assert torch.equal(torch.isneginf(d.logits), probs == 0) and torch.equal(d.probs == 0, probs == 0)
        if name in NAMES:
            # A mask lowers the dimension.
            alone = make(name, 0.5, **{mask: given[:1, [0, 2, 3]]})
            torch.testing.assert_close(log_prob[:, :1], alone.log_prob(x[:, :1, [0, 2, 3]]))
            assert (log_prob[:, 1] == 0).all()
    inside = torch.full((2, 4), 0.25, dtype=F64)
    assert (ours.RelaxedOneHotCategorical(0.5, **{mask: given}).log_prob(inside) == -torch.inf).all()


def test_certain_bits():
    probs = torch.tensor([0.0, 0.4, 1.0], requires_grad=True)
    for name in ("RelaxedBernoulli", "RelaxedBernoulliStraightThrough"):
        d = make(name, number(0.5, torch.float32), probs)
        x = d.rsample((1000,), noise=gumbel.Noise(1))
        assert (x[:, 0] == 0).all() and (x[:, 2] == 1).all()
        log_prob = d.log_prob(x)
        assert torch.isfinite(log_prob).all() and (log_prob[:, [0, 2]] == 0).all()
        slopes = torch.autograd.grad(x.sum() + log_prob.sum(), (probs, d.temperature))
        assert all(torch.isfinite(slope).all() for slope in slopes) and (slopes[0][[0, 2]] == 0).all()
    d = ours.RelaxedBernoulli(0.5, probs)
    assert torch.equal(d.log_prob(torch.full((3,), 0.5))[[0, 2]], torch.full((2,), -torch.inf))
    y = ours.LogitRelaxedBernoulli(0.5, logits=torch.tensor([-torch.inf, torch.inf]))
    assert y.sample().tolist() == [-torch.inf, torch.inf] and y.log_prob(y.sample()).tolist() == [0, 0]
    assert y.entropy().tolist() == [0, 0]


def test_small_probabilities_are_not_clamped():
    d = ours.RelaxedOneHotCategorical(1.0, torch.tensor([1e-30, 1.0]))
    assert d.logits[0].item() == pytest.approx(np.log(1e-30), rel=1e-6)


# Validation.


@pytest.mark.parametrize("name", NAMES + STRAIGHT)
@pytest.mark.parametrize("temperature", [0.0, -0.5, torch.nan, torch.inf])
def test_temperatures_are_validated(name, temperature):
    logits = rows(2, 3)
    for given in (temperature, torch.tensor(temperature)):
        with pytest.raises(ValueError, match="temperature"):
            make(name, given, logits=logits)
        with pytest.raises(gumbel.Error) as caught:
            make(name, given, logits=logits, validate_args=False).rsample()
        assert caught.value.kind == "temperature"


@pytest.mark.parametrize("name", NAMES + STRAIGHT)
def test_parameters_are_validated(name):
    for wrong in ({}, {"probs": rows(3), "logits": rows(3)}, {"probs": torch.tensor([-0.5, 0.5])}, {"logits": torch.tensor([0.0, torch.nan])}):
        with pytest.raises(ValueError):
            make(name, 0.5, **wrong)
    with pytest.raises(gumbel.Error) as caught:
        make(name, 0.5, logits=torch.tensor([0.0, torch.nan]), validate_args=False).rsample()
    assert caught.value.kind == ("log_odds" if "Bernoulli" in name else "logit")
    if "Bernoulli" not in name:
        with pytest.raises(ValueError):
            make(name, 0.5, logits=torch.full((2, 2), -torch.inf))
        with pytest.raises(ValueError, match="one-dimensional"):
            make(name, 0.5, logits=torch.tensor(0.0))


def test_values_are_validated():
    d = ours.RelaxedOneHotCategorical(0.5, logits=rows(3))
    for wrong in ([0.5, 0.5, 0.5], [-0.5, 0.5, 1.0], [torch.nan, 0.5, 0.5], [0.5, 0.5]):
        with pytest.raises(ValueError):
            d.log_prob(torch.tensor(wrong, dtype=F64))
    with pytest.raises(ValueError):
        d.log_prob(0.5)
    for bad in (torch.nan, torch.inf):
        for name, value in (("ExpRelaxedCategorical", [0.0, 0.0, bad]), ("RelaxedOneHotCategorical", [0.0, 0.0, bad])):
            with pytest.raises(ValueError) as caught:
                make(name, 0.5, logits=rows(3), validate_args=False).log_prob(torch.tensor(value, dtype=F64))
            assert caught.value.kind == "sample"
    with pytest.raises(ValueError):
        ours.RelaxedBernoulli(0.5, 0.5).log_prob(torch.tensor(1.5))
    # A row in half precision sums to one as nearly as it can.
    d = ours.RelaxedOneHotCategorical(0.5, logits=rows(3, dtype=torch.bfloat16))
    assert torch.isfinite(d.log_prob(torch.tensor([1 / 3] * 3, dtype=torch.bfloat16)))
    with pytest.raises(ValueError):
        d.log_prob(torch.tensor([0.3] * 3, dtype=torch.bfloat16))


def test_other_types_of_parameters():
    assert ours.RelaxedOneHotCategorical(1, torch.tensor([1, 2, 0])).sample().dtype == torch.float32
    assert ours.RelaxedBernoulli(1, torch.tensor([0, 1])).sample().tolist() == [0.0, 1.0]
    assert ours.RelaxedBernoulli(1, 0.5).sample().shape == ()
    assert ours.RelaxedBernoulli(torch.tensor(2), logits=3).sample((2,)).shape == (2,)


# Straight through.


@pytest.mark.parametrize("name", STRAIGHT)
@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_straight_through(name, tau):
    parent = name.removesuffix("StraightThrough")
    direction = rows(20, 3)
    results = []
    for cls in (name, parent):
        logits, temperature = rows(3).requires_grad_(), number(tau)
        d = make(cls, temperature, logits=logits)
        x = d.rsample((20,), noise=gumbel.Noise(1))
        results.append([x, *torch.autograd.grad((x * direction).sum(), (logits, temperature), retain_graph=True)])
    (hard, *slopes), (soft, *others) = results
    assert ((hard == 0) | (hard == 1)).all()
    torch.testing.assert_close(hard, torch.nn.functional.one_hot(soft.argmax(-1), 3).to(F64) if "Categorical" in name else soft.round())
    for mine, yours in zip(slopes, others, strict=True):
        torch.testing.assert_close(mine, yours)
    assert torch.equal(hard._unquantize, soft)
    d = make(name, tau, logits=rows(3))
    again = make(parent, tau, logits=rows(3)).log_prob(soft)
    finite = torch.isfinite(again) & ((soft > 1e-9) & (soft < 1 - 1e-6) if "Bernoulli" in name else True)
    assert finite.any()
    torch.testing.assert_close(d.log_prob(hard)[finite], again[finite], atol=1e-5, rtol=1e-5)
    assert torch.equal(d.log_prob(hard), d.log_prob(hard._unquantize))
    # A point that is not a sample of this class is one of the relaxed distribution.
    assert torch.equal(d.log_prob(soft.detach().clone()), again)


@pytest.mark.parametrize("name", STRAIGHT)
def test_the_density_of_a_hard_sample_is_finite_where_the_soft_one_saturates(name):
    logits = (5 * rows(10, dtype=torch.float32)).requires_grad_()
    d = make(name, 0.02, logits=logits)
    z = d.rsample((500,), noise=gumbel.Noise(1))
    if "Categorical" in name:
        assert (z._unquantize == z).all(-1).any()
    log_prob = d.log_prob(z)
    assert torch.isfinite(log_prob).all() and log_prob.requires_grad
    (slopes,) = torch.autograd.grad(log_prob.sum(), logits)
    assert torch.isfinite(slopes).all()


def test_the_hard_sample_is_that_of_gumbel_max_also_where_the_soft_one_ties():
    d = ours.RelaxedOneHotCategoricalStraightThrough(1e20, logits=torch.zeros(5))
    z = d.sample((100,), noise=gumbel.Noise(1))
    assert torch.equal(z.argmax(-1), gumbel_max(torch.zeros(100, 5), noise=gumbel.Noise(1)))


def test_compiled_code():
    noise = key(gumbel.Noise(1))

    def loss(logits, tau):
        x = ours.RelaxedOneHotCategorical(tau, logits=logits, validate_args=False).rsample(noise=noise)
        y = ours.LogitRelaxedBernoulli(tau, logits=logits, validate_args=False).rsample(noise=noise)
        q = ours.ExpRelaxedCategorical(tau, logits=logits, validate_args=False)
        return x.sum() + y.square().sum() + q.log_prob(q.rsample(noise=noise)).sum() + q.entropy().sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    inputs = [[rows(2, 3, dtype=torch.float32).requires_grad_(), number(0.5, torch.float32)] for _ in range(2)]
    for function, given in zip((compiled, loss), inputs, strict=True):
        function(*given).backward()
    for mine, yours in zip(*inputs, strict=True):
        torch.testing.assert_close(mine.grad, yours.grad)


@pytest.mark.parametrize("name", NAMES)
def test_vmap(name):
    logits, streams = rows(4, 3, dtype=torch.float32), keys(gumbel.Noise(1), 4)

    def log_prob(logits, key):
        d = make(name, 0.5, logits=logits, validate_args=False)
        return d.log_prob(d.rsample(noise=key)).sum()

    for function in (log_prob, torch.func.grad(log_prob)):
        alone = torch.stack([function(*example) for example in zip(logits, streams, strict=True)])
        torch.testing.assert_close(torch.vmap(function)(logits, streams), alone)
