"""Derivatives: to second order, in forward mode, batched, at masks, in the temperature."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gumbel import Noise
from gumbel.torch import gumbel_max, gumbel_softmax, key, log_gumbel_softmax, one_hot, straight_through
from torch.autograd import gradcheck, gradgradcheck
from torch_reference import DTYPES, TOLERANCE, logits, relaxed

DIFFERENTIABLE = [gumbel_softmax, log_gumbel_softmax]


def double(*shape, seed=0):
    return logits(*shape, seed=seed, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("sample", DIFFERENTIABLE)
@pytest.mark.parametrize("dim", [-1, 0])
def test_derivatives_of_both_orders_and_modes(sample, dim):
    x, of = double(3, 4), key(Noise(1))
    tau = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def function(x, tau):
        return sample(x, tau, dim=dim, noise=of)

    assert gradcheck(function, (x, tau), check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True)
    assert gradgradcheck(function, (x, tau), check_fwd_over_rev=True, check_batched_grad=True)
    assert gradcheck(lambda x: sample(x, 0.5, dim=dim, noise=of), (x,), check_forward_ad=True)
    assert gradgradcheck(lambda x: sample(x, 0.5, dim=dim, noise=of), (x,))


@pytest.mark.parametrize("sample", DIFFERENTIABLE)
@pytest.mark.parametrize("shape", [(1,), (1, 1), (3, 1), (1, 1, 1), (2, 1, 1), (2, 3, 1)])
def test_temperatures_broadcast_and_get_a_gradient(sample, shape):
    x, of = double(2, 3, 4), key(Noise(2))
    tau = (logits(*shape, seed=5, dtype=torch.float64).abs() + 0.3).requires_grad_()
    assert gradcheck(lambda x, tau: sample(x, tau, noise=of), (x, tau), check_forward_ad=True)
    assert gradgradcheck(lambda x, tau: sample(x, tau, noise=of), (x, tau))
    y = sample(x, tau, noise=of)
    taus = tau.expand(2, 3, 1) if tau.numel() > 1 else tau.reshape(1, 1, 1).expand(2, 3, 1)
    for place in np.ndindex(2, 3):
        start = (place[0] * 3 + place[1]) * 4
        row = sample(x[place], taus[place].item(), noise=torch.tensor([2, 0, start]))
        assert torch.equal(row, y[place])


def test_temperatures_on_another_axis():
    x, of = double(4, 3), key(Noise(2))
    tau = torch.tensor([[0.5, 0.7, 0.9]], dtype=torch.float64, requires_grad=True)
    y = gumbel_softmax(x, tau, dim=0, noise=of)
    same = gumbel_softmax(x.T, tau.T, noise=of).T
    assert torch.equal(y, same) and y.is_contiguous()
    assert gradcheck(lambda x, tau: gumbel_softmax(x, tau, dim=0, noise=of), (x, tau))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tau", [0.3, 2.0])
def test_gradients_are_the_formula(dtype, tau):
    x = logits(40, 7, seed=3, dtype=dtype, masked=True).requires_grad_()
    dy = logits(40, 7, seed=4, dtype=dtype)
    gumbel_softmax(x, tau, noise=Noise(5)).backward(dy)
    y, d = relaxed(x, tau, Noise(5)), dy.double().numpy()
    expected = y * (d - (y * d).sum(-1, keepdims=True)) / tau
    assert x.grad.dtype == dtype
    assert np.abs(x.grad.double().numpy() - expected).max() < 8 * TOLERANCE[dtype] / tau
    assert (x.grad[x == -torch.inf] == 0).all()


def test_hard_samples_have_the_gradient_of_the_soft_ones():
    x, weights, of = double(5, 4), logits(5, 4, seed=6, dtype=torch.float64), key(Noise(6))
    tau = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    grads = []
    for hard in (False, True):
        y = (gumbel_softmax(x, tau, hard, noise=of) * weights).sum()
        first = torch.autograd.grad(y, (x, tau), create_graph=True)
        second = torch.autograd.grad(first[0].pow(2).sum() + first[1].pow(2), (x, tau))
        grads.append((*first, *second))
    for soft, hard in zip(*grads, strict=True):
        assert torch.allclose(soft, hard, atol=1e-12)
    assert torch.equal(straight_through(x, tau, noise=of), gumbel_softmax(x, tau, True, noise=of))


@pytest.mark.parametrize("sample", [*DIFFERENTIABLE, straight_through])
def test_gradients_at_masks_are_exactly_zero(sample):
    x = logits(30, 5, seed=7, dtype=torch.float64, masked=True).requires_grad_()
    masked = x == -torch.inf
    tau = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = sample(x, tau, noise=Noise(7))
    weights = logits(30, 5, seed=8, dtype=torch.float64)
    for cotangent in (weights, weights.masked_fill(masked, torch.nan), weights.masked_fill(masked, torch.inf)):
        first, slope = torch.autograd.grad(y, (x, tau), cotangent, retain_graph=True)
        assert (first[masked] == 0).all() and first.isfinite().all() and slope.isfinite()
        created = torch.autograd.grad(y, (x, tau), cotangent, create_graph=True)
        assert torch.allclose(created[0], first, atol=1e-12) and torch.allclose(created[1], slope)
        second = torch.autograd.grad(created[0].pow(2).sum() + created[1].pow(2), (x, tau), retain_graph=True)
        assert (second[0][masked] == 0).all() and second[0].isfinite().all() and second[1].isfinite()


@pytest.mark.parametrize("sample", [*DIFFERENTIABLE, straight_through])
@pytest.mark.parametrize("tau", [1e-45, 1e-39, 1e-20, 1e38])
def test_slopes_at_extreme_temperatures_are_no_nan(sample, tau):
    x = (logits(50, 5, seed=9, masked=True) * 1e30).requires_grad_()
    temperature = torch.tensor(tau, dtype=torch.float64, requires_grad=True)
    y = sample(x, temperature)
    y.backward(logits(50, 5, seed=10))
    assert not x.grad.isnan().any() and temperature.grad.isfinite()


def test_a_single_unmasked_category_has_no_gradient():
    x = torch.tensor([[0.0, -torch.inf]], requires_grad=True)
    tau = torch.tensor(0.5, requires_grad=True)
    gumbel_softmax(x, tau)[0, 0].backward()
    assert torch.equal(x.grad, torch.zeros(1, 2)) and tau.grad == 0


def test_exact_samples_have_no_gradient():
    x = logits(5, 4).requires_grad_()
    assert not one_hot(x).requires_grad and not gumbel_max(x).requires_grad


def test_gradients_accumulate_and_stop_where_they_should():
    x = logits(5, 4).requires_grad_()
    with torch.no_grad():
        assert not gumbel_softmax(x).requires_grad
    assert not gumbel_softmax(x.detach()).requires_grad
    tau = torch.tensor(1.0, requires_grad=True)
    y = gumbel_softmax(x.detach(), tau, noise=Noise(1))
    (y * logits(5, 4, seed=1)).sum().backward()
    assert x.grad is None and tau.grad.shape == () and tau.grad != 0


def test_cotangents_of_any_layout():
    x = logits(6, 4).requires_grad_()
    y = gumbel_softmax(x, noise=Noise(2))
    weights = logits(4, 6, seed=1)
    (expected,) = torch.autograd.grad(y, x, weights.T.contiguous(), retain_graph=True)
    (transposed,) = torch.autograd.grad(y, x, weights.T, retain_graph=True)
    assert torch.equal(transposed, expected)
    (constant,) = torch.autograd.grad(y.sum(), x)  # an expanded cotangent
    assert constant.abs().max() < 1e-6


def test_hessians_of_both_routes_agree():
    x, weights, of = double(3, 4), logits(3, 4, seed=1, dtype=torch.float64), key(Noise(3))

    def loss(x):
        return (gumbel_softmax(x, 0.7, noise=of) * weights).pow(2).sum()

    forward_over_reverse = torch.func.hessian(loss)(x.detach())
    reverse_over_reverse = torch.func.jacrev(torch.func.jacrev(loss))(x.detach())
    eager = torch.autograd.functional.hessian(loss, x)
    assert torch.allclose(forward_over_reverse, reverse_over_reverse, atol=1e-10)
    assert torch.allclose(eager, reverse_over_reverse, atol=1e-10)


@pytest.mark.parametrize("sample", [*DIFFERENTIABLE, straight_through])
def test_jacobians_forward_and_backward_agree(sample):
    x, of = double(3, 4).detach(), key(Noise(4))
    tau = torch.tensor(0.7, dtype=torch.float64)
    forward = torch.func.jacfwd(lambda x, tau: sample(x, tau, noise=of), argnums=(0, 1))(x, tau)
    backward = torch.func.jacrev(lambda x, tau: sample(x, tau, noise=of), argnums=(0, 1))(x, tau)
    for one, other in zip(forward, backward, strict=True):
        assert torch.allclose(one, other, atol=1e-12) and one.abs().max() > 0.01


def test_forward_mode_without_transformations():
    import torch.autograd.forward_ad as forward

    x, tangent, of = logits(3, 4), logits(3, 4, seed=1), key(Noise(5))
    with forward.dual_level():
        y = forward.unpack_dual(gumbel_softmax(forward.make_dual(x, tangent), 0.5, noise=of))
    expected = torch.func.jvp(lambda x: gumbel_softmax(x, 0.5, noise=of), (x,), (tangent,))
    assert torch.equal(y.primal, expected[0]) and torch.allclose(y.tangent, expected[1])
    slope = torch.func.jacrev(lambda x: gumbel_softmax(x, 0.5, noise=of))(x)
    assert torch.allclose(y.tangent, torch.einsum("abcd,cd->ab", slope, tangent), atol=1e-6)
