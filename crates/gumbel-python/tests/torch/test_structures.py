"""What the modules of structures and of distributions share: their examples, their names, and operators that anyone can call."""

import doctest
import inspect

import pytest

torch = pytest.importorskip("torch")

import gumbel.torch
from gumbel.torch import distributions, key, permutation, sparse, subset

MODULES = {"subset": subset, "permutation": permutation, "sparse": sparse, "distributions": distributions}
PUBLIC = [f"{module}.{name}" for module, contents in MODULES.items() for name in contents.__all__]


@pytest.mark.parametrize("name", PUBLIC)
def test_examples(name):
    module, public = name.split(".")
    text = inspect.getdoc(getattr(MODULES[module], public))
    examples = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert examples.examples, f"{name} has no example"
    report: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(examples, out=report.append).failed == 0, "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_documentation(name):
    module, public = name.split(".")
    thing = getattr(MODULES[module], public)
    text = inspect.getdoc(thing)
    if inspect.isclass(thing):
        for member in ("rsample", "sample", "log_prob", "expand"):
            assert inspect.getdoc(getattr(thing, member)), f"{name}.{member} has no docstring"
        return
    assert "Shapes" in text or "shapes" in text or "Arguments" in text or "[.., K]" in text, f"{name} documents no shapes"
    assert "Raises" in text or "errors" in text, f"{name} documents no errors"


def test_random_rows_give_numbers_or_typed_errors():
    # A thousand calls over masks, magnitudes, types and temperatures: no NaN, and no error but gumbel.Error.
    generator = torch.Generator().manual_seed(0)
    pick = lambda values: values[torch.randint(len(values), (), generator=generator)]
    calls = [
        lambda x, tau: subset.marginals(x, 2),
        lambda x, tau: subset.log_partition(x, 1),
        lambda x, tau: subset.entropy(x, 2),
        lambda x, tau: subset.straight_through(x, 2, noise=NOISE),
        lambda x, tau: subset.relaxed_top_k(x, 2, tau, noise=NOISE),
        lambda x, tau: sparse.entmax(x, pick([1.0, 1.3, 1.5, 2.0, 4.0]), tau),
        lambda x, tau: sparse.gumbel_entmax(x, 1.5, tau, noise=NOISE),
        lambda x, tau: permutation.sinkhorn(x.unsqueeze(-2).expand(*x.shape, x.shape[-1]), tau, iterations=3),
        lambda x, tau: permutation.neural_sort(x, tau),
        lambda x, tau: permutation.straight_through_soft_sort(x, tau),
    ]
    fine = 0
    for _ in range(1000):
        width = int(torch.randint(1, 6, (), generator=generator))
        scale = pick([1e-30, 1.0, 30.0, 1e4, 1e30])
        x = torch.randn(2, width, generator=generator) * scale
        x = torch.where(torch.rand(2, width, generator=generator) < 0.2, pick([-torch.inf, -torch.inf, torch.nan, torch.inf]), x)
        x = x.to(pick([torch.float16, torch.bfloat16, torch.float32, torch.float64])).requires_grad_()
        try:
            y = pick(calls)(x, pick([1.0, 0.1, 1e-3, 1e3, 0.0, -1.0, 1e-60]))
        except gumbel.Error as error:
            assert error.kind and str(error)
            continue
        fine += 1
        assert not y.isnan().any() and y.dtype == x.dtype
        (slopes,) = torch.autograd.grad(torch.where(torch.isinf(y), 0, y).sum(), x)
        assert not slopes.isnan().any()
    assert 200 < fine < 900


NOISE = key(gumbel.Noise(5))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_on_a_cuda_device(dtype):
    functions = [
        lambda x: subset.straight_through(x, 2, noise=NOISE),
        lambda x: subset.straight_through_top_k(x, 2, 0.5, noise=NOISE),
        lambda x: subset.log_prob(x, 2, subset.k_hot(x, 2, noise=NOISE)),
        lambda x: sparse.gumbel_entmax(x, torch.tensor(1.5), torch.tensor(0.5), noise=NOISE),
        lambda x: permutation.straight_through_gumbel_sinkhorn(x, 0.5, noise=NOISE),
        lambda x: permutation.straight_through_neural_sort(x, 0.5),
        lambda x: distributions.RelaxedOneHotCategoricalStraightThrough(0.5, logits=x).rsample(noise=NOISE),
        lambda x: distributions.RelaxedBernoulli(torch.tensor(0.5), logits=x).rsample(noise=NOISE),
        lambda x: distributions.ExpRelaxedCategorical(0.5, logits=x).entropy(),
    ]
    for function in functions:
        results = []
        for device in ("cpu", "cuda"):
            x = torch.linspace(-1, 2, 16, dtype=torch.float32).sin().reshape(4, 4).to(device, dtype).requires_grad_()
            y = function(x)
            assert y.device.type == device
            if y.requires_grad:
                y.square().sum().backward()
            results.append((y.detach().cpu(), torch.zeros_like(x).cpu() if x.grad is None else x.grad.cpu()))
        for mine, other in zip(*results, strict=True):
            torch.testing.assert_close(mine, other, atol=0.02 if dtype == torch.bfloat16 else 1e-5, rtol=0)
