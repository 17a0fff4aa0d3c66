//! Image data: where it comes from, how it is checked, and how it becomes batches of zeros and ones.
//!
//! [`load`] takes a name (`digits`, `mnist`, …) or a folder of IDX files and returns a [`Dataset`];
//! [`order`] and [`Binarisation::batch`] turn it into batches that depend on nothing but a
//! [`Stream`](gumbel_kernels::Stream), the epoch and the image. [`fetch()`] downloads, [`catalogue`] lists.
//!
//! Only [`fetch()`] uses the network. `digits` needs neither files nor network.

pub mod batches;
mod binarise;
mod catalogue;
pub mod digits;
mod error;
pub mod fetch;
mod folder;
pub mod idx;
mod images;
pub mod labelled;
mod order;
mod places;
pub mod registry;
mod source;
pub mod text;

pub use binarise::{Binarisation, UnknownBinarisation};
pub use catalogue::{Entry, Presence, catalogue};
pub use error::Error;
pub use fetch::fetch;
pub use images::{Dataset, ImageSize, Images};
pub use order::order;
pub use places::Places;
pub use source::{load, load_from};
