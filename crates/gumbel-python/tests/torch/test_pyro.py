"""The distributions in Pyro's programs."""

import pickle
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
pyro = pytest.importorskip("pyro")

import gumbel
import pyro.distributions as dist
from gumbel.torch import distributions as ours
from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.reparam import GumbelSoftmaxReparam
from pyro.optim import Adam
from torch.distributions import constraints

CLASSES = [getattr(ours, name) for name in ours.__all__]


@pytest.fixture(autouse=True)
def fresh():
    pyro.clear_param_store()
    pyro.set_rng_seed(0)


@pytest.mark.parametrize("cls", CLASSES)
def test_instances_are_distributions_of_pyro(cls):
    d = cls(torch.tensor(0.5), logits=torch.zeros(2, 3))
    assert isinstance(d, cls) and isinstance(d, getattr(dist, cls.__name__, TorchDistributionMixin))
    assert type(d) is type(cls(0.5, logits=torch.zeros(3))) is type(d.expand(d.batch_shape)) is type(pickle.loads(pickle.dumps(d)))
    assert type(d).__name__ == cls.__name__ and type(d).__doc__
    assert d.shape() == (2, 3) and d().shape == (2, 3)
    assert d.to_event(1).event_dim == d.event_dim + 1
    assert d.mask(False).log_prob(d.sample()).abs().sum() == 0
    assert torch.equal(d.rsample(noise=gumbel.Noise(1)), d.expand(d.batch_shape).rsample(noise=gumbel.Noise(1)))
    with pyro.plate("plate", 4, dim=-3):
        z = pyro.sample("z", d)
    assert z.shape == ((4, 1, 2, 3) if d.event_dim else (4, 2, 3))


def test_values_of_sample_sites_keep_their_soft_sample():
    def model():
        with pyro.plate("plate", 5):
            pyro.sample("z", ours.RelaxedOneHotCategoricalStraightThrough(0.1, logits=torch.zeros(5, 3)))

    trace = poutine.trace(model).get_trace()
    trace.compute_log_prob()
    site = trace.nodes["z"]
    assert ((site["value"] == 0) | (site["value"] == 1)).all()
    assert torch.equal(site["log_prob"], site["fn"].log_prob(site["value"]._unquantize))
    assert torch.isfinite(site["log_prob"]).all()


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_gumbel_softmax_reparam(temperature):
    # z-scores of 6 moments at 4.5: a false alarm in 4e-5 of the cases.
    logits, n = torch.tensor([1.0, 0.0, -0.5], requires_grad=True), 20_000

    def model():
        with pyro.plate("particles", n):
            return pyro.sample("x", ours.RelaxedOneHotCategorical(torch.tensor(temperature), logits=logits))

    trace = poutine.trace(poutine.reparam(model, {"x": GumbelSoftmaxReparam()})).get_trace()
    assert "x_uniform" in trace.nodes
    theirs, mine = trace.nodes["x"]["value"], poutine.trace(model).get_trace().nodes["x"]["value"]
    for power in (1, 2):
        pair = mine**power, theirs**power
        error = (sum(x.var(0) for x in pair) / n).sqrt()
        assert ((pair[0].mean(0) - pair[1].mean(0)).abs() < 4.5 * error).all()


@pytest.mark.parametrize("name", ["RelaxedOneHotCategoricalStraightThrough", "RelaxedBernoulliStraightThrough"])
def test_gradients_are_those_of_the_relaxed_distribution(name):
    # A fixed noise: the gradient of the density of a hard sample is that at its soft sample.
    q, soft_q = (torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64, requires_grad=True) for _ in range(2))
    hard = getattr(ours, name)(0.5, q)
    soft = getattr(ours, name.removesuffix("StraightThrough"))(0.5, soft_q)
    (mine,) = torch.autograd.grad(hard.log_prob(hard.rsample((1000,), noise=gumbel.Noise(1))).sum(), q)
    (other,) = torch.autograd.grad(soft.log_prob(soft.rsample((1000,), noise=gumbel.Noise(1))).sum(), soft_q)
    torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)


def test_variational_inference():
    # The divergence from the uniform prior falls to zero. At this rate q is within 0.05 of it after 600 steps, from 0.15.
    def model():
        with pyro.plate("particles", 64):
            pyro.sample("z", dist.OneHotCategorical(probs=torch.full((4,), 0.25)))

    def guide():
        q = pyro.param("q", torch.tensor([0.1, 0.2, 0.3, 0.4]), constraint=constraints.simplex)
        with pyro.plate("particles", 64):
            pyro.sample("z", ours.RelaxedOneHotCategoricalStraightThrough(torch.tensor(0.1), q))

    svi = SVI(model, guide, Adam({"lr": 0.005}), loss=Trace_ELBO())
    losses = [svi.step() for _ in range(600)]
    assert all(loss == loss and abs(loss) < 1e6 for loss in losses)
    assert (pyro.param("q") - 0.25).abs().max() < 0.05


def run(code):
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=300)


def test_distributions_do_not_import_pyro():
    run(
        "import pickle, sys, torch\n"
        "from gumbel.torch.distributions import RelaxedOneHotCategorical\n"
        "d = RelaxedOneHotCategorical(0.5, logits=torch.zeros(3))\n"
        "assert 'pyro' not in sys.modules and type(d) is RelaxedOneHotCategorical\n"
        "text = pickle.dumps(d)\n"
        # What was made before still works, and a pickle is Pyro's where it is loaded.
        "import pyro.distributions\n"
        "assert d.sample().shape == (3,) and not isinstance(d, pyro.distributions.RelaxedOneHotCategorical)\n"
        "assert isinstance(pickle.loads(text), pyro.distributions.RelaxedOneHotCategorical)\n"
    )


def test_pyro_makes_its_classes_of_these_where_they_are_put_in_the_place_of_pytorch_s():
    run(
        "import torch\n"
        "from gumbel.torch import distributions as ours\n"
        "for name in ('RelaxedOneHotCategorical', 'RelaxedBernoulli'):\n"
        "    setattr(torch.distributions, name, getattr(ours, name))\n"
        "import pyro, pyro.distributions as dist, gumbel\n"
        "for name in ('RelaxedOneHotCategorical', 'RelaxedBernoulli'):\n"
        "    d = getattr(dist, name)(0.5, logits=torch.zeros(2, 3))\n"
        "    assert isinstance(d, getattr(ours, name))\n"
        "    assert type(getattr(ours, name)(0.5, logits=torch.zeros(2, 3))) is type(d)\n"
        "    assert d.expand((4, *d.batch_shape)).rsample(noise=gumbel.Noise(1)).shape == (4, 2, 3)\n"
        "    theirs = getattr(dist, name + 'StraightThrough')(0.5, logits=torch.zeros(2, 3))\n"
        "    assert theirs.log_prob(theirs.rsample()).shape == d.batch_shape\n"
        "    straight = getattr(ours, name + 'StraightThrough')(0.5, logits=torch.zeros(2, 3))\n"
        "    assert straight.log_prob(straight.rsample(noise=gumbel.Noise(1))).shape == d.batch_shape\n"
        "    pyro.sample('z', straight.to_event(1))\n"
    )
