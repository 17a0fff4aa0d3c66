"""jit, vmap, scan and their combinations, and where the functions do not run."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import gumbel

jax = pytest.importorskip("jax")
jnp = jax.numpy
gj = pytest.importorskip("gumbel.jax")

KEY = jax.random.key(21)


def logits_of(*shape):
    return jnp.asarray(np.random.default_rng(3).normal(size=shape), jnp.float32)


SAMPLERS = {
    "soft": partial(gj.gumbel_softmax, tau=0.5),
    "hard": partial(gj.gumbel_softmax, tau=0.5, hard=True),
    "log": partial(gj.log_gumbel_softmax, tau=0.5),
    "max": gj.categorical,
    "max, many": lambda key, logits: gj.categorical(key, logits, shape=(3, *logits.shape[:-1])),
    "top": partial(gj.top_k, k=2),
    "noise": lambda key, logits: gj.gumbel(key, logits.shape),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_jit_changes_nothing(name):
    logits = logits_of(3, 5)
    np.testing.assert_array_equal(SAMPLERS[name](KEY, logits), jax.jit(SAMPLERS[name])(KEY, logits))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (0, 1)])
def test_vmap_is_a_loop(name, axes):
    """An example has the sample that it has alone; those that share a key share their noise."""
    sampler, keys = SAMPLERS[name], jax.random.split(KEY, 4)
    logits = logits_of(3, 5) if axes[1] is None else jnp.moveaxis(logits_of(4, 3, 5), 0, axes[1])
    key = keys if axes[0] == 0 else KEY
    batch = jax.jit(jax.vmap(sampler, axes))(key, logits)
    for i in range(4):
        one = logits if axes[1] is None else jnp.take(logits, i, axes[1])
        np.testing.assert_array_equal(batch[i], sampler(keys[i] if axes[0] == 0 else KEY, one))


@pytest.mark.parametrize("name", ["soft", "hard", "max", "top", "noise"])
def test_vmap_of_vmap(name):
    sampler, keys, logits = SAMPLERS[name], jax.random.split(KEY, 2), logits_of(3, 4, 5)
    batch = jax.vmap(jax.vmap(sampler, (None, 0)), (0, None))(keys, logits)
    swapped = jax.vmap(jax.vmap(sampler, (0, None)), (None, 0))(keys, logits)
    each = np.array([[sampler(key, one) for one in logits] for key in keys])
    np.testing.assert_array_equal(batch, each)
    np.testing.assert_array_equal(jnp.moveaxis(swapped, 0, 1), each)


def test_vmap_of_raw_keys_and_temperatures():
    keys, taus, logits = jax.random.split(jax.random.PRNGKey(1), 3), jnp.array([0.1, 1.0, 5.0]), logits_of(2, 5)
    batch = jax.vmap(gj.gumbel_softmax, (0, None, 0))(keys, logits, taus)
    for i in range(3):
        np.testing.assert_array_equal(batch[i], gj.gumbel_softmax(keys[i], logits, taus[i]))


def test_vmap_of_large_batches():
    """Over 65 536 numbers the examples are divided between threads."""
    keys, logits = jax.random.split(KEY, 500), logits_of(20, 10)
    batch, index = (jax.vmap(sampler, (0, None))(keys, logits) for sampler in (SAMPLERS["soft"], SAMPLERS["max"]))
    for i in (0, 1, 250, 499):
        np.testing.assert_array_equal(batch[i], SAMPLERS["soft"](keys[i], logits))
        np.testing.assert_array_equal(index[i], SAMPLERS["max"](keys[i], logits))


def test_gradients_of_a_batch():
    keys, logits, taus = jax.random.split(KEY, 4), logits_of(4, 6), jnp.array([0.2, 0.5, 1.0, 2.0])
    for hard in (False, True):
        loss = lambda key, logits, tau: (gj.gumbel_softmax(key, logits, tau, hard=hard) * jnp.arange(6.0)).sum()
        grad = jax.jit(jax.grad(loss, (1, 2)))
        batch = jax.jit(jax.vmap(grad))(keys, logits, taus)
        whole = jax.jit(jax.grad(lambda *args: jax.vmap(loss)(keys, *args).sum(), (0, 1)))(logits, taus)
        shared = jax.jit(jax.vmap(grad, (0, 0, None)))(keys, logits, 0.5)
        for i in range(4):
            for parts, tau in ((batch, taus[i]), (whole, taus[i]), (shared, 0.5)):
                for ours, alone in zip(parts, grad(keys[i], logits[i], tau), strict=True):
                    np.testing.assert_allclose(ours[i], alone, rtol=2e-5, atol=2e-6)
    hessian = jax.jit(jax.hessian(loss, 1))
    hessians = jax.jit(jax.vmap(hessian))(keys, logits, taus)
    np.testing.assert_allclose(hessians[2], hessian(keys[2], logits[2], taus[2]), rtol=1e-4, atol=1e-5)


def test_scan_and_control_flow():
    logits, taus = logits_of(5), jnp.linspace(1.0, 0.1, 6)

    def step(key, tau):
        key, use = jax.random.split(key)
        return key, gj.gumbel_softmax(use, logits, tau)

    _, samples = jax.lax.scan(step, KEY, taus)
    key = KEY
    for tau, sample in zip(taus, samples, strict=True):
        key, alone = step(key, tau)
        np.testing.assert_array_equal(sample, alone)

    branch = lambda hard: jax.lax.cond(hard, SAMPLERS["hard"], SAMPLERS["soft"], KEY, logits)
    np.testing.assert_array_equal(jax.jit(branch)(True), SAMPLERS["hard"](KEY, logits))
    loop = jax.lax.fori_loop(0, 3, lambda i, x: gj.gumbel_softmax(jax.random.fold_in(KEY, i), x), logits)
    assert np.isfinite(loop).all()


def test_gradient_through_scan_and_checkpoint():
    same = lambda f: f

    def loss(logits, wrap):
        def step(carry, key):
            return wrap(lambda x: gj.gumbel_softmax(key, x, 0.7) + logits)(carry), None

        return (jax.lax.scan(step, logits, jax.random.split(KEY, 4))[0] ** 2).sum()

    logits, grad = logits_of(5), jax.jit(jax.grad(loss), static_argnums=1)
    plain = grad(logits, same)
    np.testing.assert_allclose(grad(logits, jax.checkpoint), plain, rtol=1e-5)
    value = jax.jit(lambda logits: loss(logits, same))
    differences = [(value(logits + d) - value(logits - d)) / 2e-2 for d in 1e-2 * jnp.eye(5)]
    np.testing.assert_allclose(plain, differences, rtol=0.02, atol=0.02)


def test_a_new_temperature_compiles_nothing():
    traces = 0

    @jax.jit
    def step(key, logits, tau):
        nonlocal traces
        traces += 1
        return jax.value_and_grad(lambda logits: gj.gumbel_softmax(key, logits, tau).max())(logits)

    samples = [step(jax.random.fold_in(KEY, i), logits_of(5), tau)[0] for i, tau in enumerate((1.0, 0.5, 0.25, 0.1))]
    assert traces == 1 and len({float(sample) for sample in samples}) == 4


def test_a_new_temperature_compiles_nothing_outside_of_jit(caplog):
    logits = logits_of(3, 7, 2)
    gj.gumbel_softmax(KEY, logits, 0.9, axis=1)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        for tau in (0.8, 0.7, 0.6):
            gj.gumbel_softmax(KEY, logits, tau, axis=1)
        assert not [record for record in caplog.records if "ompil" in record.message]
        gj.gumbel_softmax(KEY, logits, 0.5, axis=2)
        assert [record for record in caplog.records if "ompil" in record.message]


def test_without_jit():
    with jax.disable_jit():
        y = gj.gumbel_softmax(KEY, logits_of(5), 0.5)
        gradient = jax.grad(lambda logits: gj.gumbel_softmax(KEY, logits, 0.5)[0])(logits_of(5))
    np.testing.assert_array_equal(y, gj.gumbel_softmax(KEY, logits_of(5), 0.5))
    assert (gradient != 0).any()


def test_shapes_without_a_computation():
    shape = jax.eval_shape(partial(gj.gumbel_softmax, axis=0, hard=True), KEY, jax.ShapeDtypeStruct((3, 4), jnp.bfloat16))
    assert shape.shape == (3, 4) and shape.dtype == jnp.bfloat16
    assert jax.eval_shape(lambda logits: gj.top_k(KEY, logits, 2), jnp.zeros((3, 4))).shape == (3, 2)


@pytest.mark.parametrize("name", SAMPLERS)
def test_other_platforms_are_refused_with_a_remedy(name):
    traced = jax.jit(SAMPLERS[name]).trace(KEY, logits_of(3, 5))
    assert "gumbel." in traced.lower(lowering_platforms=("cpu",)).as_text()
    for platforms in (("cuda",), ("tpu",), ("cpu", "cuda")):
        with pytest.raises(NotImplementedError, match="jax.device_put"):
            traced.lower(lowering_platforms=platforms)


def test_many_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor

    logits, keys = logits_of(64, 2000), jax.random.split(KEY, 8)
    sample = jax.jit(SAMPLERS["soft"])
    expected = [np.asarray(sample(key, logits)) for key in keys]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for ours, theirs in zip(pool.map(lambda key: np.asarray(sample(key, logits)), keys), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def in_a_process(code, **environment):
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_several_devices():
    code = """
