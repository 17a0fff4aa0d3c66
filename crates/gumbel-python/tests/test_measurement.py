"""`gumbel.measure`: the measurement of the Rust crate, number by number, and what its statistics claim."""

import doctest
import json
import math
from pathlib import Path

import numpy as np
import pytest

import gumbel
import gumbel.measure
from gumbel.measure import Bias, Measured, Measurement

GOLDEN = json.loads((Path(__file__).parent / "golden" / "estimators.json").read_text())["measurement"]


def rust_draws():
    """The batches of gradients and losses of the Rust program."""
    for draw in GOLDEN["draws"]:
        losses = np.array(draw["losses"])
        yield np.array(draw["gradients"]).reshape(len(losses), 2, 3), losses


def measured(reference, batches):
    measurement = Measurement(reference)
    for batch in batches:
        measurement.add(batch)
    return measurement.result()


def test_equals_the_measurement_in_rust():
    measurement = Measurement(np.reshape(GOLDEN["reference"], (2, 3)))
    for gradients, losses in rust_draws():
        measurement.add(gradients, losses)
    result, expected = measurement.result(), GOLDEN["result"]
    assert result.replicates == expected["replicates"] == 32
    assert result.mean.shape == result.variance.shape == (2, 3)
    np.testing.assert_allclose(result.mean.ravel(), expected["mean"], rtol=1e-13)
    np.testing.assert_allclose(result.variance.ravel(), expected["variance"], rtol=1e-13)
    np.testing.assert_allclose(result.std, expected["std"], rtol=1e-13)
    np.testing.assert_allclose(result.bias, expected["bias"], rtol=1e-12)
    np.testing.assert_allclose(result.rmse(1, 100), expected["rmse_1_of_100"], rtol=1e-12)


@pytest.mark.parametrize("cuts", [[], [1], [5, 6], list(range(1, 40))])
def test_the_moments_are_those_of_the_whole_for_every_division(cuts):
    rows = 1e6 + gumbel.Noise(1).normal((40, 3), np.float64)
    result = measured(None, np.split(rows, cuts))
    np.testing.assert_allclose(result.mean, rows.mean(0), rtol=1e-15)
    np.testing.assert_allclose(result.variance, rows.var(0, ddof=1), rtol=1e-8)
    assert result.bias is None and result.rmse(1, 100) is None


def unbiased(seed, scale=1.0, shape=(320, 5)):
    noise = gumbel.Noise(seed).normal(shape, np.float64) * np.linspace(0.1, 3.0, shape[1])
    return scale * noise + np.arange(shape[1])


def test_z_of_an_unbiased_estimator_is_standard_normal():
    """Sum and sum of squares of 1000 numbers: each |.| < 4, a false alarm in 8000 seeds in all."""
    reference = np.arange(5.0)
    for divide in (lambda rows: np.split(rows, 16), lambda rows: [rows]):
        z = np.array([measured(reference, divide(unbiased(seed))).bias.z for seed in range(1000)])
        assert abs(z.mean()) * math.sqrt(1000) < 4
        # 300 projections for each variance: the squares of z vary a little more than those of a normal number.
        assert abs(np.square(z).mean() - 1) * math.sqrt(1000 / 2) < 4


def test_a_bias_is_found_and_its_value_is_its_norm():
    reference = np.arange(5.0)
    shifted = [batch + np.array([0.3, 0, 0, -0.4, 0]) for batch in np.split(unbiased(7, 0.1, (3200, 5)), 16)]
    bias = measured(reference, shifted).bias
    assert bias.z > 20
    assert abs(bias.value - 0.5) < 4 * bias.se


def test_one_batch_is_divided_into_sixteen():
    rows = unbiased(3)
    whole, parts = measured(np.zeros(5), [rows]), measured(np.zeros(5), np.array_split(rows, 16))
    np.testing.assert_allclose(whole.bias, parts.bias, rtol=1e-12)
    # What the caller does with his array afterwards does not matter.
    measurement, buffer = Measurement(np.zeros(5)), rows.copy()
    measurement.add(buffer)
    buffer[:] = 0
    np.testing.assert_allclose(measurement.result().bias, parts.bias, rtol=1e-12)


def test_rounding_bounds_an_estimator_without_variance():
    exact = np.full((32, 2), 0.1, np.float32)
    bias = measured(np.array([0.1, 0.1]), [exact]).bias
    assert 0 < abs(bias.value) < bias.se < 1e-6
    # Losses of a million leave rounding of a tenth in their gradient.
    measurement = Measurement(np.zeros(2))
    measurement.add(np.full((32, 2), 0.05, np.float32), np.full(32, 1e6, np.float32))
    assert abs(measurement.result().bias.z) < 1
    assert measured(np.zeros(2), [np.full((32, 2), 0.05, np.float32)]).bias.z > 1e3


def test_exact_zeros_have_no_bias_and_no_nan():
    assert measured(np.zeros(2), [np.zeros((32, 2))] * 2).bias == Bias(0.0, 0.0, 0.0)
    assert measured(np.zeros(2), [np.zeros((1, 2))]).bias is None
    assert measured(0.0, [np.zeros(3)]).bias == Bias(0.0, 0.0, 0.0)


def test_rmse_adds_bias_and_variance_at_equal_cost():
    def of(value):
        return Measured(100, np.zeros(2), np.array([3.0, 1.0]), 2.0, Bias(value, 0.1, value / 0.1))

    assert of(0.3).rmse(4, 100) == pytest.approx(0.5)
    assert of(-0.3).rmse(1, 4) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="must be positive and finite, got 0 and 100"):
        of(0.3).rmse(0, 100)


def test_mistakes_name_what_was_given():
    with pytest.raises(ValueError, match="no estimates yet"):
        Measurement().result()
    with pytest.raises(ValueError, match=r"the reference must be finite, got nan at \(1,\)"):
        Measurement([0.0, math.nan])
    measurement = Measurement([0.0, 1.0])
    with pytest.raises(ValueError, match=r"each gradient must have the shape \(2,\), got \(3,\)"):
        measurement.add(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"gradients must be finite, got inf at \(0, 1\)"):
        measurement.add([[0.0, math.inf]])
    with pytest.raises(ValueError, match=r"one number for each gradient, shape \(4,\); got \(3,\)"):
        measurement.add(np.zeros((4, 2)), np.zeros(3))
    with pytest.raises(ValueError, match="axis of estimates"):
        Measurement().add(1.0)
    measurement.add(np.zeros((0, 2)))
    with pytest.raises(ValueError, match="no estimates yet"):
        measurement.result()
    free = Measurement()
    free.add(np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(5,\)"):
        free.add(np.zeros((4, 5)))


def test_the_examples_of_the_documentation_run():
    assert doctest.testmod(gumbel.measure).failed == 0 and doctest.testmod(gumbel.measure).attempted > 10
