"""Densities of relaxed samples: against the formulas in double precision, their integral, their derivatives."""

import math

import gumbel
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gumbel import Noise
from gumbel.torch import (
    binary_concrete_log_prob,
    concrete_log_prob,
    exp_concrete_log_prob,
    gumbel_softmax,
    log_gumbel_softmax,
    relaxed_bernoulli_log_prob,
)
from torch.autograd import gradcheck, gradgradcheck
from torch_reference import DTYPES, TOLERANCE, logits

ROWS = [exp_concrete_log_prob, concrete_log_prob]
NUMBERS = [binary_concrete_log_prob, relaxed_bernoulli_log_prob]


def reference(log_prob, y, x, tau):
    """The formula of the paper, in double precision."""
    y, x, tau = (np.asarray(a.detach().double() if isinstance(a, torch.Tensor) else a) for a in (y, x, tau))
    if log_prob in NUMBERS:
        logit = np.log(y) - np.log1p(-y) if log_prob is relaxed_bernoulli_log_prob else y
        a = x - tau * logit
        volume = np.log(y) + np.log1p(-y) if log_prob is relaxed_bernoulli_log_prob else 0
        return np.log(tau) + a - 2 * np.logaddexp(0, a) - volume
    log_y = np.log(y) if log_prob is concrete_log_prob else y
    n = y.shape[-1]
    a = x - tau * log_y
    tau = np.squeeze(tau, -1) if tau.ndim else tau
    density = math.lgamma(n) + (n - 1) * np.log(tau) + (a - np.logaddexp.reduce(a, -1, keepdims=True)).sum(-1)
    return density - (log_y.sum(-1) if log_prob is concrete_log_prob else 0)


def points(log_prob, *shape, seed=1, dtype=torch.float64):
    x = logits(*shape, seed=seed, dtype=dtype)
    return {
        exp_concrete_log_prob: lambda: x.log_softmax(-1),
        concrete_log_prob: lambda: x.softmax(-1),
        binary_concrete_log_prob: lambda: x,
        relaxed_bernoulli_log_prob: lambda: x.sigmoid(),
    }[log_prob]()


