"""The samples of JAX are those of NumPy with the same noise, bit for bit, in every type, shape and number of threads."""

import numpy as np
import pytest

import gumbel

jax = pytest.importorskip("jax")
jnp = jax.numpy
gj = pytest.importorskip("gumbel.jax")

SINGLE = [np.float16, np.float32]
SHAPES = [((10,), 0), ((64, 10), -1), ((5, 7, 3), 1), ((4, 1), -1), ((0, 3), -1), ((2, 70_000), -1), ((40_000, 3), 0)]


def logits_of(shape, dtype=np.float32, seed=0, scale=3.0):
    """Logits with one in five masked, none in the first category of a row."""
    random = np.random.default_rng(seed)
    logits = (scale * random.normal(size=shape)).astype(dtype)
    logits[random.random(shape) < 0.2] = -np.inf
    return logits


def fill_first(logits, axis):
    """The logits with the first category of each row unmasked."""
    first = [slice(None)] * logits.ndim
    first[axis] = 0
    logits[tuple(first)] = 0.5
    return logits


def noise_of(key):
    words = [int(word) for word in np.asarray(jax.random.key_data(key)).ravel()]
    pairs = [a << 32 | b for a, b in zip(words[::2], words[1::2], strict=True)]
    return gumbel.Noise.from_parts(pairs[0], pairs[1] if len(pairs) > 1 else 0, 0)


def same_bits(ours, theirs):
    ours = np.asarray(ours)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    assert ours.tobytes() == np.ascontiguousarray(theirs).tobytes()


@pytest.mark.parametrize("dtype", SINGLE)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_same_bits_as_numpy(shape, axis, dtype):
    logits, key = fill_first(logits_of(shape, dtype), axis), jax.random.key(123)
    noise = lambda: noise_of(key)
    same_bits(gj.gumbel_softmax(key, logits, 0.7, axis=axis), gumbel.gumbel_softmax(logits, 0.7, noise=noise(), axis=axis))
    theirs = gumbel.log_gumbel_softmax(logits, 0.7, noise=noise(), axis=axis)
    same_bits(gj.log_gumbel_softmax(key, logits, 0.7, axis=axis), theirs)
    index = gumbel.gumbel_max(logits, noise=noise(), axis=axis)
    same_bits(gj.categorical(key, logits, axis), index.astype(np.int32))
    hard = gumbel.one_hot(logits, noise=noise(), axis=axis)
    same_bits(gj.gumbel_softmax(key, logits, 0.7, axis=axis, hard=True), hard)
    order = gumbel.top_k(logits, 1, noise=noise(), axis=axis)
    same_bits(gj.top_k(key, logits, 1, axis=axis), order.astype(np.int32))


def test_same_bits_as_numpy_in_double_precision():
    with jax.enable_x64(True):
        logits, key = fill_first(logits_of((6, 20), np.float64), -1), jax.random.key(5)
        same_bits(gj.gumbel_softmax(key, logits, 0.3), gumbel.gumbel_softmax(logits, 0.3, noise=noise_of(key)))
        same_bits(gj.gumbel(key, (9,)), noise_of(key).gumbel(9, np.float64))
        assert gj.categorical(key, logits).dtype == jnp.int32


def test_bfloat16_is_single_precision_rounded():
    key, logits = jax.random.key(9), jnp.asarray(fill_first(logits_of((300, 40)), -1)).astype(jnp.bfloat16)
    wide = logits.astype(jnp.float32)
    for hard in (False, True):
        half = gj.gumbel_softmax(key, logits, 0.5, hard=hard)
        same_bits(half, np.asarray(gj.gumbel_softmax(key, wide, 0.5, hard=hard).astype(jnp.bfloat16)))
    same_bits(gj.categorical(key, logits), np.asarray(gj.categorical(key, wide)))
    same_bits(gj.top_k(key, logits, 3), np.asarray(gj.top_k(key, wide, 3)))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
@pytest.mark.parametrize("shape", [(), (3,), (9_000, 2), (70_000,)])
def test_noise_is_that_of_numpy(shape, dtype):
    key = jax.random.key(77)
    single = noise_of(key).gumbel(shape)
    same_bits(gj.gumbel(key, shape, dtype), np.asarray(jnp.asarray(single).astype(dtype)))


