"""In the place of PyTorch's function: the properties that its own tests ask for, in our words."""

import pytest

torch = pytest.importorskip("torch")

import gumbel.torch
import torch.nn.functional as F
from torch_reference import DTYPES


@pytest.fixture(autouse=True)
def patched():
    with gumbel.torch.patched():
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, dim, draws", [([5], 0, 1), ([5], -1, 1), ([5, 4], 1, 5), ([5, 4, 3], 1, 15), ([5, 4, 3], -1, 20)])
def test_one_choice_per_row(dtype, shape, dim, draws):
    torch.manual_seed(0)
    x = torch.randn(shape).to(dtype)
    y = F.gumbel_softmax(x, hard=True, dim=dim)
    assert y.shape == x.shape and y.min() >= 0 and y.sum() == draws


@pytest.mark.parametrize("dtype", DTYPES)
def test_counts_of_repeated_draws_are_those_of_the_probabilities(dtype):
    """|z| < 4 for three counts: false alarm 2e-4."""
    torch.manual_seed(0)
    x = torch.tensor([[0.2, 0.8, 0.1]], dtype=dtype, requires_grad=True)
    counts = sum(F.gumbel_softmax(x, hard=True).detach().double() for _ in range(400))
    assert counts.sum() == 400
    probability = x.detach().double().softmax(-1)
    z = (counts - 400 * probability) / (400 * probability * (1 - probability)).sqrt()
    assert z.abs().max() < 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_state_gives_the_same_gradient_hard_and_soft(dtype):
    weights = torch.randn(10, 10, dtype=dtype)
    state, slopes = torch.random.get_rng_state(), []
    for hard in (False, True):
        torch.random.set_rng_state(state)
        x = torch.zeros(10, 10, dtype=dtype, requires_grad=True)
        (F.gumbel_softmax(x, hard=hard) * weights).sum().backward()
        slopes.append(x.grad)
    assert torch.equal(*slopes) and slopes[0].abs().max() > 0.01


def test_a_model_trains_through_it():
    """Two categories of reward 0 and 1: the better one takes over."""
    torch.manual_seed(0)
    x = torch.zeros(2, requires_grad=True)
    optimiser = torch.optim.Adam([x], lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        loss = -F.gumbel_softmax(x.expand(32, 2), 0.7, hard=True)[:, 1].mean()
        loss.backward()
        optimiser.step()
    assert x.softmax(-1)[1] > 0.95
