"""`exact_gradient` and `measure`: equal to those of the Rust crate for every estimator that both have, noise by noise."""

import doctest
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel.torch import exact_gradient, gumbel_softmax, measure, one_hot, path, score, straight_through

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "estimators.json").read_text())
NUMBERS = torch.tensor([0.3, -0.5, 0.8, 0.0, 1.0, -1.2], dtype=torch.float64)
WEIGHTS = torch.tensor([1.0, -0.5, 0.2, -1.0, 0.7, 0.4], dtype=torch.float64)


def curved(z):
    return (1.3 * z.flatten(-2) @ WEIGHTS).exp()


def along(path_of):
    """The estimator of a straight-through path."""

    def estimate(logits, f, noise):
        return f(path_of(logits, one_hot(logits.detach(), noise=noise), noise))

    return estimate


def scored(samples, surrogate):
    """The estimator that scores independent samples."""

    def estimate(logits, f, noise):
        z = one_hot(logits.detach().expand(samples, *logits.shape), noise=noise)
        return surrogate(score.log_prob(logits, z).sum(-1), f(z))

    return estimate


def of_bits(f, bits):
    return f(torch.stack([1 - bits, bits], -1))


def disarm(logits, f, noise):
    log_odds = logits[..., 1] - logits[..., 0]
    bits, twins = score.antithetic_pair(log_odds, torch.from_numpy(noise.uniform((2, *log_odds.shape))).double())
    return score.disarm(log_odds, bits, twins, of_bits(f, bits), of_bits(f, twins))


def arms(logits, f, noise):
    log_odds = logits[..., 1] - logits[..., 0]
    bits = score.antithetic_samples(log_odds, torch.from_numpy(noise.exponential((3, *log_odds.shape))).double())
    return score.arms(log_odds, bits, of_bits(f, bits))


ESTIMATORS = {
    "reinforce:baseline=none": scored(1, score.reinforce),
    "rloo:samples=3": scored(3, score.rloo),
    "straight-through": along(lambda logits, hard, _: path.probabilities(logits, hard)),
    "straight-through:backward=identity": along(lambda logits, hard, _: path.identity(logits, hard)),
    "reinmax:tau=1.3": along(lambda logits, hard, _: path.reinmax(logits, hard, 1.3)),
    "zgr": along(lambda logits, hard, _: path.zgr(logits, hard)),
    "gumbel-rao:tau=0.5:draws=4": along(lambda logits, hard, noise: path.gumbel_rao(logits, hard, 0.5, 4, noise=noise)),
    "gapped": along(lambda logits, hard, _: path.gapped(logits, hard)),
    "straight-through-gumbel:tau=0.7": lambda logits, f, noise: f(straight_through(logits, 0.7, noise=noise)),
    "gumbel-softmax:tau=0.7": lambda logits, f, noise: f(gumbel_softmax(logits, 0.7, noise=noise)),
    "darn": along(lambda logits, hard, _: path.darn(logits, hard)),
    "disarm:samples=4": disarm,
    "arms:samples=3": arms,
    "vimco:samples=3": scored(3, score.vimco),
}
BINARY = ("darn", "disarm:samples=4", "arms:samples=3")


