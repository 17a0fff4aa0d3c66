//! A guided tour of relaxations and gradient estimators: how the Gumbel-Softmax trick works, when it fails, and the
//! choices that it requires. Each formula stands next to the function that computes it. In this order:
//!
//! 1. [`trick`]: a categorical sample as an argmax, and its relaxation to a softmax.
//! 2. [`failures`]: when the trick fails, and what to use instead.
//! 3. [`soft_or_hard`]: which kind of sample to pass to the rest of a model.
//! 4. [`divergence`]: which KL to use in a relaxed objective.
//! 5. [`temperature`]: its trade-offs, and published settings.
//! 6. [`masks`]: categories that must never be drawn, and noise with full tails.
//! 7. [`precision`]: half precision, saturation, log space and double precision.
//! 8. [`beyond`]: subsets, permutations, sparse maps and trees.
//! 9. [`blocks`]: quantisers, routers, sequences, sorts and sparsity masks: which one when.
//! 10. [`devices`]: which operation runs where, and what a GPU changes.
//! 11. [`formulas`]: a table of every formula and its function.

#[doc = include_str!("trick.md")]
pub mod trick {}
#[doc = include_str!("failures.md")]
pub mod failures {}
#[doc = include_str!("soft_or_hard.md")]
pub mod soft_or_hard {}
#[doc = include_str!("divergence.md")]
pub mod divergence {}
#[doc = include_str!("temperature.md")]
pub mod temperature {}
#[doc = include_str!("masks.md")]
pub mod masks {}
#[doc = include_str!("precision.md")]
pub mod precision {}
#[doc = include_str!("beyond.md")]
pub mod beyond {}
#[doc = include_str!("blocks.md")]
pub mod blocks {}
#[doc = include_str!("devices.md")]
pub mod devices {}
#[doc = include_str!("formulas.md")]
pub mod formulas {}
