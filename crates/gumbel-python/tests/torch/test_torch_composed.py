"""The composed path, as on other devices, on the CPU: against the fused one."""

import pytest

torch = pytest.importorskip("torch")

import gumbel
from gumbel import Noise
from gumbel.torch import _composed, _composed_densities, _ops, key, keys
from torch_reference import DTYPES, TOLERANCE, logits


def close(one, other, tolerance):
    assert one.dtype == other.dtype and one.shape == other.shape
    finite = one.isfinite()
    assert torch.equal(one[~finite], other[~finite])
    scale = one[finite].abs().clamp(min=1)
    return ((one - other)[finite].abs() / scale).max() <= tolerance if finite.any() else True


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tau", [1e-40, 0.01, 0.7, 30.0, 1e30, "tensor", "rows"])
def test_samples(dtype, tau):
    x, of = logits(30, 7, dtype=dtype, masked=True), key(Noise(1))
    if isinstance(tau, str):
        tau = torch.tensor(0.7) if tau == "tensor" else torch.linspace(0.3, 2, 30)[:, None]
    fused = (_ops.softmax_tensor, _ops.log_softmax_tensor, _ops.straight_through_tensor)
    if not isinstance(tau, torch.Tensor):
        fused = (_ops.softmax, _ops.log_softmax, _ops.straight_through)
    tolerance = 4 * TOLERANCE[dtype]
    smallest = float(torch.as_tensor(tau).min())
    if smallest < 0.1:  # the noise is rounded, then divided
        tolerance = max(tolerance, 1e-6 / smallest)
    if smallest > 1e-20:
        assert close(_composed.softmax(x, of, tau), fused[0](x, of, tau), tolerance)
        assert close(_composed.log_softmax(x, of, tau), fused[1](x, of, tau), tolerance)
    hard, soft = _composed.straight_through(x, of, tau)
    expected = fused[2](x, of, tau)
    assert torch.equal(hard, expected[0]) and close(soft, expected[1], max(tolerance, 1e-6))


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_samples(dtype):
    for x, of in ((logits(200, 7, dtype=dtype, masked=True), key(Noise(2))), (logits(5, 4, 6), keys(Noise(2), 5))):
        assert torch.equal(_composed.gumbel_max(x, of), _ops.gumbel_max(x, of))
        assert torch.equal(_composed.one_hot(x, of), _ops.one_hot(x, of))
        few = x[..., :3].clamp(min=-50)
        assert torch.equal(_composed.top_k(few, of, 2), _ops.top_k(few, of, 2))
        assert torch.equal(_composed.noise(x, of, "logistic"), _ops.noise(x, of, "logistic"))


def test_logits_near_the_ends_of_the_type():
    x = torch.tensor([[3e38, -3e38, 0.0], [3e38, 3e38, -torch.inf]])
    for tau in (1.0, 1e38):
        of = key(Noise(3))
        assert close(_composed.softmax(x, of, tau), _ops.softmax(x, of, tau), 1e-6)
        assert close(_composed.log_softmax(x, of, tau), _ops.log_softmax(x, of, tau), 1e-6)


def test_gradients():
    y, dy = logits(20, 6).softmax(-1), logits(20, 6, seed=1)
    y[:, 2] = 0
    rows = torch.linspace(0.3, 2, 20)[:, None]
    for tau, vjp, log_vjp in (
        (0.7, _ops.softmax_vjp, _ops.log_softmax_vjp),
        (rows, _ops.softmax_vjp_tensor, _ops.log_softmax_vjp_tensor),
    ):
        assert close(_composed.checked_softmax_vjp(y, dy, tau), vjp(y, dy, tau), 1e-6)
        assert close(_composed.checked_log_softmax_vjp(y.log(), dy, tau), log_vjp(y.log(), dy, tau), 1e-5)


def test_errors_are_those_of_the_host():
    of = key(Noise(1))
    bad = {
        "logit": [torch.tensor([[0.0, 1.0], [0.0, torch.nan]]), torch.tensor([[0.0, torch.inf]])],
        "all_masked": [torch.full((2, 3), -torch.inf)],
        "categories": [torch.empty(2, 0)],
    }
    functions = [_composed.softmax, _composed.log_softmax, _composed.straight_through]
    for kind, tensors in bad.items():
        for x in tensors:
            for run in (*(lambda x, of, f=f: f(x, of, 1.0) for f in functions), _composed.gumbel_max, _composed.one_hot):
                with pytest.raises(gumbel.Error) as caught:
                    run(x, of)
                assert caught.value.kind == kind
    for tau in (0.0, torch.nan, 1e-60, torch.tensor(-1.0), torch.tensor([[1.0], [0.0]])):
        for function in functions:
            with pytest.raises(gumbel.Error) as caught:
                function(torch.zeros(2, 3), of, tau)
            assert caught.value.kind == "temperature"
    with pytest.raises(gumbel.Error) as caught:
        _composed.top_k(torch.tensor([[0.0, -torch.inf]]), of, 2)
    assert caught.value.kind == "too_few"
    with pytest.raises(TypeError):
        _composed.softmax(torch.zeros(2, 3, dtype=torch.int64), of, 1.0)


