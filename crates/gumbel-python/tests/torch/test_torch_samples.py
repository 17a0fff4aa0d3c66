"""Values of samples: against the formulas, against NumPy's functions, and against each other."""

import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel import Noise
from gumbel.torch import gumbel_max, gumbel_softmax, key, log_gumbel_softmax, one_hot, straight_through, top_k
from torch_reference import DTYPES, TOLERANCE, logits, relaxed


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tau", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("dim", [-1, 0, 1])
def test_relaxed_samples_are_the_formula(dtype, tau, dim):
    x = logits(7, 5, 11, seed=1, dtype=dtype)
    y = gumbel_softmax(x, tau, dim=dim, noise=Noise(3))
    assert y.dtype == dtype and y.is_contiguous()
    error = np.abs(y.double().numpy() - relaxed(x, tau, Noise(3), dim)).max()
    assert error < TOLERANCE[dtype] * (1 + 1 / tau)


@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithms_are_those_of_the_relaxed_sample(dtype):
    x = logits(50, 6, seed=2, dtype=dtype)
    log_y = log_gumbel_softmax(x, 0.5, noise=Noise(3))
    expected = np.log(relaxed(x, 0.5, Noise(3)))
    scale = np.maximum(np.abs(expected), 1)
    assert (np.abs(log_y.double().numpy() - expected) / scale).max() < 10 * TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_samples_are_those_of_numpy_bit_for_bit(dtype, dim):
    x = logits(4, 5, 6, seed=3, dtype=dtype, masked=True).movedim(-1, dim)
    array = x.numpy()
    pairs = [
        (gumbel_softmax(x, 0.7, dim=dim, noise=Noise(5)), gumbel.gumbel_softmax(array, 0.7, noise=Noise(5), axis=dim)),
        (log_gumbel_softmax(x, 0.7, dim, noise=Noise(5)), gumbel.log_gumbel_softmax(array, 0.7, noise=Noise(5), axis=dim)),
        (one_hot(x, dim, noise=Noise(5)), gumbel.one_hot(array, noise=Noise(5), axis=dim)),
        (gumbel_max(x, dim, noise=Noise(5)), gumbel.gumbel_max(array, noise=Noise(5), axis=dim)),
        (top_k(x, 1, dim, noise=Noise(5)), gumbel.top_k(array, 1, noise=Noise(5), axis=dim)),
    ]
    for ours, theirs in pairs:
        assert ours.numpy().dtype == theirs.dtype
        assert np.array_equal(ours.numpy(), theirs)


def test_numbers_are_stable():
    """Golden numbers, from the formula with the noise of stream 42 in double precision. A change is value-breaking."""
    x = torch.tensor([[0.0, 1.0, 2.0], [0.5, -torch.inf, 0.5]])
    y = gumbel_softmax(x, 0.5, noise=Noise(42))
    expected = torch.tensor(GOLDEN)
    assert torch.allclose(y, expected, rtol=0, atol=1e-6)
    assert gumbel_max(x, noise=Noise(42)).tolist() == GOLDEN_INDEX


GOLDEN = [[0.16681509, 0.5138936, 0.3192912], [0.51882863, 0.0, 0.48117140]]
GOLDEN_INDEX = [1, 0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1])
def test_soft_hard_index_and_order_of_one_key_agree(dtype, dim):
    x, of = logits(20, 30, seed=4, dtype=dtype, masked=True), key(Noise(6))
    if dim == 0:
        x = x.T
    index = gumbel_max(x, dim, noise=of)
    hard = gumbel_softmax(x, 0.3, hard=True, dim=dim, noise=of)
    assert torch.equal(hard, straight_through(x, 0.3, dim, noise=of))
    assert torch.equal(hard, one_hot(x, dim, noise=of))
    assert torch.equal(hard.argmax(dim), index)
    assert torch.equal(top_k(x, 3, dim, noise=of).select(dim, 0), index)
    if dtype in (torch.float32, torch.float64):
        # The largest entry of a relaxed sample in half precision may be a tie.
        assert torch.equal(gumbel_softmax(x, 0.3, dim=dim, noise=of).argmax(dim), index)
    assert torch.equal(gumbel_max(x, dim, True, noise=of), index.unsqueeze(dim))


def test_hard_samples_are_exactly_zero_or_one():
    for dtype in DTYPES:
        x = logits(200, 5, seed=5, dtype=dtype)
        for hard in (gumbel_softmax(x, 0.01, True), gumbel_softmax(x.requires_grad_(), 3.0, True)):
            assert ((hard == 0) | (hard == 1)).all()
            assert (hard.sum(-1) == 1).all()


def test_masks_are_exactly_zero():
    x = logits(100, 7, seed=6, masked=True)
    masked = x == -torch.inf
    assert masked.any()
    y = gumbel_softmax(x, 2.0)
    assert (y[masked] == 0).all() and (y[~masked] > 0).all()
    log_y = log_gumbel_softmax(x, 2.0)
    assert torch.equal(log_y == -torch.inf, masked)
    assert not masked.gather(1, top_k(x, 1)).any()


