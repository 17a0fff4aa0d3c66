//! Figures as SVG: legible at the width of a phone, in a light or a dark scheme, and on paper.

pub(super) mod axis;
mod bars;
mod drawing;
mod image_grid;
mod line_chart;
mod range;
mod scatter;
mod ternary;
mod usage_map;

pub use bars::{Bar, Bars};
pub use drawing::Drawing;
pub(super) use drawing::style;
pub use image_grid::ImageGrid;
pub use line_chart::{LineChart, Series, Width};
pub use scatter::{Mark, Scatter};
pub use ternary::{Panel, Ternary};
pub use usage_map::usage_map;
