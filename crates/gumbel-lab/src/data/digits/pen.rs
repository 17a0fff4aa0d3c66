//! Rasterises pen strokes with smooth edges.

/// Rows, and columns, of an image.
pub const SIDE: usize = 28;
/// Pixels of an image.
pub(super) const PIXELS: usize = SIDE * SIDE;

/// A point of a stroke, in pixels from the image's upper left corner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dot {
    pub(super) x: f32,
    pub(super) y: f32,
    /// Half the width of the line here.
    pub(super) radius: f32,
}

/// Rasterises strokes of a round pen: values fall from 255 to 0 over one pixel across the line's edge.
pub(super) fn draw(strokes: &[Vec<Dot>]) -> [u8; PIXELS] {
    let mut depth = [-1.0; PIXELS];
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        stroke(&mut depth, pair[0], pair[1]);
    }
    depth.map(|depth| ((depth + 0.5).clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
}

/// Raises each pixel near the segment to its distance inside the line's edge.
fn stroke(depth: &mut [f32; PIXELS], from: Dot, to: Dot) {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let inverse = 1.0 / (dx * dx + dy * dy).max(1e-12); // the two dots may coincide
    let reach = from.radius.max(to.radius) + 0.5;
    let columns = pixels(from.x.min(to.x) - reach, from.x.max(to.x) + reach);
    for row in pixels(from.y.min(to.y) - reach, from.y.max(to.y) + reach) {
        for column in columns.clone() {
            let (x, y) = (column as f32 + 0.5 - from.x, row as f32 + 0.5 - from.y);
            let along = ((x * dx + y * dy) * inverse).clamp(0.0, 1.0);
            let (x, y) = (x - along * dx, y - along * dy);
            let inside = from.radius + along * (to.radius - from.radius) - (x * x + y * y).sqrt();
            let pixel = &mut depth[row * SIDE + column];
            *pixel = pixel.max(inside);
        }
    }
}

/// The rows or columns that an interval touches, clipped to the image.
fn pixels(low: f32, high: f32) -> std::ops::Range<usize> {
    // A cast from a float saturates, so a negative value becomes 0.
    let end = high.ceil() as usize;
    (low.floor() as usize).min(SIDE)..end.min(SIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_width_and_smooth_edges() {
        let dot = |x| Dot { x, y: 10.0, radius: 1.25 };
        let image = draw(&[vec![dot(5.0), dot(20.0)]]);
        let column: Vec<u8> = (7..13).map(|row| image[row * SIDE + 12]).collect();
        assert_eq!(column, [0, 64, 255, 255, 64, 0]); // a quarter of a pixel on either side
    }

    #[test]
    fn strokes_outside_the_image_are_clipped() {
        let far = Dot { x: -50.0, y: 90.0, radius: 2.0 };
        assert_eq!(draw(&[vec![far, far]]), [0; PIXELS]);
    }
}
