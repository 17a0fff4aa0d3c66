//! Variants of an operation.

/// What is computed from perturbed logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    Soft,
    Log,
    StraightThrough,
}

/// The standard distribution that noise is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NoiseKind {
    Uniform,
    Exponential,
    Gumbel,
    Logistic,
    Normal,
}
