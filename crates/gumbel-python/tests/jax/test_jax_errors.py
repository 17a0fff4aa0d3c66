"""Errors: faults of the data by the sentence of Rust, faults of the program by a type that says so; never NaN."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy
gj = pytest.importorskip("gumbel.jax")
from gumbel._native import xla_handlers

KEY = jax.random.key(0)
ROWS = np.zeros((3, 4), np.float32)


def with_value(value, row=1, column=2):
    logits = ROWS.copy()
    logits[row, column] = value
    return jnp.asarray(logits)


MASKED = jnp.asarray(ROWS).at[2].set(-jnp.inf)
DATA = {
    "nan": (with_value(np.nan), 1.0, r"the logit at row 1, column 2 is NaN; expected a finite number"),
    "inf": (with_value(np.inf), 1.0, r"the logit at row 1, column 2 is inf"),
    "masked": (MASKED, 1.0, r"every logit of row 2 is -inf; leave at least one category unmasked"),
    "zero": (ROWS, 0.0, r"temperature must be positive and finite, got 0(\s|$)"),
    "negative": (ROWS, -0.1, r"temperature must be positive and finite, got -0.1(\s|$)"),
    "infinite": (ROWS, np.inf, r"temperature must be positive and finite, got inf(\s|$)"),
    "no number": (ROWS, np.nan, r"temperature must be positive and finite, got NaN(\s|$)"),
    "too small": (ROWS, 1e-60, r"temperature must be positive and finite, got 1e-60 "),
    "too large": (ROWS, 1e60, r"temperature must be positive and finite, got 1e\+60 "),
}


@pytest.mark.parametrize("fault", DATA)
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_faults_of_the_data(fault, dtype):
    logits, tau, message = DATA[fault]
    logits = jnp.asarray(logits, dtype)
    for sample in (gj.gumbel_softmax, gj.log_gumbel_softmax, lambda *args: gj.gumbel_softmax(*args, hard=True)):
        for _ in range(2):
            with pytest.raises(jax.errors.JaxRuntimeError, match=message):
                jax.block_until_ready(sample(KEY, logits, tau))


@pytest.mark.parametrize("fault", ["nan", "inf", "masked"])
def test_faults_of_the_data_of_exact_samples(fault):
    logits, _, message = DATA[fault]
    for sample in (gj.categorical, lambda *args: gj.top_k(*args, 2)):
        with pytest.raises(jax.errors.JaxRuntimeError, match=message):
            jax.block_until_ready(sample(KEY, logits))


def test_faults_in_compiled_functions():
    """The first call raises a `JaxRuntimeError`, as do those that run in a thread of XLA's; JAX makes a `ValueError` of
    others."""
    small, large = jax.jit(gj.gumbel_softmax), jax.jit(lambda *args: jnp.tanh(gj.gumbel_softmax(*args)) @ jnp.ones(4))
    for function in (small, large):
        with pytest.raises(jax.errors.JaxRuntimeError, match="got -1(\\s|$)"):
            jax.block_until_ready(function(KEY, ROWS, -1.0))
        jax.block_until_ready(function(KEY, ROWS, 1.0))
        for _ in range(2):
            with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match="temperature must be positive .* got -1(\\s|$)"):
                jax.block_until_ready(function(KEY, ROWS, -1.0))
        assert np.isfinite(function(KEY, ROWS, 1.0)).all()


@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap", "scan"])
def test_faults_under_transformations(transform):
    bad = with_value(np.nan)
    calls = {
        "grad": lambda: jax.grad(lambda logits: gj.gumbel_softmax(KEY, logits).sum())(bad),
        "jvp": lambda: jax.jvp(lambda logits: gj.gumbel_softmax(KEY, logits), (bad,), (bad,)),
        "vmap": lambda: jax.vmap(gj.gumbel_softmax)(jax.random.split(KEY, 3), bad),
        "scan": lambda: jax.lax.scan(lambda _, row: (None, gj.gumbel_softmax(KEY, row)), None, bad),
    }
    with pytest.raises(jax.errors.JaxRuntimeError, match="the logit at row [01], column 2 is NaN"):
        jax.block_until_ready(calls[transform]())


def test_rows_are_counted_through_a_batch():
    logits = jnp.zeros((4, 5, 3)).at[2, 1, 0].set(jnp.nan)
    for sample in (gj.gumbel_softmax, gj.categorical):
        with pytest.raises(jax.errors.JaxRuntimeError, match="row 11, column 0"):
            jax.block_until_ready(jax.vmap(sample)(jax.random.split(KEY, 4), logits))
    wide = jnp.zeros((40, 200, 10)).at[35, 7, 4].set(jnp.nan).at[36, 0, 0].set(jnp.nan)
    with pytest.raises(jax.errors.JaxRuntimeError, match="row 7007, column 4"):
        jax.block_until_ready(jax.vmap(gj.gumbel_softmax)(jax.random.split(KEY, 40), wide))


def test_temperatures_of_a_batch():
    with pytest.raises(jax.errors.JaxRuntimeError, match="got -0.3(\\s|$)"):
        taus = jnp.array([0.5, -0.3, 0.5])
        jax.block_until_ready(jax.vmap(gj.gumbel_softmax, (None, None, 0))(KEY, ROWS, taus))


def test_too_few_categories():
    with pytest.raises(jax.errors.JaxRuntimeError, match="cannot choose 3 categories from row 1: only 2 are unmasked"):
        jax.block_until_ready(gj.top_k(KEY, jnp.zeros((2, 4)).at[1, :2].set(-jnp.inf), 3))
    with pytest.raises(jax.errors.JaxRuntimeError, match="cannot choose 5 categories from row 0: only 4 are unmasked"):
        jax.block_until_ready(gj.top_k(KEY, ROWS, 5))
    with pytest.raises(ValueError, match="without replacement must be at most that of categories, 4; got 5"):
        gj.categorical(KEY, ROWS[0], shape=(5,), replace=False)
    with pytest.raises(jax.errors.JaxRuntimeError, match="only 3 are unmasked"):
        jax.block_until_ready(gj.categorical(KEY, jnp.zeros(4).at[0].set(-jnp.inf), shape=(4,), replace=False))


PROGRAM = {
    "integers": (lambda: gj.gumbel_softmax(KEY, jnp.arange(3)), TypeError, "logits must be .* got int32"),
    "booleans": (lambda: gj.categorical(KEY, jnp.ones(3, bool)), TypeError, "got bool"),
    "complex": (lambda: gj.gumbel_softmax(KEY, jnp.ones(3, jnp.complex64)), TypeError, "got complex64"),
    "float8": (lambda: gj.gumbel_softmax(KEY, jnp.ones(3, jnp.float8_e5m2)), TypeError, "got float8"),
    "a complex temperature": (lambda: gj.gumbel_softmax(KEY, ROWS, 1j), TypeError, "tau must be a real number"),
    "an integer for a key": (lambda: gj.gumbel_softmax(0, ROWS), TypeError, "key must be a key"),
    "no key": (lambda: gj.gumbel_softmax(None, ROWS), TypeError, None),
    "a key of floats": (lambda: gj.gumbel_softmax(jnp.zeros(2), ROWS), TypeError, r"key must .* float32\[2\]"),
    "a key of three words": (lambda: gj.gumbel(jnp.zeros(3, jnp.uint32)), TypeError, r"key must .* uint32\[3\]"),
    "keys": (lambda: gj.gumbel_softmax(jax.random.split(KEY), ROWS), ValueError, r"keys of shape \(2,\); use jax.vmap"),
    "temperatures": (lambda: gj.gumbel_softmax(KEY, ROWS, jnp.ones(3)), ValueError, r"shape \(3,\); use jax.vmap"),
    "no categories": (lambda: gj.gumbel_softmax(KEY, ROWS[:, :0]), ValueError, "categories, got 0"),
    "a shape that does not fit": (lambda: gj.categorical(KEY, ROWS, shape=(2,)), ValueError, r"\(3,\).* got \(2,\)"),
    "a negative length": (lambda: gj.gumbel(KEY, (-1,)), ValueError, "negative"),
    "a negative k": (lambda: gj.top_k(KEY, ROWS, -1), ValueError, "k must not be negative, got -1"),
    "noise of integers": (lambda: gj.gumbel(KEY, (2,), jnp.int32), TypeError, "dtype must be .* got int32"),
    "y and logits": (lambda: gj.exp_concrete_log_prob(ROWS, ROWS[:, :3], 1.0), ValueError, "as many categories"),
    "y of integers": (lambda: gj.binary_concrete_log_prob(1, 0.0, 1.0), TypeError, "y must be"),
}


@pytest.mark.parametrize("fault", PROGRAM)
def test_faults_of_the_program(fault):
    call, kind, message = PROGRAM[fault]
    with pytest.raises(kind, match=message):
        call()


def test_axis_out_of_range():
    for call in (gj.gumbel_softmax, gj.log_gumbel_softmax, lambda *args, axis: gj.top_k(*args, 1, axis=axis)):
        for axis in (2, -3):
            with pytest.raises(np.exceptions.AxisError):
                call(KEY, ROWS, axis=axis)
    with pytest.raises(np.exceptions.AxisError):
        gj.categorical(KEY, jnp.float32(0.0))


def test_a_panic_is_an_exception():
    """It must not leave the handler: the process would abort."""
    assert "gumbel.panic" in xla_handlers()
    panic = jax.ffi.ffi_call("gumbel.panic", jax.ShapeDtypeStruct((2,), jnp.float32))
    for _ in range(2):
        with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match="a handler panicked.*on purpose"):
            jax.block_until_ready(panic(jnp.zeros(2)))
    assert np.isfinite(gj.gumbel_softmax(KEY, ROWS)).all()


@pytest.mark.parametrize(
    ("name", "operands"),
    [
        ("softmax", (np.zeros((2, 3), np.int32), np.zeros(2, np.uint32), np.float32(1))),
        ("softmax", (np.zeros((2, 3), np.float32), np.zeros(5, np.uint32), np.float32(1))),
        ("softmax", (np.zeros((2, 3), np.float32), np.zeros(2, np.uint32))),
        ("max", (np.zeros((2, 3), np.float32), np.zeros(2, np.float32))),
        ("slope", (np.zeros((2, 3), np.float32), np.zeros((2, 2), np.float32), np.float32(1))),
    ],
)
def test_a_handler_called_wrongly(name, operands):
    """By another program, through XLA: an exception."""
    call = jax.ffi.ffi_call(f"gumbel.{name}", jax.ShapeDtypeStruct((2, 3), jnp.float32))
    with pytest.raises(jax.errors.JaxRuntimeError, match="a handler panicked"):
        jax.block_until_ready(jax.jit(call)(*operands))


def test_random_calls_are_right_or_refused():
    """Over masks, temperatures, types and shapes: a result without NaN, or an error where there is a reason."""
    random = np.random.default_rng(0)
    refused = 0
    for trial in range(200):
        shape, axis = [((3,), 0), ((2, 3), 1), ((2, 3), 0), ((3, 1, 2), -1), ((1,), -1)][random.integers(5)]
        dtype = [jnp.bfloat16, jnp.float32][random.integers(2)]
        logits = random.normal(size=shape) * 10.0 ** random.integers(-2, 4)
        logits[random.random(shape) < 0.2] = -np.inf
        if random.random() < 0.1:
            logits.flat[random.integers(logits.size)] = [np.nan, np.inf][random.integers(2)]
        tau = [0.0, 1e-3, 0.5, 2.0, -1.0, np.inf][random.choice(6, p=[0.05, 0.2, 0.3, 0.35, 0.05, 0.05])]
        logits = jnp.asarray(logits, dtype)
        wide = np.asarray(logits, np.float32)
        valid = (wide < np.inf).all() and (wide.max(axis) > -np.inf).all() and 0 < tau < np.inf
        try:
            key = jax.random.fold_in(KEY, trial)
            y, log_y = gj.gumbel_softmax(key, logits, tau, axis=axis), gj.log_gumbel_softmax(key, logits, tau, axis=axis)
            jax.block_until_ready((y, log_y))
        except jax.errors.JaxRuntimeError:
            assert not valid
            refused += 1
        else:
            assert valid and not np.isnan(np.asarray(y, np.float32)).any() and not np.isnan(log_y).any()
            np.testing.assert_allclose(np.asarray(y, np.float64).sum(axis), 1, atol=0.02)
    assert 30 < refused < 170
