//! The experiments of `gumbel train`: [`bound`], models of images and strings that are trained on a bound of the likelihood;
//! [`gan`], an adversarial game; [`vqvae`], an autoencoder with a quantiser. [`ALL`] is the table of all.

pub mod bound;
pub mod gan;
mod image_size;
mod table;
pub mod vqvae;

pub use table::{ALL, Row, find, of_run};