@pytest.mark.parametrize("log_prob", ROWS + NUMBERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tau", [0.2, 1.0, 3.0])
def test_densities_are_the_formula(log_prob, dtype, tau):
    y, x = points(log_prob, 50, 5, dtype=dtype), logits(50, 5, dtype=dtype)
    density = log_prob(y, x, tau)
    expected = reference(log_prob, y, x, tau)
    assert density.dtype == dtype and density.shape == expected.shape
    scale = np.maximum(np.abs(expected), 10)
    assert (np.abs(density.double().numpy() - expected) / scale).max() < 2 * TOLERANCE[dtype]


@pytest.mark.parametrize("log_prob", ROWS + NUMBERS)
def test_arguments_broadcast(log_prob):
    y, x = points(log_prob, 3, 1, 4), logits(2, 4, dtype=torch.float64)
    tau = torch.tensor([[0.5], [0.7]], dtype=torch.float64)
    expected = reference(log_prob, y, x, tau)
    assert np.allclose(log_prob(y, x, tau).numpy(), expected, rtol=1e-12)
    assert np.allclose(log_prob(y[0, 0], x[0], tau[:, None]).numpy(), reference(log_prob, y[0, 0], x[0], tau[:, None]))
    assert log_prob(y.float(), x, 1.0).dtype == torch.float64
    assert log_prob(y.half(), x.bfloat16(), 1.0).dtype == torch.float32


def test_binary_densities_of_scalars():
    assert binary_concrete_log_prob(torch.tensor(0.7), torch.tensor(3.0).log(), 0.5).shape == ()
    per_number = relaxed_bernoulli_log_prob(torch.tensor([0.5, 0.5]), torch.tensor(0.0), torch.tensor([1.0, 2.0]))
    assert torch.allclose(per_number.exp(), torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize("log_prob", ROWS + NUMBERS)
@pytest.mark.parametrize("per_row", [False, True])
def test_derivatives_of_both_orders_in_all_arguments(log_prob, per_row):
    y, x = points(log_prob, 3, 4).requires_grad_(), logits(3, 4, dtype=torch.float64).requires_grad_()
    tau = torch.tensor([[0.5], [0.8], [1.3]] if per_row else 0.7, dtype=torch.float64, requires_grad=True)
    assert gradcheck(log_prob, (y, x, tau), check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(log_prob, (y, x, tau), check_fwd_over_rev=True, check_batched_grad=True)


@pytest.mark.parametrize("log_prob", ROWS)
def test_derivatives_at_masks(log_prob):
    x = logits(20, 5, dtype=torch.float64, masked=True)
    y = points(log_prob, 20, 5).masked_fill(x == -torch.inf, 0.0 if log_prob is concrete_log_prob else -torch.inf)
    x, y = x.requires_grad_(), y.requires_grad_()
    tau = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    density = log_prob(y, x, tau)
    assert density.isfinite().all()
    first = torch.autograd.grad(density.sum(), (y, x, tau), create_graph=True)
    fused = torch.autograd.grad(log_prob(y, x, tau).sum(), (y, x, tau))
    second = torch.autograd.grad(sum(slope.pow(2).sum() for slope in first), (y, x, tau))
    masked = x == -torch.inf
    for slopes in (first, fused, second):
        assert all(slope.isfinite().all() for slope in slopes)
        assert (slopes[0][masked] == 0).all() and (slopes[1][masked] == 0).all()
    for one, other in zip(first, fused, strict=True):
        assert torch.allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("log_prob", ROWS + NUMBERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tau", [1e-44, 1e-20, 1e-6])
def test_slopes_at_the_lowest_temperatures_are_numbers(log_prob, dtype, tau):
    y, x = points(log_prob, 6, 3, dtype=dtype).requires_grad_(), logits(6, 3, dtype=dtype).requires_grad_()
    temperature = torch.tensor(tau, dtype=torch.float64, requires_grad=True)
    density = log_prob(y, x, temperature)
    d = logits(*density.shape, seed=3, dtype=dtype)
    density.backward(d)
    free = 1 if log_prob in NUMBERS else 2  # the slope is about that over tau
    assert temperature.grad.item() == pytest.approx(free * d.double().sum().item() / tau, rel=1e-2)
    assert y.grad.isfinite().all() and x.grad.isfinite().all()


def test_densities_integrate_to_one():
    """By a sum over a grid, in logit space and on the interval."""
    log_odds, tau = torch.tensor(0.4, dtype=torch.float64), 0.7
    grid = torch.linspace(-60, 60, 200_001, dtype=torch.float64)
    assert abs(binary_concrete_log_prob(grid, log_odds, tau).exp().sum() * (grid[1] - grid[0]) - 1) < 1e-9
    pairs = torch.stack([grid, torch.zeros_like(grid)], -1)  # only the difference matters
    x = torch.tensor([0.4, 0.0], dtype=torch.float64)
    assert abs(exp_concrete_log_prob(pairs, x, tau).exp().sum() * (grid[1] - grid[0]) - 1) < 1e-9
    middle = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    assert abs(relaxed_bernoulli_log_prob(middle, log_odds, 1.5).exp().mean() - 1) < 1e-6
    assert abs(concrete_log_prob(torch.stack([middle, 1 - middle], -1), x, 1.5).exp().mean() - 1) < 1e-6


def test_densities_on_the_simplex_and_in_log_space_differ_by_the_volume():
    x = logits(30, 4, dtype=torch.float64)
    log_y = log_gumbel_softmax(x, 0.8, noise=Noise(1))
    expected = exp_concrete_log_prob(log_y, x, 0.8) - log_y.sum(-1)
    assert torch.allclose(concrete_log_prob(log_y.exp(), x, 0.8), expected, atol=1e-9)


def test_a_mean_log_density_is_the_entropy():
    """E[-log p] at samples of its own, against a sum over a grid: within 4 standard errors (false alarm 6e-5)."""
    log_odds, tau = torch.tensor(0.4, dtype=torch.float64), 0.7
    grid = torch.linspace(-60, 60, 200_001, dtype=torch.float64)
    density = binary_concrete_log_prob(grid, log_odds, tau)
    entropy = -(density.exp() * density).sum() * (grid[1] - grid[0])
    x = torch.tensor([0.4, 0.0], dtype=torch.float64).expand(20_000, 2)
    drawn = -exp_concrete_log_prob(log_gumbel_softmax(x, tau, noise=Noise(2)), x, tau)
    assert abs(drawn.mean() - entropy) < 4 * drawn.std() / 20_000**0.5


def test_limits_at_vertices():
    x = torch.zeros(3)
    vertex = torch.tensor([0.0, 0.0, 1.0])
    # The density near a vertex behaves as eps^(n tau - m (tau + 1)): here 3 tau - 2 (tau + 1) = tau - 2.
    assert concrete_log_prob(vertex, x, 1.0) == torch.inf and concrete_log_prob(vertex, x, 3.0) == -torch.inf
    assert concrete_log_prob(vertex, x, 2.0).isfinite()
    assert relaxed_bernoulli_log_prob(torch.tensor(0.0), torch.tensor(0.3), 1.0) == pytest.approx(-0.3)
    for log_prob, y in ((concrete_log_prob, vertex), (relaxed_bernoulli_log_prob, vertex)):
        y, given = y.clone().requires_grad_(), x.clone().requires_grad_()
        log_prob(y, given, 0.5).sum().backward()
        assert y.grad.isfinite().all() and given.grad.isfinite().all()


def test_samples_off_the_support_have_density_zero():
    x = torch.tensor([0.0, 0.0, -torch.inf])
    assert exp_concrete_log_prob(torch.tensor([0.1, 0.5, 0.4]).log(), x, 1.0) == -torch.inf
    assert concrete_log_prob(torch.tensor([0.1, 0.5, 0.4]), x, 1.0) == -torch.inf
    assert concrete_log_prob(gumbel_softmax(x, 1.0), x, 1.0).isfinite()


ERRORS = [
    (exp_concrete_log_prob, torch.nan, 0.0, 1.0, "sample", (1, 2)),
    (exp_concrete_log_prob, torch.inf, 0.0, 1.0, "sample", (1, 2)),
    (concrete_log_prob, -0.1, 0.0, 1.0, "sample", (1, 2)),
    (exp_concrete_log_prob, 0.1, torch.nan, 1.0, "logit", (1, 2)),
    (concrete_log_prob, 0.1, torch.inf, 1.0, "logit", (1, 2)),
    (binary_concrete_log_prob, torch.nan, 0.0, 1.0, "sample", (1, 2)),
    (relaxed_bernoulli_log_prob, 1.5, 0.0, 1.0, "sample", (1, 2)),
    (binary_concrete_log_prob, 0.1, torch.inf, 1.0, "log_odds", (1, 2)),
    (relaxed_bernoulli_log_prob, 0.1, -torch.inf, 1.0, "log_odds", (1, 2)),
    (exp_concrete_log_prob, 0.1, 0.0, 0.0, "temperature", None),
    (relaxed_bernoulli_log_prob, 0.1, 0.0, torch.nan, "temperature", None),
]


@pytest.mark.parametrize("log_prob, point, logit, tau, kind, index", ERRORS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_errors_have_a_kind_and_a_place(log_prob, point, logit, tau, kind, index, dtype):
    y, x = torch.full((2, 3), 0.3, dtype=dtype), torch.zeros(2, 3, dtype=dtype)
    y[1, 2], x[1, 2] = point, logit
    with pytest.raises(gumbel.Error) as caught:
        log_prob(y, x, tau)
    assert (caught.value.kind, caught.value.index) == (kind, index)


def test_errors_of_rows():
    with pytest.raises(gumbel.Error) as caught:
        exp_concrete_log_prob(torch.tensor([[0.0, 0.0], [-torch.inf, -torch.inf]]), torch.zeros(2, 2), 1.0)
    assert (caught.value.kind, caught.value.index) == ("no_mass", (1,))
    with pytest.raises(gumbel.Error) as caught:
        concrete_log_prob(torch.full((2, 2), 0.5), torch.tensor([[0.0, 0.0], [-torch.inf, -torch.inf]]), 1.0)
    assert (caught.value.kind, caught.value.index) == ("all_masked", (1,))
    with pytest.raises(gumbel.Error) as caught:
        x = torch.zeros(70_000)
        x[66_000] = torch.nan
        binary_concrete_log_prob(torch.zeros(70_000).half(), x.half(), 1.0)
    assert (caught.value.kind, caught.value.index) == ("log_odds", (66_000,))


def test_shapes_that_do_not_fit_are_named():
    y, x = torch.full((2, 3), 0.3), torch.zeros(4)
    for log_prob in ROWS + NUMBERS:
        with pytest.raises(ValueError, match=r"\[2, 3\], \[4\]"):
            log_prob(y, x, 1.0)
    for log_prob in ROWS:
        with pytest.raises(ValueError, match=r"\[3\]"):
            log_prob(y, x[:3], torch.ones(3))
        with pytest.raises(ValueError):
            log_prob(torch.tensor(0.3), torch.tensor(0.0), 1.0)
    for wrong in ([0.3], 0.3, np.zeros(3)):
        with pytest.raises(TypeError):
            concrete_log_prob(wrong, x, 1.0)
        with pytest.raises(TypeError):
            concrete_log_prob(x, wrong, 1.0)
    with pytest.raises(TypeError):
        concrete_log_prob(y.long(), y.long(), 1.0)