def test_every_estimator_of_the_golden_numbers_is_here():
    assert set(ESTIMATORS) == set(GOLDEN["measured"])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_equals_the_measurement_in_rust(name):
    expected = GOLDEN["measured"][name]
    logits = NUMBERS.reshape(3, 2) if name in BINARY else NUMBERS.reshape(2, 3)
    result = measure(ESTIMATORS[name], logits, curved, 2000, noise=gumbel.Noise(11))
    assert result.replicates == expected["replicates"] == 2000
    np.testing.assert_allclose(result.mean.ravel(), expected["mean"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.variance.ravel(), expected["variance"], rtol=1e-9, atol=1e-12)
    if expected["bias"] is not None:
        np.testing.assert_allclose(result.bias, expected["bias"], rtol=1e-8)
        np.testing.assert_allclose(result.rmse(1, 100), expected["rmse_1_of_100"], rtol=1e-9)


def test_the_exact_gradient_equals_that_of_rust():
    gradient = exact_gradient(NUMBERS.reshape(2, 3), curved)
    np.testing.assert_allclose(gradient.flatten(), GOLDEN["measurement"]["reference"], rtol=1e-12)


def test_the_exact_gradient_is_the_derivative_of_a_sum_written_by_hand():
    """f factorises over the latents, so E f = Π_d Σ_k p_dk exp(1.3 w_dk)."""
    logits = torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = torch.sin(torch.arange(28.0, dtype=torch.float64)).reshape(7, 4)
    leaves = logits.clone().requires_grad_()
    (leaves.softmax(-1) * weights.exp()).sum(-1).prod().backward()
    gradient = exact_gradient(logits, lambda z: (z * weights).sum((-1, -2)).exp())
    torch.testing.assert_close(gradient, leaves.grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_exact_gradient_has_the_type_of_the_logits_and_does_not_see_masks(dtype):
    logits = torch.tensor([[0.0, -torch.inf, 1.0], [2.0, 0.0, -1.0]], dtype=dtype)

    def f(z):
        assert z.dtype == dtype and not bool(z[..., 0, 1].any())
        return z[..., 0, 2] + z[..., 1, 0]

    gradient = exact_gradient(logits, f)
    assert gradient.dtype == dtype and gradient[0, 1] == 0
    torch.testing.assert_close(gradient[0, 2].double(), torch.tensor(0.1966, dtype=torch.float64), atol=1e-3, rtol=0)


def test_measured_numbers_depend_on_the_noise_alone():
    logits = NUMBERS.reshape(2, 3)
    noise = gumbel.Noise(1)
    first, again = (measure(ESTIMATORS["zgr"], logits, curved, 100, noise=noise) for _ in range(2))
    other = measure(ESTIMATORS["zgr"], logits, curved, 100, noise=gumbel.Noise(2))
    assert (first.mean == again.mean).all() and first.bias == again.bias and (first.mean != other.mean).any()
    assert noise == gumbel.Noise(1)


def test_an_estimate_in_single_precision_without_variance_has_no_bias():
    def enumerated(logits, f, noise):
        p = logits.softmax(-1)
        return (p[:, 0, :, None] * p[:, 1, None, :] * f(STATES).reshape(3, 3)).sum((-1, -2))

    eye = torch.eye(3)
    STATES = torch.stack([eye.repeat_interleave(3, 0), eye.repeat(3, 1)], 1)
    weights = WEIGHTS.float()
    result = measure(enumerated, NUMBERS.float().reshape(2, 3), lambda z: z.flatten(-2) @ weights, 64, noise=gumbel.Noise(1))
    assert result.std < 1e-6 and abs(result.bias.z) < 4


def test_a_reference_of_the_callers_own_and_an_estimate_without_a_gradient():
    logits = torch.zeros(1, 2)
    result = measure(lambda logits, f, noise: torch.ones(len(logits)), logits, None, 64, noise=gumbel.Noise(1), reference=logits)
    assert result.mean.tolist() == [[0.0, 0.0]] and result.bias.z == 0
    biased = measure(lambda logits, f, noise: logits[:, 0, 0], logits, None, 64, noise=gumbel.Noise(1), reference=logits)
    assert biased.bias.z > 1e3 and biased.bias.value == pytest.approx(1.0)


def test_grad_mode_and_leaves_of_the_caller_do_not_matter():
    logits = NUMBERS.reshape(2, 3).clone().requires_grad_()
    expected = measure(ESTIMATORS["zgr"], logits, curved, 100, noise=gumbel.Noise(1))
    with torch.no_grad():
        found = measure(ESTIMATORS["zgr"], logits, curved, 100, noise=gumbel.Noise(1))
        assert not exact_gradient(logits, curved).requires_grad
    assert (found.mean == expected.mean).all() and logits.grad is None


def test_mistakes_name_what_was_given():
    logits, noise = torch.zeros(2, 3), gumbel.Noise(1)
    zgr = ESTIMATORS["zgr"]

    def total(z):
        return z.sum((-1, -2))

    with pytest.raises(ValueError, match=r"3\^11 states are too many to enumerate; the limit is 65536"):
        exact_gradient(torch.zeros(11, 3), total)
    with pytest.raises(ValueError, match=r"too many"):
        exact_gradient(torch.zeros(5000, 3), total)
    with pytest.raises(ValueError, match=r"shape \[D, K\], one row of latents; got \(3,\)"):
        exact_gradient(torch.zeros(3), total)
    with pytest.raises(ValueError, match=r"got \(0, 3\)"):
        exact_gradient(torch.zeros(0, 3), total)
    with pytest.raises(TypeError, match="floating-point type, got torch.int64"):
        exact_gradient(torch.zeros(2, 3, dtype=torch.int64), total)
    with pytest.raises(gumbel.Error) as caught:
        exact_gradient(torch.tensor([[0.0, 1.0], [0.0, math.nan]]), total)
    assert (caught.value.kind, caught.value.index) == ("logit", (1, 1))
    with pytest.raises(ValueError, match=r"one number per state, shape \(9,\); got \(9, 2\)"):
        exact_gradient(logits, lambda z: z[..., 0])
    with pytest.raises(ValueError, match=r"f must be finite, got inf at the categories \[1, 0\]"):
        exact_gradient(logits, lambda z: torch.where(z[..., 0, 1] * z[..., 1, 0] == 1, math.inf, 0.0))
    with pytest.raises(ValueError, match="replicates must be at least 32, got 31"):
        measure(zgr, logits, total, 31, noise=noise)
    with pytest.raises(TypeError, match="noise must be a gumbel.Noise, got int"):
        measure(zgr, logits, total, 32, noise=1)
    with pytest.raises(ValueError, match=r"surrogate of shape \(2,\), one number per row; got \(\)"):
        measure(lambda *given: zgr(*given).sum(), logits, total, 32, noise=noise)
    with pytest.raises(ValueError, match="gradients must be finite, got nan"):
        measure(lambda logits, f, noise: logits.sqrt().sum((-1, -2)) * math.nan, logits, total, 32, noise=noise)


def test_the_comparison_of_estimators_tells_biased_from_unbiased_ones(capsys):
    """Five z-scores at 4 of unbiased estimators: a false alarm in 3000 seeds."""
    file = Path(__file__).parents[2] / "examples" / "compare_estimators.py"
    spec = importlib.util.spec_from_file_location("compare_estimators", file)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.REPLICATES = 20_000
    example.main()
    rows = [line.rsplit(maxsplit=5) for line in capsys.readouterr().out.splitlines()[1:] if not line.startswith("--")]
    z = {row[0]: float(row[2]) for row in rows}
    unbiased = ("reinforce", "reinforce, baseline 1", "rloo, 4 samples", "disarm", "arms, 4 samples")
    assert len(z) == 13 and all(abs(z[name]) < 4 for name in unbiased)
    assert all(score > 8 for name, score in z.items() if name not in unbiased)


def test_the_examples_of_the_documentation_run():
    assert doctest.testmod(gumbel.torch._measure).failed == 0 and doctest.testmod(gumbel.torch._measure).attempted > 5
