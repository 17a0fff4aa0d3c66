//! What a training run of a model with discrete latents looks like on paper.
//!
//! [`Report`] is plain data; [`render`] turns it into one self-contained HTML page and the figures on it as
//! separate SVG files. Nothing here trains, reads or writes: same data in, same bytes out.
//!
//! The figures draw themselves rather than through a plotting library, because every colour must follow the
//! reader's light or dark scheme (CSS classes inside the SVG) and no font may be needed to place a label.

pub mod adversarial;
pub mod comparison;
pub mod data;
mod error;
pub mod figure;
mod measurement;
mod page;
mod png_grid;
mod reproduction;
mod section;
mod showing;
mod strings;
mod text;

pub use adversarial::Adversarial;
pub use comparison::{Comparison, Evaluation, Run};
pub use data::{
    Classes, Completions, Headline, Images, Point, Reconstructions, Report, SampleKind, Usage, perplexity,
};
pub use error::Error;
pub(crate) use figure::axis::grouped;
pub(crate) use measurement::bias_against_variance;
pub use measurement::{Findings, Training};
pub use page::{Rendered, render};
pub use png_grid::png_grid;
pub use reproduction::Reproduction;
pub use showing::Showing;
pub use strings::Strings;
