//! The parts that every HTML report is built from: [`Page`], [`Section`], [`Table`], figures and number formats.
//!
//! Nothing here knows of models, runs or measurements, reads or writes: same data in, same bytes out. A page is one
//! file; each figure on it is also a separate SVG file, registered when it is placed.
//!
//! The figures draw themselves rather than through a plotting library, because every colour must follow the
//! reader's light or dark scheme (CSS classes inside the SVG) and no font may be needed to place a label.

mod document;
mod error;
mod figure;
mod images;
pub mod number;
mod png_grid;
mod section;
mod table;
mod usage;

pub use document::{Card, Page, Rendered};
pub use error::Error;
pub use figure::{
    Bar, Bars, Chart, Drawing, ImageGrid, LineChart, Mark, Panel, Scatter, Series, Ternary, Thinned, Width,
    usage_map,
};
pub use images::Images;
pub use png_grid::png_grid;
pub use section::{Section, command};
pub use table::Table;
pub use usage::{Usage, perplexity};
