//! Data: where it is found, how it is checked, and how it becomes batches of zeros and ones.
//!
//! [`load()`] takes a name (`digits`, `mnist`, …) or a folder of IDX files and returns a [`Dataset`];
//! [`permutation()`] and [`Binarization::batch`] turn it into batches that depend only on a
//! [`Stream`](gumbel_kernels::Stream), the epoch and the image. [`fetch()`] downloads, [`catalogue()`] lists. [`text`]
//! does the same for strings.
//!
//! Only [`fetch()`] uses the network. `digits` needs neither files nor network. This module knows nothing of models,
//! configurations or runs.

mod alphabet;
pub mod batches;
mod binarize;
mod catalogue;
mod dataset;
pub mod digits;
mod error;
pub mod fetch;
mod folder;
pub mod idx;
mod images;
pub mod labelled;
mod layout;
mod load;
mod permutation;
mod places;
pub mod registry;
pub mod text;

pub use binarize::{Binarization, UnknownBinarization};
pub use catalogue::{Listing, Presence, catalogue};
pub use dataset::Dataset;
pub use error::Error;
pub use fetch::fetch;
pub use images::{ImageSize, Images};
pub use layout::SPELLINGS;
pub use load::{load, load_from};
pub use permutation::permutation;
pub use places::Places;