def test_only_masks_have_a_logarithm_of_minus_infinity():
    """Also in half precision, whose lowest finite number is -65504."""
    for dtype in DTYPES:
        x = torch.tensor([0.0, -1e4, -torch.inf], dtype=dtype)
        log_y = log_gumbel_softmax(x, 0.01, noise=Noise(1))
        assert log_y[1].isfinite() and log_y[1] <= -6e4 and log_y[2] == -torch.inf


def test_a_large_common_part_of_the_logits_costs_no_digits():
    for offset in (-1e7, 1e7, 3e38):
        x = torch.full((20_000, 2), offset)
        share = gumbel_max(x, noise=Noise(9)).double().mean()
        assert abs(share - 0.5) < 4 * 0.5 / 20_000**0.5


@pytest.mark.parametrize("tau", [1e-45, 1e-30, 1e-3, 1e3, 3e38])
def test_extreme_temperatures_give_numbers(tau):
    x = logits(50, 4, seed=7, masked=True)
    y = gumbel_softmax(x, tau, noise=Noise(2))
    assert y.isfinite().all() and torch.allclose(y.sum(-1), torch.ones(50))
    assert torch.equal(y.argmax(-1), gumbel_max(x, noise=Noise(2))) or tau > 1e3


def test_layouts_do_not_matter():
    x = logits(6, 8, seed=8)
    expected = gumbel_softmax(x, noise=Noise(4))
    padded = torch.zeros(6, 20)
    padded[:, 3:19:2] = x
    for same in (x.T.contiguous().T, padded[:, 3:19:2], x.flip(0).flip(0), torch.nn.Parameter(x)):
        y = gumbel_softmax(same, noise=Noise(4))
        assert torch.equal(y, expected) and y.is_contiguous()
    expanded = x[:1].expand(6, 8)
    assert torch.equal(gumbel_softmax(expanded, noise=Noise(4)), gumbel_softmax(expanded.contiguous(), noise=Noise(4)))


def test_memory_that_is_not_aligned_is_copied():
    raw = bytearray(4 * 12 + 1)
    x = logits(12, seed=9)
    raw[1:] = x.numpy().tobytes()
    shifted = torch.frombuffer(raw, dtype=torch.float32, offset=1)
    assert shifted.data_ptr() % 4 == 1
    assert torch.equal(gumbel_softmax(shifted, noise=Noise(4)), gumbel_softmax(x, noise=Noise(4)))


def test_one_category_and_no_rows():
    assert torch.equal(gumbel_softmax(torch.randn(5, 1)), torch.ones(5, 1))
    assert gumbel_softmax(torch.empty(0, 3)).shape == (0, 3)
    assert gumbel_softmax(torch.empty(0, 3), hard=True).shape == (0, 3)
    assert gumbel_softmax(torch.empty(2, 0, 0)).shape == (2, 0, 0)
    assert gumbel_max(torch.empty(0, 3)).shape == (0,)
    assert one_hot(torch.empty(0, 3)).shape == (0, 3)
    assert top_k(torch.empty(0, 3), 2).shape == (0, 2)
    assert gumbel_softmax(torch.empty(4, 0, 3), dim=0).shape == (4, 0, 3)
    assert gumbel_softmax(torch.randn(7)).shape == (7,)


def test_every_axis_of_a_large_tensor_gives_the_same_rows():
    x = logits(3, 4, 5, 6, seed=10)
    for dim in range(-4, 4):
        y = gumbel_softmax(x, 0.5, dim=dim, noise=Noise(8))
        rows = gumbel_softmax(x.movedim(dim, -1).contiguous(), 0.5, noise=Noise(8))
        assert torch.equal(y, rows.movedim(-1, dim)) and y.is_contiguous()


def test_number_of_threads_does_not_matter():
    x = logits(2, 300_000, seed=11)
    halves = x.bfloat16().reshape(20_000, 30)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append((gumbel_softmax(x, noise=Noise(1)), gumbel_max(x, noise=Noise(1)), gumbel_softmax(halves, noise=Noise(1), hard=True)))
    torch.set_num_threads(1)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_positions_of_arguments_are_those_of_pytorch():
    import inspect

    names = list(inspect.signature(torch.nn.functional.gumbel_softmax).parameters)
    assert list(inspect.signature(gumbel_softmax).parameters)[:5] == names
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = gumbel_softmax(torch.zeros(3, 4), 1, True, 1e-10, 0)
    assert torch.equal(y.sum(0), torch.ones(4))
    with pytest.warns(UserWarning, match="eps"):
        gumbel_softmax(torch.zeros(3), eps=1e-8)


def test_patched_replaces_the_name_and_puts_it_back():
    functional = torch.nn.functional
    theirs = functional.gumbel_softmax
    with pytest.raises(ZeroDivisionError):
        with gumbel.torch.patched():
            assert functional.gumbel_softmax is gumbel_softmax
            with gumbel.torch.patched():
                pass
            assert functional.gumbel_softmax is gumbel_softmax
            1 / 0
    assert functional.gumbel_softmax is theirs


def test_functions_can_be_pickled():
    assert pickle.loads(pickle.dumps(gumbel_softmax)) is gumbel_softmax
