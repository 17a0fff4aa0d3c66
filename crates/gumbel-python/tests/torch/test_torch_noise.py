"""Where noise comes from: PyTorch's generators, noise objects, keys."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel import Noise
from gumbel.torch import gumbel_max, gumbel_softmax, key, keys, log_gumbel_softmax, one_hot, straight_through, top_k
from torch_reference import logits

FUNCTIONS = [
    gumbel_softmax,
    log_gumbel_softmax,
    straight_through,
    gumbel_max,
    one_hot,
    lambda x, noise=None: top_k(x, 2, noise=noise),
]


@pytest.mark.parametrize("sample", FUNCTIONS)
def test_the_default_generator_decides(sample):
    x = logits(10, 5)
    torch.manual_seed(0)
    first, second = sample(x), sample(x)
    torch.manual_seed(0)
    assert torch.equal(sample(x), first)
    assert not torch.equal(first, second)


def test_the_state_of_the_generator_can_be_saved_and_forked():
    x = logits(10, 5)
    state = torch.get_rng_state()
    first = gumbel_softmax(x)
    torch.set_rng_state(state)
    with torch.random.fork_rng():
        assert torch.equal(gumbel_softmax(x), first)
    assert torch.equal(gumbel_softmax(x), first)


def test_checkpointing_repeats_the_sample():
    x = logits(10, 5).requires_grad_()
    weights = logits(10, 5, seed=1)
    torch.manual_seed(1)
    y = torch.utils.checkpoint.checkpoint(lambda x: gumbel_softmax(x, 0.5, hard=True), x, use_reentrant=False)
    (y * weights).sum().backward()
    repeated = x.detach().clone().requires_grad_()
    torch.manual_seed(1)
    (gumbel_softmax(repeated, 0.5, hard=True) * weights).sum().backward()
    assert torch.equal(x.grad, repeated.grad)


@pytest.mark.parametrize("sample", FUNCTIONS)
def test_a_generator_is_used_and_moves(sample):
    x = logits(10, 5)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(3)
    first, second = sample(x, noise=generator), sample(x, noise=generator)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, second)
    assert torch.equal(sample(x, noise=torch.Generator().manual_seed(3)), first)
    torch.manual_seed(3)
    assert torch.equal(sample(x), first)


@pytest.mark.parametrize("sample", FUNCTIONS)
def test_a_noise_moves_past_one_number_for_each_logit(sample):
    x, noise = logits(10, 5), Noise(4)
    first = sample(x, noise=noise)
    assert noise.parts == (4, 0, 50)
    assert torch.equal(sample(x, noise=key(Noise(4))), first)
    assert torch.equal(sample(x, noise=noise), sample(x, noise=torch.tensor([4, 0, 50])))


def test_a_noise_moves_also_when_the_call_raises():
    noise = Noise(4)
    for sample in FUNCTIONS:
        with pytest.raises(gumbel.Error):
            sample(torch.full((2, 3), torch.nan), noise=noise)
    assert noise.parts[2] == 6 * len(FUNCTIONS)


def test_keys_are_bit_patterns():
    noise = Noise.from_parts(2**64 - 1, 2**63, 17)
    assert key(noise, 5).tolist() == [-1, -(2**63), 17]
    assert noise.parts[2] == 22
    assert key(noise).dtype == torch.int64 and key(noise).device.type == "cpu"
    split = keys(noise, 3)
    parts = np.array([noise.split(i).parts for i in range(3)], dtype=np.uint64)
    assert np.array_equal(split.numpy().view(np.uint64), parts)
    assert keys(noise, 0).shape == (0, 3)


def test_a_key_of_two_words_begins_at_zero():
    x = logits(3, 4)
    assert torch.equal(gumbel_softmax(x, noise=torch.tensor([8, 9])), gumbel_softmax(x, noise=torch.tensor([8, 9, 0])))
    at = gumbel_softmax(x, noise=torch.tensor([8, 9, 7]))
    assert torch.equal(at, gumbel_softmax(x, noise=Noise.from_parts(8, 9, 7)))


@pytest.mark.parametrize("batch", [(3,), (3, 4)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_leading_axes_of_a_key_give_a_key_to_each_block(batch, dtype):
    x = logits(3, 4, 2, 5, dtype=dtype)
    many = keys(Noise(5), int(np.prod(batch))).reshape(*batch, 3)
    for sample in (gumbel_softmax, log_gumbel_softmax, straight_through, gumbel_max, one_hot):
        together = sample(x, noise=many)
        for place in np.ndindex(batch):
            assert torch.equal(together[place], sample(x[place], noise=many[place]))
    swapped = gumbel_softmax(x, dim=2, noise=many)
    for place in np.ndindex(batch):
        axis = 2 - len(batch)
        assert torch.equal(swapped[place], gumbel_softmax(x[place], dim=axis, noise=many[place]))


def test_many_small_blocks_on_threads():
    x = logits(30_000, 1, 4)
    many = keys(Noise(6), 30_000)
    torch.set_num_threads(2)
    threaded = gumbel_softmax(x, noise=many)
    torch.set_num_threads(1)
    assert torch.equal(threaded, gumbel_softmax(x, noise=many))
    assert torch.equal(threaded[123], gumbel_softmax(x[123], noise=many[123]))
    x[20_000, 0, 2] = torch.nan
    x[29_000, 0, 1] = torch.nan
    torch.set_num_threads(2)
    with pytest.raises(gumbel.Error) as caught:
        gumbel_softmax(x, noise=many)
    torch.set_num_threads(1)
    assert caught.value.index == (20_000, 0, 2)


def test_keys_that_do_not_fit_are_refused():
    x = logits(3, 4)
    for shape in ((), (1,), (4,), (2, 3), (4, 3), (3, 4, 3)):
        with pytest.raises(ValueError, match="a key must have shape"):
            gumbel_softmax(x, noise=torch.zeros(shape, dtype=torch.int64))
    for dtype in (torch.int32, torch.float32, torch.uint64):
        with pytest.raises(TypeError, match="int64"):
            gumbel_softmax(x, noise=torch.zeros(2).to(dtype))
    for position in (-1, 2**62, 2**62 - 12, 2**63 - 1):
        with pytest.raises(ValueError, match="position"):
            gumbel_softmax(x, noise=torch.tensor([0, 0, position]))
    assert gumbel_softmax(x, noise=torch.tensor([0, 0, 2**62 - 13])).isfinite().all()


@pytest.mark.parametrize("noise", [3, "seed", np.random.default_rng(0), (1, 2), True])
def test_other_noises_are_refused(noise):
    with pytest.raises(TypeError, match="noise must be"):
        gumbel_softmax(logits(3, 4), noise=noise)


def test_seeds_differ_from_those_of_pytorch():
    """As documented: the same seed does not give the sample of PyTorch's function."""
    x = logits(10, 5)
    torch.manual_seed(0)
    ours = gumbel_softmax(x)
    torch.manual_seed(0)
    assert not torch.allclose(torch.nn.functional.gumbel_softmax(x), ours)


def test_the_default_device_does_not_matter():
    x = logits(3, 4)
    with torch.device("meta"):
        y = gumbel_softmax(x, noise=Noise(3))
        assert y.device.type == "cpu" and torch.equal(y, gumbel_softmax(x, noise=Noise(3)))
        assert gumbel_softmax(x).device.type == "cpu"
        assert key(Noise(3)).device.type == "cpu"
