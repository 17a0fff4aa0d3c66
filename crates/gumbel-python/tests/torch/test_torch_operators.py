"""The operators as PyTorch sees them."""

import pytest

torch = pytest.importorskip("torch")

import gumbel.torch
from torch_reference import DTYPES, logits

NAMES = sorted(
    schema.name.split("::")[1] + ("." + schema.overload_name if schema.overload_name else "")
    for schema in torch._C._jit_get_all_schemas()
    if schema.name.startswith("gumbel::")
)


def operator(name):
    base, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.gumbel, base), overload or "default")


def example(argument, dtype, k=4):
    """An argument, by its name."""
    rows = logits(3, k, seed=1, dtype=dtype)
    return {
        "logits": rows,
        "like": rows,
        "key": torch.tensor([1, 2, 3]),
        "tau": torch.tensor(0.7) if "Tensor" in str(argument.type) else 0.7,
        "k": 2,
        "law": "gumbel",
        "y": rows.softmax(-1),
        "log_y": rows.log_softmax(-1),
        "dy": logits(3, k, seed=2, dtype=dtype),
        "d": logits(3, seed=2, dtype=dtype),
    }[argument.name]


def arguments(name, dtype=torch.float32):
    return [example(argument, dtype) for argument in operator(name)._schema.arguments]


def test_the_operators_are_those_of_the_documentation():
    assert {
        "softmax", "softmax.tensor", "log_softmax", "log_softmax.tensor", "straight_through", "straight_through.tensor",
        "softmax_vjp", "softmax_vjp.tensor", "log_softmax_vjp", "log_softmax_vjp.tensor", "gumbel_max", "one_hot",
        "top_k", "noise", "exp_concrete_log_prob", "concrete_log_prob", "binary_concrete_log_prob",
        "relaxed_bernoulli_log_prob", "exp_concrete_log_prob_vjp",
    } <= set(NAMES)  # fmt: skip
    assert [a.name for a in torch.ops.gumbel.softmax.default._schema.arguments] == ["logits", "key", "tau"]
    assert [a.name for a in torch.ops.gumbel.softmax_vjp.default._schema.arguments] == ["y", "dy", "tau"]
    assert [a.name for a in torch.ops.gumbel.top_k.default._schema.arguments] == ["logits", "key", "k"]
    assert [a.name for a in torch.ops.gumbel.noise.default._schema.arguments] == ["like", "key", "law"]


OWN = [name for name in NAMES if {a.name for a in operator(name)._schema.arguments} <= {
    "logits", "like", "key", "tau", "k", "law", "y", "log_y", "dy", "d",
}]  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_opcheck(name):
    torch.library.opcheck(operator(name), arguments(name))
    given = [a.requires_grad_() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in arguments(name)]
    torch.library.opcheck(operator(name), given)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_and_types_of_fake_tensors_are_those_of_the_result(name, dtype):
    real = operator(name)(*arguments(name, dtype))
    meta = operator(name)(*[a.to("meta") if isinstance(a, torch.Tensor) else a for a in arguments(name, dtype)])
    pairs = zip(real, meta, strict=True) if isinstance(real, tuple) else [(real, meta)]
    for result, shape in pairs:
        assert (result.shape, result.dtype, result.stride()) == (shape.shape, shape.dtype, shape.stride())


@pytest.mark.parametrize("name", OWN)
def test_results_do_not_overlap_the_arguments(name):
    given = arguments(name)
    before = [a.clone() if isinstance(a, torch.Tensor) else a for a in given]
    results = operator(name)(*given)
    for result in results if isinstance(results, tuple) else (results,):
        result.zero_()
    for a, b in zip(given, before, strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize("name", [name for name in OWN if "tau" in str(operator(name)._schema)])
def test_temperatures_are_checked(name):
    for tau in (0.0, -1.0, torch.nan):
        given = arguments(name)
        place = [a.name for a in operator(name)._schema.arguments].index("tau")
        given[place] = torch.tensor(tau) if isinstance(given[place], torch.Tensor) else tau
        with pytest.raises(gumbel.Error) as caught:
            operator(name)(*given)
        assert caught.value.kind == "temperature"


def test_tensors_of_two_types_or_shapes_are_refused():
    y, dy = torch.rand(3, 4), torch.rand(3, 4)
    with pytest.raises(TypeError, match="dy must have the same dtype"):
        torch.ops.gumbel.softmax_vjp(y, dy.double(), 1.0)
    with pytest.raises(ValueError, match=r"dy must have shape \[3, 4\], got \[4, 3\]"):
        torch.ops.gumbel.softmax_vjp(y, dy.T, 1.0)


def test_noise_is_that_of_the_object():
    key = torch.tensor([7, 0, 5])
    for law in ("uniform", "exponential", "gumbel", "logistic", "normal"):
        for dtype in (torch.float32, torch.float64):
            drawn = torch.ops.gumbel.noise(torch.empty(3, 4, dtype=dtype), key, law)
            noise = gumbel.Noise.from_parts(7, 0, 5)
            expected = getattr(noise, law)((3, 4), str(dtype).removeprefix("torch."))
            assert drawn.dtype == dtype and (drawn.numpy() == expected).all()
        half = torch.ops.gumbel.noise(torch.empty(3, 4, dtype=torch.bfloat16), key, law)
        assert torch.equal(half, torch.ops.gumbel.noise(torch.empty(3, 4), key, law).bfloat16())
    with pytest.raises(ValueError, match="law"):
        torch.ops.gumbel.noise(torch.empty(3), key, "cauchy")


def test_views_need_tensors_with_memory():
    native = gumbel._native._torch_softmax
    key = torch.tensor([1, 2])
    for wrong in (torch.empty(3, device="meta"), torch.ones(3).to_sparse(), "tensor", None, torch.ones(3).numpy()):
        with pytest.raises(TypeError):
            native(wrong, key, 1.0)
        with pytest.raises(TypeError):
            native(torch.ones(3), wrong, 1.0)
    freed = torch.ones(3)
    freed.untyped_storage().resize_(0)
    with pytest.raises((TypeError, RuntimeError)):
        native(freed, key, 1.0)


def test_negated_views_are_resolved():
    """The imaginary part of a conjugate is stored with the opposite sign."""
    x = torch.complex(torch.zeros(3, 4), logits(3, 4)).conj().imag
    assert x.is_neg()
    key = torch.tensor([1, 2])
    assert torch.equal(torch.ops.gumbel.softmax(x, key, 1.0), torch.ops.gumbel.softmax(-logits(3, 4), key, 1.0))
