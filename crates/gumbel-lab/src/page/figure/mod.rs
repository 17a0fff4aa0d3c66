//! Figures as SVG: legible at the width of a phone, in a light or a dark scheme, and on paper.

mod axis;
mod bars;
mod drawing;
mod image_grid;
mod line_chart;
mod plot;
mod range;
mod scatter;
mod ternary;
mod thinned;
mod usage_map;

pub use bars::{Bar, Bars};
pub(super) use drawing::style;
pub use drawing::{Chart, Drawing, Width};
pub use image_grid::ImageGrid;
pub use line_chart::{LineChart, Series};
pub use scatter::{Mark, Scatter};
pub use ternary::{Panel, Ternary};
pub use thinned::Thinned;
pub use usage_map::usage_map;
