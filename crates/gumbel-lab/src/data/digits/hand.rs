//! Random handwriting: how one drawing deforms a glyph.

use super::glyphs::{Glyph, Knot};
use super::pen::{Dot, SIDE};
use gumbel_kernels::{Stream, StreamRng};
use rand_core::Rng;

/// Dots on the curve between two neighbouring knots.
const STEPS: u32 = 5;

/// Random numbers by integers, sums and products only, so that they are the same on every machine.
pub(super) struct Chance(StreamRng);

impl Chance {
    pub(super) fn new(stream: Stream) -> Self {
        Self(StreamRng::new(stream))
    }

    /// An index below `count`, uniform to within 2^-32.
    pub(super) fn index(&mut self, count: usize) -> usize {
        ((u64::from(self.0.next_u32()) * count as u64) >> 32) as usize
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Nearly normal with mean 0, never beyond 3.5 standard deviations: the sum of a word's four bytes.
    fn normal(&mut self, deviation: f32) -> f32 {
        let bytes: u16 = self.0.next_u32().to_le_bytes().map(u16::from).iter().sum();
        (f32::from(bytes) - 510.0) / 147.8 * deviation
    }
}

/// The parameters of a handwriting: how the unit box of a glyph is deformed.
struct Style {
    aspect: f32,
    /// How much wider the bottom is than the top.
    taper: f32,
    /// How far the middle lies below its place.
    sag: f32,
    slant: f32,
    bend: f32,
    /// Tangent of half the angle of rotation.
    half_turn: f32,
    shake: f32,
}

impl Style {
    fn new(chance: &mut Chance) -> Self {
        Self {
            aspect: chance.between(0.55, 1.1),
            taper: chance.normal(0.14),
            sag: chance.normal(0.14),
            slant: 0.14 + chance.normal(0.22),
            bend: chance.normal(0.18),
            half_turn: chance.normal(0.06),
            shake: chance.between(0.01, 0.04),
        }
    }

    fn apply(&self, knot: Knot, chance: &mut Chance) -> Knot {
        let (x, y) = (knot.x + chance.normal(self.shake) - 0.5, knot.y + chance.normal(self.shake) - 0.5);
        let y = y + self.sag * (0.25 - y * y);
        let x = x * self.aspect * (1.0 + self.taper * 2.0 * y) - self.slant * y + self.bend * y * y;
        // Sine and cosine from the tangent of half the angle: library versions may differ in the last bit.
        let t = self.half_turn;
        let (sine, cosine) = (2.0 * t / (1.0 + t * t), (1.0 - t * t) / (1.0 + t * t));
        Knot { x: cosine * x - sine * y, y: sine * x + cosine * y, corner: knot.corner }
    }
}

/// Draws a glyph: each stroke as dots in pixels, centred by mass, 20 pixels in the longer direction.
pub(super) fn write(glyph: Glyph, chance: &mut Chance) -> Vec<Vec<Dot>> {
    let style = Style::new(chance);
    let width = chance.between(0.75, 1.65);
    let mut strokes = Vec::with_capacity(glyph.len());
    for stroke in glyph {
        let knots: Vec<Knot> = stroke.iter().map(|&knot| style.apply(knot, chance)).collect();
        strokes.push(press(&curve(&knots), width, chance.normal(0.14)));
    }
    fit(&mut strokes, 20.0 + chance.normal(0.5), width);
    centre(&mut strokes, [chance.normal(0.3), chance.normal(0.3)]);
    strokes
}

/// Points on a Catmull–Rom curve through the knots, which breaks at corners.
fn curve(knots: &[Knot]) -> Vec<(f32, f32)> {
    let mut points = vec![(knots[0].x, knots[0].y)];
    for (index, pair) in knots.windows(2).enumerate() {
        let [from, to] = [pair[0], pair[1]];
        let before = if index == 0 || from.corner { from } else { knots[index - 1] };
        let after = if to.corner { to } else { *knots.get(index + 2).unwrap_or(&to) };
        for step in 1..=STEPS {
            let t = step as f32 / STEPS as f32;
            let along = |a, b, c, d| spline(a, b, c, d, t);
            points.push((along(before.x, from.x, to.x, after.x), along(before.y, from.y, to.y, after.y)));
        }
    }
    points
}

fn spline(a: f32, b: f32, c: f32, d: f32, t: f32) -> f32 {
    b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
}

/// Gives each point the pen's radius, which changes linearly along the stroke by the fraction `change`.
fn press(points: &[(f32, f32)], width: f32, change: f32) -> Vec<Dot> {
    let last = (points.len() - 1) as f32;
    let radius = |index: usize| width * (1.0 + change * (2.0 * index as f32 / last - 1.0));
    points.iter().enumerate().map(|(index, &(x, y))| Dot { x, y, radius: radius(index) }).collect()
}

/// Scales the drawing so that its longer side is `size` pixels.
fn fit(strokes: &mut [Vec<Dot>], size: f32, width: f32) {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for dot in strokes.iter().flatten() {
        for (axis, value) in [dot.x, dot.y].into_iter().enumerate() {
            (low[axis], high[axis]) = (low[axis].min(value), high[axis].max(value));
        }
    }
    let longer = (high[0] - low[0]).max(high[1] - low[1]);
    let scale = (size - 2.0 * width) / longer;
    for dot in strokes.iter_mut().flatten() {
        (dot.x, dot.y) = (dot.x * scale, dot.y * scale);
    }
}

/// Moves the centre of mass to the centre of the image plus `offset`.
fn centre(strokes: &mut [Vec<Dot>], offset: [f32; 2]) {
    let mut mass = [0.0; 3];
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        let (dx, dy) = (pair[1].x - pair[0].x, pair[1].y - pair[0].y);
        let ink = (dx * dx + dy * dy).sqrt();
        for (sum, value) in mass.iter_mut().zip([1.0, pair[0].x + 0.5 * dx, pair[0].y + 0.5 * dy]) {
            *sum += ink * value;
        }
    }
    let middle = SIDE as f32 / 2.0;
    for dot in strokes.iter_mut().flatten() {
        dot.x += middle + offset[0] - mass[1] / mass[0];
        dot.y += middle + offset[1] - mass[2] / mass[0];
    }
}
