//! The frame of a chart: axes, ticks, grid and labels.

use super::axis::Axis;
use super::drawing::{Anchor, label, line};
use maud::{Markup, html};

/// The rectangle that points and curves are drawn in.
pub(super) struct Plot {
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Plot {
    pub(super) fn frame(&self, x_label: &str) -> Markup {
        let (left, right, bottom) = (self.x.start, self.x.end, self.y.start);
        html! {
            (self.y.grid(left, right, 6))
            (line((left, bottom), (right, bottom), "axis"))
            @for (value, text) in self.x.ticks(((right - left) / 85.0) as usize) {
                (line((self.x.at(value), bottom), (self.x.at(value), bottom + 5.0), "axis"))
                (label(self.x.at(value), bottom + 20.0, Anchor::Middle, "", &text))
            }
            (label((left + right) / 2.0, bottom + 39.0, Anchor::Middle, "ink", x_label))
        }
    }
}