@pytest.mark.parametrize("kind", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_typed_and_raw_keys(kind):
    key = jax.random.split(jax.random.key(11, impl=kind))[1]
    raw = jax.random.key_data(key)
    assert raw.shape == ((2,) if kind == "threefry2x32" else (4,))
    logits = fill_first(logits_of((8, 5)), -1)
    expected = gumbel.gumbel_softmax(logits, 0.4, noise=noise_of(key))
    same_bits(gj.gumbel_softmax(key, logits, 0.4), expected)
    same_bits(gj.gumbel_softmax(raw, logits, 0.4), expected)
    same_bits(gj.gumbel_softmax(np.asarray(raw), logits, 0.4), expected)


def test_every_word_of_a_key_matters():
    key = np.array([1, 2, 3, 4], np.uint32)
    samples = {gj.gumbel(key ^ change).tobytes() for change in np.eye(4, dtype=np.uint32)}
    assert len(samples | {gj.gumbel(key).tobytes()}) == 5


def test_golden_sample():
    """Made once by this function: a change of the noise or of the meaning of a key shows."""
    sample = gj.gumbel_softmax(jax.random.PRNGKey(7), jnp.arange(4.0), 0.5)
    np.testing.assert_allclose(sample, GOLDEN, rtol=1e-6)


GOLDEN = [0.7340459, 0.14169939, 0.01837592, 0.10587876]


@pytest.mark.parametrize("size", [(64, 10), (400, 1000)])
def test_numbers_below_the_normal_range(size):
    """XLA's threads round them to zero, and so would a handler that computed as it is called."""
    logits = (30 * np.random.default_rng(0).normal(size=size)).astype(np.float32)
    expected = gumbel.gumbel_softmax(logits, noise=gumbel.Noise(7))
    assert ((expected > 0) & (expected < np.finfo(np.float32).tiny)).any()
    same_bits(gj.gumbel_softmax(jax.random.key(7), logits), expected)


def test_number_of_threads():
    logits, samples = logits_of((2, 300_000), scale=1.0), []
    logits[:, 0] = 0
    try:
        for threads in (1, 2, 3):
            gumbel.set_num_threads(threads)
            key = jax.random.key(3)
            keys = jax.random.split(key, 30)
            narrow = logits[:, :2500]
            batch = jax.vmap(gj.gumbel_softmax, (0, None))(keys, narrow)
            half = gj.gumbel(key, (100_000,), jnp.float16)
            results = [gj.gumbel_softmax(key, logits), gj.categorical(key, logits), batch, half]
            samples.append([np.asarray(result).tobytes() for result in results])
    finally:
        gumbel.set_num_threads(0)
    assert samples[0] == samples[1] == samples[2]


def test_soft_hard_index_and_order_agree():
    key, logits = jax.random.key(8), jnp.asarray(fill_first(logits_of((500, 12)), -1))
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32):
        index = gj.categorical(key, logits.astype(dtype))
        hard = gj.gumbel_softmax(key, logits.astype(dtype), 0.5, hard=True)
        np.testing.assert_array_equal(hard, jax.nn.one_hot(index, 12))
        assert hard.dtype == dtype
        np.testing.assert_array_equal(gj.top_k(key, logits.astype(dtype), 2)[:, 0], index)
    np.testing.assert_array_equal(jnp.argmax(gj.gumbel_softmax(key, logits, 0.5), -1), gj.categorical(key, logits))


def test_masked_entries_are_exactly_zero():
    logits = fill_first(logits_of((200, 30)), -1)
    masked = np.isinf(logits)
    y = np.asarray(gj.gumbel_softmax(jax.random.key(1), logits, 0.1))
    log_y = np.asarray(gj.log_gumbel_softmax(jax.random.key(1), logits, 0.1))
    assert (y[masked] == 0).all() and np.isneginf(log_y[masked]).all()
    assert np.isfinite(log_y[~masked]).all()
    np.testing.assert_allclose(y.sum(-1), 1, atol=1e-6)


def test_results_without_numbers():
    key = jax.random.key(0)
    assert gj.gumbel(key, (0, 3)).shape == (0, 3)
    assert gj.categorical(key, jnp.zeros((0, 3))).shape == (0,)
    assert gj.top_k(key, jnp.zeros((4, 3)), 0).shape == (4, 0)
    assert gj.gumbel_softmax(key, jnp.zeros((0, 3)), hard=True).shape == (0, 3)
    assert gj.categorical(key, jnp.zeros((2, 3)), shape=(0, 2)).shape == (0, 2)


@pytest.mark.parametrize(
    ("logits", "axis", "shape"),
    [
        ((3,), -1, (5,)),
        ((3,), -1, (5, 2)),
        ((4, 3), -1, (4,)),
        ((4, 3), 0, (2, 3)),
        ((1, 3), -1, (6,)),
        ((2, 1, 3), -1, (5, 2, 4)),
        ((2, 3, 4), 1, (7, 2, 4)),
        ((3,), 0, ()),
    ],
)
def test_shapes_of_exact_samples(logits, axis, shape):
    key, given = jax.random.key(2), jnp.zeros(logits)
    samples = gj.categorical(key, given, axis, shape)
    assert samples.shape == shape == jax.random.categorical(key, given, axis, shape).shape
    assert samples.dtype == jnp.int32
    # Each is a draw of its own: row after row of the logits that are broadcast to it.
    rows = np.broadcast_to(np.moveaxis(np.asarray(given), axis, -1), (*shape, logits[axis]))
    np.testing.assert_array_equal(samples, gumbel.gumbel_max(rows, noise=noise_of(key)))


def test_without_replacement():
    key, logits = jax.random.key(2), jnp.asarray(logits_of((6, 4), scale=1.0))
    logits = jnp.where(jnp.isinf(logits), 0.0, logits)
    samples = gj.categorical(key, logits, 0, (2, 3, 4), replace=False)
    order = gumbel.top_k(np.asarray(logits), 6, noise=noise_of(key), axis=0)
    np.testing.assert_array_equal(samples, order.reshape(2, 3, 4))
    assert (np.sort(samples.reshape(6, 4), 0) == np.arange(6)[:, None]).all()


def test_integers_of_numpy_are_taken_as_arguments():
    key, logits = jax.random.key(2), jnp.zeros((2, 3))
    assert gj.gumbel_softmax(key, logits, np.int64(1), axis=np.int64(0)).shape == (2, 3)
    assert gj.top_k(key, logits, np.int32(2)).shape == (2, 2)
    assert gj.categorical(key, logits, np.int64(-1), (np.int64(5), 2)).shape == (5, 2)
    assert gj.gumbel(key, np.array([2, 2])).shape == gj.gumbel(key, [2, 2]).shape == (2, 2)


def test_lists_are_taken():
    key = jax.random.key(2)
    np.testing.assert_array_equal(gj.gumbel_softmax(key, [0.0, 1.0]), gj.gumbel_softmax(key, jnp.array([0.0, 1.0])))