def test_nothing_to_draw():
    of = key(Noise(1))
    assert _composed.softmax(torch.empty(0, 3), of, 1.0).shape == (0, 3)
    assert _composed.straight_through(torch.empty(0, 3), of, 1.0)[0].shape == (0, 3)
    assert _composed.gumbel_max(torch.empty(0, 3), of).shape == (0,)
    assert _composed.top_k(torch.empty(0, 3), of, 2).shape == (0, 2)


@pytest.mark.parametrize("density", ["exp_concrete", "concrete", "binary_concrete", "relaxed_bernoulli"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_densities(density, dtype):
    x, points = logits(40, 5, dtype=dtype), logits(40, 5, seed=1, dtype=dtype)
    if density in ("exp_concrete", "concrete"):
        masked = logits(40, 5, seed=2, masked=True) == -torch.inf
        x, points = x.masked_fill(masked, -torch.inf), points.masked_fill(masked, -torch.inf).log_softmax(-1)
    if density in ("concrete", "relaxed_bernoulli"):
        points = points.exp() if density == "concrete" else points.sigmoid()
    forward, backward = _native(density)
    rows = points.shape if "b" in density[:1] or "bern" in density else points.shape[:-1]
    taus = [torch.tensor(0.7), torch.linspace(0.3, 2, 40)[:, None] if len(rows) == 1 else torch.rand(40, 5) + 0.2]
    d = logits(*rows, seed=3, dtype=dtype)
    for tau in taus:
        fused, composed = forward(points, x, tau), _composed_densities.log_prob(density, points, x, tau)
        assert close(composed, fused, 4 * TOLERANCE[dtype])
        slopes = _composed_densities.log_prob_vjp(density, points, x, d, tau)
        for one, other in zip(slopes, backward(points, x, d, tau), strict=True):
            assert close(one, other, 10 * TOLERANCE[dtype])


def _native(density):
    from gumbel.torch import _densities

    return _densities._OPERATORS[density], _densities._VJP_OPERATORS[density]


EDGES = {
    "concrete": [[0.0, 0.0, 1.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]],
    "exp_concrete": [[-torch.inf, 0.0, 0.0], [-1.0, -2.0, -3.0], [0.0, -torch.inf, -torch.inf]],
    "binary_concrete": [[torch.inf, -torch.inf, 0.0]],
    "relaxed_bernoulli": [[0.0, 1.0, 0.5]],
}


@pytest.mark.parametrize("density", EDGES)
@pytest.mark.parametrize("tau", [0.3, 0.5, 1.0, 2.0])
def test_edges_of_the_support(density, tau):
    points = torch.tensor(EDGES[density])
    x = logits(*points.shape, seed=4)
    forward, backward = _native(density)
    tau = torch.tensor(tau)
    fused = forward(points, x, tau)
    assert close(_composed_densities.log_prob(density, points, x, tau), fused, 1e-5) and not fused.isnan().any()
    d = torch.ones_like(fused)
    for one, other in zip(
        _composed_densities.log_prob_vjp(density, points, x, d, tau), backward(points, x, d, tau), strict=True
    ):
        assert close(one, other, 1e-5) and one.isfinite().all()


def test_errors_of_densities_are_those_of_the_host():
    cases = [
        ("exp_concrete", [[torch.nan, 0.0]], [[0.0, 0.0]], 1.0, "sample"),
        ("exp_concrete", [[-torch.inf] * 2], [[0.0, 0.0]], 1.0, "no_mass"),
        ("concrete", [[-0.5, 1.5]], [[0.0, 0.0]], 1.0, "sample"),
        ("concrete", [[0.5, 0.5]], [[0.0, torch.nan]], 1.0, "logit"),
        ("concrete", [[0.5, 0.5]], [[-torch.inf] * 2], 1.0, "all_masked"),
        ("binary_concrete", [torch.nan], [0.0], 1.0, "sample"),
        ("binary_concrete", [0.0], [torch.inf], 1.0, "log_odds"),
        ("relaxed_bernoulli", [1.5], [0.0], 1.0, "sample"),
        ("relaxed_bernoulli", [0.5], [0.0], 0.0, "temperature"),
    ]
    for density, points, x, tau, kind in cases:
        for log_prob in (_native(density)[0], lambda *given, d=density: _composed_densities.log_prob(d, *given)):
            with pytest.raises(gumbel.Error) as caught:
                log_prob(torch.tensor(points), torch.tensor(x), torch.tensor(tau))
            assert caught.value.kind == kind