import jax, numpy as np, gumbel.jax as gj, jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
mesh = Mesh(np.array(jax.devices()).reshape(4), ("rows",))
key, logits = jax.random.key(0), jnp.asarray(np.random.default_rng(0).normal(size=(8, 5)), jnp.float32)
spread = jax.device_put(logits, NamedSharding(mesh, P("rows")))
loss = lambda logits: (gj.gumbel_softmax(key, logits, 0.5) ** 2).sum()
assert (jax.jit(gj.gumbel_softmax)(key, spread) == gj.gumbel_softmax(key, logits)).all()
assert (jax.jit(gj.categorical)(key, spread) == gj.categorical(key, logits)).all()
np.testing.assert_allclose(jax.jit(jax.grad(loss))(spread), jax.grad(loss)(logits), rtol=1e-6)

def local(logits):
    return local_on_one(jax.random.fold_in(key, jax.lax.axis_index("rows")), logits)

def local_on_one(key, logits):
    return gj.gumbel_softmax(key, logits, 0.5)

shard = lambda f, *specs: jax.jit(jax.shard_map(f, mesh=mesh, in_specs=specs, out_specs=P("rows")))
parts = shard(local, P("rows"))(spread)
keys = [jax.random.fold_in(key, i) for i in range(4)]
for i in range(4):
    assert (parts[2 * i : 2 * i + 2] == local_on_one(keys[i], logits[2 * i : 2 * i + 2])).all()

