#!/usr/bin/env python3
"""The circles that the crates had when `circles.py` was written are found, and what is no circle is not."""

import tempfile
from pathlib import Path

from circles import Crate, circles, forbidden

# Of `gumbel-kernels` and `gumbel` before they were sorted into folders: the lines that made the circles.
OLD = {
    "lib": "pub mod level; mod real; mod normal; mod stream; pub use real::Real; pub use stream::Stream;",
    "level": "use crate::Real; pub fn run<T: Real>() {}",
    "real": "pub trait Real { fn quantile() { crate::normal::quantile(); } fn word() { crate::Stream::word(); } }",
    "normal": "use crate::real::Real; pub fn quantile() {}",
    "stream": "use crate::level; pub struct Stream; impl Stream { pub fn word() { level::run::<f32>(); } }",
    "relaxed": "use crate::softmax::softmax; pub fn unless_masked() {}",
    "softmax": "use crate::vjp; pub fn softmax() {}",
    "vjp": "use crate::{relaxed::unless_masked, softmax};",
    "distribution/mod": "mod concrete; mod exp_concrete; pub use concrete::Concrete; pub use exp_concrete::ExpConcrete;",
    "distribution/concrete": "use super::ExpConcrete; pub struct Concrete;",
    "distribution/exp_concrete": "use super::Concrete; pub struct ExpConcrete;",
}
# A re-export, an example, a test and a comment are no arrows; a parent that declares its children is above them.
PLAIN = {
    "lib": "mod above; mod below; pub use above::f;",
    "above": "use crate::below::g; pub fn f() { g() }",
    "below": """/// `crate::above::f` calls it.
        // use crate::above::f;
        pub fn g() { let _ = "use crate::above::f;"; }
        #[cfg(test)] pub(crate) mod tests { use crate::above::f; }""",
}


def found(sources):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in sources.items():
            file = Path(folder) / "src" / f"{name}.rs"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return {frozenset("::".join(node) for node in circle) for circle in circles(set(Crate(Path(folder)).arrows()))}


expected = {
    frozenset({"level", "real", "normal", "stream"}),
    frozenset({"relaxed", "softmax", "vjp"}),
    frozenset({"distribution::concrete", "distribution::exp_concrete"}),
}
assert found(OLD) == expected, found(OLD)
assert found(PLAIN) == set(), found(PLAIN)
# An import that a crate's Cargo.toml does not allow.
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "Cargo.toml").write_text('[package.metadata.imports]\nbelow = []\nabove = ["below"]\n')
    allowed, upward = {(("above",), ("below",))}, {(("below", "deep"), ("above",))}
    assert not list(forbidden(Path(folder), allowed))
    assert len(list(forbidden(Path(folder), allowed | upward))) == 1
print("the old circles are found, and imports that are not allowed")
