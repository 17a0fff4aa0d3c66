//! A guided tour: what the trick is, when it fails, and the choices it asks for, every formula next to the function that
//! computes it. In this order:
//!
//! 1. [`trick`]: a sample as an argmax, and the softmax in its place.
//! 2. [`failures`]: when that goes wrong, and what to do instead.
//! 3. [`soft_or_hard`]: which sample to give to the rest of a model.
//! 4. [`divergence`]: which KL belongs in a relaxed objective.
//! 5. [`temperature`]: what it trades, and where to begin.
//! 6. [`masks`]: categories that must not be drawn, and tails that must.
//! 7. [`precision`]: half precision, saturation and log space.
//! 8. [`beyond`]: subsets, permutations, sparse maps, structures.
//! 9. [`formulas`]: a table of every formula and its function.

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
#[doc = include_str!("formulas.md")]
pub mod formulas {}
