"""On a CUDA device, where there is one: the composed path gives the samples of the CPU, to rounding."""

import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel import Noise
from gumbel.torch import (
    binary_concrete_log_prob,
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
from torch_reference import DTYPES, TOLERANCE, logits

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

RELAXED = [gumbel_softmax, log_gumbel_softmax, straight_through]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [-1, 0])
def test_samples_are_those_of_the_cpu(dtype, dim):
    x = logits(50, 7, dtype=dtype, masked=True).movedim(-1, dim)
    there = x.cuda()
    for sample in RELAXED:
        y, expected = sample(there, 0.5, dim=dim, noise=Noise(1)), sample(x, 0.5, dim=dim, noise=Noise(1))
        assert y.is_cuda and y.dtype == dtype and y.is_contiguous()
        torch.testing.assert_close(y.cpu(), expected, rtol=8 * TOLERANCE[dtype], atol=8 * TOLERANCE[dtype])
    for sample in (gumbel_max, one_hot, lambda x, dim, noise: top_k(x, 1, dim, noise=noise)):
        assert torch.equal(sample(there, dim=dim, noise=Noise(1)).cpu(), sample(x, dim=dim, noise=Noise(1)))


def test_noise_of_every_kind():
    x = logits(50, 7).cuda()
    for noise in (None, torch.Generator(), torch.Generator("cuda"), Noise(1), key(Noise(1)), key(Noise(1)).cuda(), keys(Noise(1), 50)):
        y = gumbel_softmax(x, noise=noise)
        assert y.is_cuda and torch.allclose(y.sum(-1), torch.ones(50, device="cuda"))
    torch.manual_seed(0)
    first = gumbel_softmax(x)
    torch.manual_seed(0)
    assert torch.equal(gumbel_softmax(x), first)


@pytest.mark.parametrize("sample", RELAXED)
@pytest.mark.parametrize("place", ["number", "cpu", "cuda", "rows"])
def test_gradients_are_those_of_the_cpu(sample, place):
    weights = logits(20, 5, seed=1)
    slopes = []
    for device in ("cpu", "cuda"):
        x = logits(20, 5, masked=True).to(device).requires_grad_()
        tau = 0.6
        if place == "rows":
            tau = torch.linspace(0.3, 1, 20, device=device)[:, None].requires_grad_()
        elif place != "number":
            tau = torch.tensor(0.6, device=place if device == "cuda" else "cpu").requires_grad_()
        y = sample(x, tau, noise=Noise(2)).nan_to_num()
        y = torch.where(x == -torch.inf, 0.0, y)
        given = (x, tau) if isinstance(tau, torch.Tensor) else (x,)
        first = torch.autograd.grad((y * weights.to(device)).sum(), given, create_graph=True)
        second = torch.autograd.grad(sum(s.pow(2).sum() for s in first), given)
        slopes.append([s.cpu() for s in (*first, *second)])
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_errors_are_those_of_the_cpu():
    x = logits(3, 4, 5).cuda()
    x[1, 2, 3] = torch.nan
    for sample in (*RELAXED, gumbel_max, one_hot):
        for dim in (0, 1, 2):
            with pytest.raises(gumbel.Error) as caught:
                sample(x, dim=dim)
            assert caught.value.kind == "logit" and caught.value.index == (1, 2, 3)
    for tau in (0.0, torch.tensor(0.0), torch.tensor(0.0).cuda()):
        with pytest.raises(gumbel.Error) as caught:
            gumbel_softmax(torch.zeros(2, 3).cuda(), tau)
        assert caught.value.kind == "temperature"
    with pytest.raises(TypeError):
        gumbel_softmax(torch.zeros(2, 3).cuda().to_sparse())


def test_densities_are_those_of_the_cpu():
    y, x = logits(20, 5).log_softmax(-1), logits(20, 5, seed=1)
    for log_prob, points in (
        (exp_concrete_log_prob, y),
        (concrete_log_prob, y.exp()),
        (binary_concrete_log_prob, y),
        (relaxed_bernoulli_log_prob, y.exp()),
    ):
        for tau in (0.6, torch.linspace(0.3, 1, 20)[:, None]):
            slopes = []
            for device in ("cpu", "cuda"):
                temperature = torch.as_tensor(tau).clone().to(device).requires_grad_()
                given = (points.to(device).requires_grad_(), x.to(device).requires_grad_(), temperature)
                density = log_prob(*given)
                slopes.append([density, *torch.autograd.grad(density.sum(), given)])
            for one, other in zip(*slopes, strict=True):
                torch.testing.assert_close(one, other.cpu(), rtol=1e-3, atol=1e-4)


def test_transformations_and_compiled_code():
    x, many = logits(6, 3, 4).cuda(), keys(Noise(1), 6)
    expected = torch.stack([gumbel_softmax(x[i], noise=many[i]) for i in range(6)])
    torch.testing.assert_close(torch.vmap(lambda x, k: gumbel_softmax(x, noise=k))(x, many), expected)
    of = key(Noise(2))
    forward = torch.func.jacfwd(lambda x: gumbel_softmax(x, 0.7, noise=of))(x[0])
    torch.testing.assert_close(forward, torch.func.jacrev(lambda x: gumbel_softmax(x, 0.7, noise=of))(x[0]))
    compiled = torch.compile(lambda x, tau: gumbel_softmax(x, tau, noise=of), fullgraph=True)
    for tau in (1.0, 0.9, 0.8):
        given = x.clone().requires_grad_()
        compiled(given, tau).pow(2).sum().backward()
        eager = x.clone().requires_grad_()
        gumbel_softmax(eager, tau, noise=of).pow(2).sum().backward()
        torch.testing.assert_close(given.grad, eager.grad)


def test_autocast_changes_nothing():
    x = logits(20, 5).cuda()
    with torch.autocast("cuda", torch.float16):
        y = gumbel_softmax(x, 0.5, noise=Noise(1))
    assert y.dtype == torch.float32 and torch.equal(y, gumbel_softmax(x, 0.5, noise=Noise(1)))