# The gradients, for logits, key and temperature that differ between devices or not.
weights = jnp.arange(5.0)
for hard in (False, True):
    soft = lambda key, x, tau: gj.gumbel_softmax(key, x, tau, hard=hard)
    spread_loss = lambda x, tau: (shard(lambda x, tau: soft(key, x, tau), P("rows"), P())(x, tau) * weights).sum()
    alone = lambda x, tau: sum((soft(key, x[2 * i : 2 * i + 2], tau) * weights).sum() for i in range(4))
    for ours, theirs in zip(jax.grad(spread_loss, (0, 1))(logits, 0.5), jax.grad(alone, (0, 1))(logits, 0.5)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    own_key = lambda x: soft(jax.random.fold_in(key, jax.lax.axis_index("rows")), x, 0.5)[None]
    spread_loss = lambda x: (shard(own_key, P())(x) * weights).sum()
    alone = lambda x: sum((soft(key, x, 0.5) * weights).sum() for key in keys)
    np.testing.assert_allclose(jax.grad(spread_loss)(logits[0]), jax.grad(alone)(logits[0]), rtol=1e-4, atol=1e-6)
logs = shard(lambda x: gj.exp_concrete_log_prob(gj.log_gumbel_softmax(key, x, 0.5), x, 0.5), P("rows"))
assert np.isfinite(jax.grad(lambda x: logs(x).sum())(logits)).all()
assert shard(lambda x: gj.categorical(key, x, shape=(2,)), P("rows"))(spread).shape == (8,)
"""
    in_a_process(code, XLA_FLAGS="--xla_force_host_platform_device_count=4")


def test_numpy_functions_do_not_import_jax():
    code = "import sys, gumbel; assert 'jax' not in sys.modules; import gumbel.jax; assert 'jax' in sys.modules"
    in_a_process(code)


def test_without_jax_the_extra_is_named():
    code = """
import sys
sys.modules["jax"] = None
try:
    import gumbel.jax
except ImportError as error:
    print(error)
"""
    assert "pip install 'gumbel-softmax[jax]'" in in_a_process(code)


def test_numpy_functions_work_in_a_forked_child():
    """The pool of the handlers is not that of NumPy's functions."""
    code = """
import os, numpy as np, gumbel, jax, gumbel.jax as gj
logits = np.zeros((200, 1000), np.float32)
expected = np.asarray(gj.gumbel_softmax(jax.random.key(3), logits))
child = os.fork()
if child == 0:
    y = gumbel.gumbel_softmax(logits, noise=gumbel.Noise(3))
    os._exit(int(not (y == expected).all()))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    in_a_process(code)


def test_the_arithmetic_of_other_work_is_untouched():
    """A handler sets the state of XLA's thread back: XLA goes on to round numbers below the normal range to zero."""
    tiny = jnp.float32(1e-39)
    alone = jax.jit(lambda x: x * 0.5)(tiny)
    after = jax.jit(lambda x: (gj.gumbel_softmax(KEY, logits_of(5)), x * 0.5)[1])(tiny)
    np.testing.assert_array_equal(alone, after)
    assert gumbel.gumbel_softmax(np.array([0.0, -95.0], np.float32), noise=gumbel.Noise(7))[1] > 0
