"""What a user can get wrong, and the failures of other implementations: a typed error, never NaN."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel import Error, Noise
from gumbel.torch import (
    concrete_log_prob,
    exp_concrete_log_prob,
    gumbel_max,
    gumbel_softmax,
    log_gumbel_softmax,
    one_hot,
    relaxed_bernoulli_log_prob,
    straight_through,
    top_k,
)
from torch_reference import DTYPES, logits

RELAXED = [gumbel_softmax, log_gumbel_softmax, straight_through]
SAMPLES = [*RELAXED, gumbel_max, one_hot, lambda x, dim=-1: top_k(x, 1, dim)]


@pytest.mark.parametrize("sample", RELAXED)
@pytest.mark.parametrize("tau", [0, 0.0, -0.0, -1, torch.inf, -torch.inf, torch.nan, 1e-60])
def test_temperatures_must_be_positive_and_finite(sample, tau):
    for given in (tau, torch.tensor(tau, dtype=torch.float64), torch.tensor([tau], dtype=torch.float64)):
        with pytest.raises(Error) as caught:
            sample(torch.zeros(2, 3), given)
        error = caught.value
        assert error.kind == "temperature" and isinstance(error, ValueError)
        assert error.index is None and (error.value == tau or tau != tau)
        assert float(str(error).rsplit(maxsplit=1)[1]) == pytest.approx(tau, nan_ok=True)


def test_a_temperature_below_single_precision_is_fine_in_double():
    assert gumbel_softmax(torch.zeros(2, 3, dtype=torch.float64), 1e-60).isfinite().all()


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [-1, 0, 1])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits_that_are_not_numbers_are_found_where_the_caller_has_them(sample, dtype, dim, value):
    x = logits(3, 4, 5, dtype=dtype)
    x[1, 2, 3] = value
    with pytest.raises(Error) as caught:
        sample(x, dim=dim)
    error = caught.value
    assert error.kind == "logit" and error.index == (1, 2, 3)
    assert error.value == value or np.isnan(value)
    assert x.movedim(dim, -1).reshape(-1, x.shape[dim])[error.row, error.column].item() == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("dim", [-1, 0, 1])
def test_rows_of_masks_are_found_where_the_caller_has_them(sample, dim):
    x = logits(3, 4, 5).movedim(-1, dim)
    x.movedim(dim, -1)[1, 2] = -torch.inf
    with pytest.raises(Error, match="every logit of row") as caught:
        sample(x, dim=dim)
    assert caught.value.kind == "all_masked" and caught.value.index == (1, 2)


def test_the_first_of_several_errors_is_reported():
    x = logits(100_000, 10)
    x[70_000, 3] = x[90_000, 1] = torch.nan
    x[80_000] = -torch.inf
    for dtype in (torch.float32, torch.bfloat16):
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with pytest.raises(Error) as caught:
                gumbel_softmax(x.to(dtype))
            assert caught.value.index == (70_000, 3)
    torch.set_num_threads(1)


def test_errors_of_backward_do_not_depend_on_its_cotangent():
    """NaN from elsewhere is passed on where it belongs, and is no NaN at a mask."""
    x = torch.tensor([0.0, 1.0, -torch.inf], requires_grad=True)
    y = gumbel_softmax(x)
    y.backward(torch.tensor([1.0, 0.0, torch.nan]))
    assert x.grad.isfinite().all() and x.grad[2] == 0


def test_too_many_categories_are_refused():
    x = torch.tensor([[0.0, 1.0, 2.0], [0.0, -torch.inf, 1.0]])
    with pytest.raises(Error) as caught:
        top_k(x, 3)
    assert caught.value.kind == "too_few" and caught.value.index == (1,)
    with pytest.raises(Error) as caught:
        top_k(x, 2**40)
    assert caught.value.kind == "too_few"
    with pytest.raises(ValueError, match="negative"):
        top_k(x, -1)
    with pytest.raises(Error) as caught:
        gumbel_softmax(torch.empty(3, 0))
    assert caught.value.kind == "categories"


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_is_no_dense_tensor_of_floats_is_a_type_error(sample):
    dense = torch.ones(3, 4)
    wrong = [
        [[0.0, 1.0]],
        np.zeros((3, 4), np.float32),
        3.0,
        None,
        dense.long(),
        dense.bool(),
        dense.to(torch.complex64),
        dense.to(torch.float8_e4m3fn),
        dense.to_sparse(),
        dense.to_sparse_csr(),
        torch.quantize_per_tensor(dense, 0.1, 0, torch.quint8),
    ]
    for logits in wrong:
        with pytest.raises(TypeError):
            sample(logits)


@pytest.mark.parametrize("sample", SAMPLES)
def test_axes_out_of_range_are_index_errors(sample):
    for dim in (2, -3, 100):
        with pytest.raises(IndexError):
            sample(torch.zeros(3, 4), dim=dim)
    for dim in (-1, 0):
        with pytest.raises(IndexError):
            sample(torch.tensor(1.0), dim=dim)


@pytest.mark.parametrize("tau", [1j, "1", None, [1.0]])
def test_temperatures_of_other_types_are_type_errors(tau):
    with pytest.raises(TypeError, match="tau"):
        gumbel_softmax(torch.zeros(3), tau)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (2, 1), (3, 1, 1), (4, 1)])
def test_temperatures_that_do_not_fit_name_both_shapes(shape):
    with pytest.raises(ValueError, match=r"tau must .*\[3, 1\].*got shape \[" + str(shape[0])):
        gumbel_softmax(torch.zeros(3, 4), torch.ones(shape))


def test_a_batch_of_temperatures_is_checked():
    with pytest.raises(Error) as caught:
        gumbel_softmax(torch.zeros(3, 4), torch.tensor([[1.0], [0.0], [1.0]]))
    assert caught.value.kind == "temperature" and caught.value.value == 0


# Failures of others, each of which gives NaN or a wrong law there.


def test_an_index_is_found_across_any_gap():
    """Noise from truncated uniforms never crosses a gap beyond its bounds: 8 nats in one library, 16.6 in another."""
    for gap, draws in ((8.0, 1_000_000), (12.0, 20_000_000)):
        x = torch.tensor([0.0, gap]).expand(draws, 2)
        share = 1 / (1 + np.exp(gap))
        crossed = int((gumbel_max(x, noise=Noise(1)) == 0).sum())
        assert abs(crossed - draws * share) < 4 * (draws * share) ** 0.5


def test_noise_in_half_precision_has_no_ties():
    """With noise of 8 significant bits, ties decide the argmax: the first categories are drawn too often."""
    x = torch.zeros(2_000, 500, dtype=torch.bfloat16)
    first = (gumbel_max(x, noise=Noise(2)) < 250).double().mean()
    assert abs(first - 0.5) < 4 * 0.5 / 2_000**0.5
    assert torch.equal(gumbel_max(x, noise=Noise(2)), gumbel_max(x.float(), noise=Noise(2)))


def test_the_density_of_an_own_sample_is_a_number():
    """At a small temperature a relaxed sample has coordinates that are exactly 0 and 1."""
    x = logits(500, 4)
    for tau in (0.01, 0.1, 1.0):
        y = gumbel_softmax(x, tau, noise=Noise(3))
        log_y = log_gumbel_softmax(x, tau, noise=Noise(3))
        assert not concrete_log_prob(y, x, tau).isnan().any()
        assert exp_concrete_log_prob(log_y, x, tau).isfinite().all()


def test_densities_of_large_log_odds_do_not_overflow():
    assert relaxed_bernoulli_log_prob(torch.tensor(0.5), torch.tensor(100.0), 1.0).item() == pytest.approx(-98.613706)


def test_a_batch_of_temperatures_is_no_outer_product():
    x, tau = logits(5, 3), torch.tensor([[0.3], [0.5], [0.7], [0.9], [1.1]])
    assert gumbel_softmax(x, tau).shape == (5, 3)
    together = exp_concrete_log_prob(x.log_softmax(-1), x, tau)
    assert together.shape == (5,)
    for row in range(5):
        assert torch.equal(together[row], exp_concrete_log_prob(x[row].log_softmax(-1), x[row], tau[row]))


def test_a_panic_or_an_abort_is_not_possible_at_random_calls():
    """A thousand calls of random shapes, types, masks, temperatures and axes agree with double precision, or raise."""
    random = np.random.default_rng(0)
    outcomes = {"agrees": 0, "raises": 0}
    for call in range(1000):
        shape = random.integers(0 if call % 10 == 0 else 1, 6, size=random.integers(1, 4))
        x = torch.from_numpy(np.array(random.normal(size=shape) * 10.0 ** random.integers(-3, 5)))
        fill = random.choice([0.0, -np.inf, np.nan, np.inf], p=[0.5, 0.4, 0.05, 0.05])
        x = torch.where(torch.from_numpy(np.array(random.random(shape) < 0.1)), fill, x)
        dtype, dim = DTYPES[random.integers(4)], int(random.integers(-len(shape), len(shape)))
        tau = float(random.choice([0.1, 1.0, 7.0, 0.0, -1.0], p=[0.3, 0.4, 0.2, 0.05, 0.05]))
        x = x.to(dtype)
        try:
            y = gumbel_softmax(x, tau, dim=dim, noise=Noise(call))
        except Error as error:
            rows = x.movedim(dim, -1)
            invalid = rows.isnan().any() or (rows == torch.inf).any() or (rows == -torch.inf).all(-1).any()
            assert invalid or not tau > 0 or x.shape[dim] == 0, error
            outcomes["raises"] += 1
            continue
        wide = gumbel_softmax(x.double(), tau, dim=dim, noise=Noise(call))
        assert (y.double() - wide).abs().max().item() < 0.02 if y.numel() else True
        outcomes["agrees"] += 1
    assert min(outcomes.values()) > 100, outcomes
