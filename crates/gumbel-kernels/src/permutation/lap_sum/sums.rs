//! Sums of Laplace distributions around the scores of a row, and their inverse, in linear time once sorted.

use super::super::sorted::{Sorted, gap};
use crate::Real;

/// Laplace distributions of scale tau around the scores of a row. The *level* at x is the expected number of them above
/// x: `L(x) = Σⱼ F((rⱼ − x) / tau)`, which descends from the number of scores to 0.
pub(super) struct Sums {
    pub sorted: Sorted,
    pub tau: f64,
    /// `exp(−(rᵢ − rᵢ₊₁) / tau)` between adjacent scores.
    decays: Vec<f64>,
    /// `Σ exp(−|rⱼ − rᵢ| / tau)` over the scores j from the largest to i,
    upper: Vec<f64>,
    /// and over those from i to the smallest.
    lower: Vec<f64>,
}

/// The point at which the level has a given value.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// How many scores are above.
    pub above: usize,
    /// The level less that number.
    offset: f64,
    /// `Σ exp(−|rⱼ − x| / tau) / 2` over the scores above, which is `1 − F` of theirs, and over those below.
    pub tails: [f64; 2],
}

impl Place {
    /// The tails as parts of their sum. Where both underflow, the point is in the middle of a gap.
    pub fn shares(self) -> [f64; 2] {
        let total = self.tails[0] + self.tails[1];
        if total > 0.0 { self.tails.map(|tail| tail / total) } else { [0.5; 2] }
    }
}

impl Sums {
    pub fn new(n: usize, tau: f64) -> Self {
        let empty = || Vec::with_capacity(n);
        Self { sorted: Sorted::of_capacity(n), tau, decays: empty(), upper: empty(), lower: empty() }
    }

    /// Of the finite scores of a row, times a sign.
    pub fn fill<T: Real>(&mut self, scores: &[T], sign: f64) {
        self.sorted.fill(scores, sign);
        let (values, tau) = (&self.sorted.values, self.tau);
        self.decays.clear();
        self.decays.extend(values.windows(2).map(|pair| gap(pair[1], pair[0], tau).exp()));
        let n = values.len();
        for sums in [&mut self.upper, &mut self.lower] {
            sums.clear();
            sums.resize(n, 1.0);
        }
        carry_down(&self.decays, &mut self.upper);
        carry_up(&self.decays, &mut self.lower);
    }

    pub fn len(&self) -> usize {
        self.sorted.values.len()
    }

    /// The level at a score, whose own distribution counts as half.
    pub fn level(&self, place: usize) -> f64 {
        place as f64 + 0.5 - 0.5 * (self.upper[place] - self.lower[place])
    }

    /// Where the level is `target`; at least `from` scores are known to be above.
    ///
    /// Between two scores, the tails above and below have a constant product and the offset as their difference.
    pub fn locate(&self, target: f64, from: usize) -> Place {
        let n = self.len();
        let mut above = from;
        while above < n && self.level(above) <= target {
            above += 1;
        }
        let offset = target - above as f64;
        let product = if above == 0 || above == n {
            0.0
        } else {
            0.25 * self.upper[above - 1] * self.decays[above - 1] * self.lower[above]
        };
        let root = (0.25 * offset * offset + product).sqrt().max(0.5 * offset.abs());
        let large = 0.5 * offset.abs() + root;
        let small = if product > 0.0 { product / large } else { 0.0 };
        let tails = if offset < 0.0 { [large, small] } else { [small, large] };
        Place { above, offset, tails }
    }

    /// The point of a place whose level is above 0 and below the number of scores.
    pub fn point(&self, place: Place) -> f64 {
        let Place { above, offset, tails } = place;
        let values = &self.sorted.values;
        let point = if offset < 0.0 {
            values[above - 1] - self.tau * (self.upper[above - 1] / (2.0 * tails[0])).ln()
        } else if offset > 0.0 {
            values[above] + self.tau * (self.lower[above] / (2.0 * tails[1])).ln()
        } else {
            let shift = (self.upper[above - 1] / self.lower[above]).ln();
            0.5 * values[above - 1] + 0.5 * values[above] - 0.5 * self.tau * shift
        };
        let point = if above > 0 { point.min(values[above - 1]) } else { point };
        if above < values.len() { point.max(values[above]) } else { point }
    }

    /// Adds what a place, with a weight above and one below, spreads over the scores: to the nearest on both sides, from
    /// which [`Sums::spread`] carries it on.
    pub fn add(&self, place: Place, [above, below]: [f64; 2], up: &mut [f64], down: &mut [f64]) {
        if place.above > 0 {
            up[place.above - 1] += above / self.upper[place.above - 1];
        }
        if place.above < self.len() {
            down[place.above] += below / self.lower[place.above];
        }
    }

    /// Carries each number to the scores above, in `up`, and below, in `down`, with its decay.
    pub fn spread(&self, up: &mut [f64], down: &mut [f64]) {
        carry_up(&self.decays, up);
        carry_down(&self.decays, down);
    }

    /// `Σ exp(−|rⱼ − rᵢ| / tau) (dⱼ − dᵢ)` over the other scores, from the spread `d`.
    pub fn differences(&self, place: usize, d: f64, up: &[f64], down: &[f64]) -> f64 {
        let mut sum = 0.0;
        if place > 0 {
            sum += self.decays[place - 1] * (down[place - 1] - self.upper[place - 1] * d);
        }
        if place + 1 < self.len() {
            sum += self.decays[place] * (up[place + 1] - self.lower[place + 1] * d);
        }
        sum
    }
}

/// Adds to each number those before it, with their decay.
fn carry_down(decays: &[f64], numbers: &mut [f64]) {
    for (place, decay) in decays.iter().enumerate() {
        numbers[place + 1] += decay * numbers[place];
    }
}

/// Adds to each number those after it, with their decay.
fn carry_up(decays: &[f64], numbers: &mut [f64]) {
    for (place, decay) in decays.iter().enumerate().rev() {
        numbers[place] += decay * numbers[place + 1];
    }
}
