//! The nearest of K codes to each point: vector quantisation.
//!
//! A matrix product in registers gives every score `½|c|² − ⟨x, c⟩`, which orders the codes as the distance does but loses
//! digits to cancellation. It only selects candidates: the codes whose scores are within their rounding error of the least.
//! Those are compared by `Σ (x − c)²` in double precision.
//!
//! Of the scores of a group of codes only the least is kept. The few groups where it is within that error are scored again,
//! code by code.

mod book;
mod exact;
mod scores;
#[cfg(test)]
mod tests;

use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use crate::{Error, Level, Real};
use book::{Book, LANES, finite, squared_norm};
use exact::Exact;
use scores::Scores;

/// Finds for each point the code at the smallest Euclidean distance, and the square of that distance.
///
/// ```text
/// index = argmin_k Σᵢ (xᵢ − cₖᵢ)²
/// ```
///
/// Distances are compared in double precision, as sums of squared differences in the order of the columns; of equal ones
/// the first code is chosen. So the result depends neither on the threads nor on the instruction set. No matrix of N × K
/// distances is made: a thread keeps some 4 √K scores of each of about a hundred points.
///
/// # Shapes
/// `points` `[N, width]`, `codes` `[K, width]`; `index` and `squared_distance` `[N]`.
///
/// # Errors
/// A number that is NaN or infinite; no code, or more than 4294967295; a width of 0.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (points, codes) = ([0.0f32, 0.0, 3.0, 4.0], [2.0, 0.0, 0.0, 2.0, 3.0, 3.0]);
/// let (mut index, mut squared_distance) = ([0; 2], [0.0; 2]);
/// gumbel_kernels::nearest(&points, &codes, 2, &mut index, &mut squared_distance)?;
/// assert_eq!(index, [0, 2]); // the first of two codes at distance 2
/// assert_eq!(squared_distance, [4.0, 1.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "vector quantization")]
#[doc(alias = "cdist")]
pub fn nearest<T: Real>(
    points: &[T],
    codes: &[T],
    width: usize,
    index: &mut [u32],
    squared_distance: &mut [T],
) -> Result<(), Error> {
    let count = count_rows(points.len(), width)?;
    same_length("the index", index.len(), count);
    same_length("the squared distance", squared_distance.len(), count);
    let book = Book::new(codes, width)?;
    finite("point", points, width)?;
    let rows = Rows { first: 0, count, inputs: [points], outputs: [squared_distance], indices: index };
    rows.run(Nearest { book: &book })
}

struct Nearest<'a, T> {
    book: &'a Book<'a, T>,
}

impl<T> Clone for Nearest<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Nearest<'_, T> {}

impl<T: Real> RowKernel<T, 1, 1> for Nearest<'_, T> {
    /// Products are a few dozen times as fast as what a thread's share of work is measured in. Bounded, so that a share
    /// has some tiles of points.
    fn width(&self) -> usize {
        (self.book.panels.len() * LANES / 64).min(256)
    }

    /// As many points in a tile as have their sums in vector registers: 16 sums take one register of AVX-512, two of AVX2,
    /// four of NEON, which has 32, and of the baseline, and eight of the baseline in double precision.
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        if !T::VECTORIZED {
            self.blocks::<1, FMA>(rows);
        } else if !FMA {
            self.blocks::<2, FMA>(rows);
        } else if Level::current() == Level::Avx512 {
            self.blocks::<8, FMA>(rows);
        } else {
            self.blocks::<6, FMA>(rows);
        }
        Ok(())
    }
}

impl<T: Real> Nearest<'_, T> {
    #[inline(always)]
    fn blocks<const P: usize, const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) {
        let ([points], [distances]) = (rows.inputs, rows.outputs);
        let mut scores = Scores::<T, P>::new(self.book, rows.count);
        let (block, mut scored) = (scores.points(), Vec::new());
        let mut best = vec![(0.0, 0); block];
        let outputs = rows.indices.chunks_mut(block).zip(distances.chunks_mut(block));
        for (points, (indices, distances)) in points.chunks(block * self.book.width).zip(outputs) {
            scores.fill::<FMA>(points);
            let mut exact = Exact::new(self.book, points, &mut best);
            for i in 0..indices.len() {
                self.add_candidates::<P, FMA>(i, &scores, &mut scored, &mut exact);
            }
            exact.compare();
            for ((index, distance), &(least, k)) in indices.iter_mut().zip(distances).zip(&best) {
                (*index, *distance) = (k, T::from_f64(least));
            }
        }
    }

    /// Adds the codes that may be nearest to a point: those which, scored once more one by one, are within the margin.
    #[inline(always)]
    fn add_candidates<const P: usize, const FMA: bool>(
        self,
        i: usize,
        scores: &Scores<'_, T, P>,
        scored: &mut Vec<(usize, T)>,
        exact: &mut Exact<'_, T>,
    ) {
        let point = exact.point(i);
        let margin = self.book.margin(squared_norm(point).sqrt());
        scored.clear();
        if margin.is_finite() {
            self.score_near::<FMA>(point, margin, scores.of(i), scored);
        } else {
            scored.extend((0..self.book.count()).map(|k| (k, T::zero())));
        }
        let least = scored.iter().fold(T::infinity(), |least, &(_, score)| least.min(score));
        let limit = highest_within(least, margin);
        for &(k, score) in &*scored {
            if score <= limit {
                exact.add(i, k);
            }
        }
    }

    /// Scores the codes of which only the least score is known, by group and lane, where that is within the margin.
    #[inline(always)]
    fn score_near<'l, const FMA: bool>(
        self,
        point: &[T],
        margin: f64,
        least: impl Iterator<Item = &'l [T; LANES]> + Clone,
        scored: &mut Vec<(usize, T)>,
    ) {
        let limit = highest_within(lowest(least.clone()), margin);
        for (group, lanes) in least.enumerate() {
            let mut lanes_within = if any_within(lanes, limit) { within(lanes, limit) } else { 0 };
            while lanes_within != 0 {
                let lane = lanes_within.trailing_zeros() as usize;
                lanes_within &= lanes_within - 1;
                // Not `extend`, which would not be compiled for the level.
                for k in self.book.lane_of_group(group, lane) {
                    scored.push((k, self.book.score::<FMA>(point, k)));
                }
            }
        }
    }
}

/// The highest score that is within the margin of the least.
#[inline(always)]
fn highest_within<T: Real>(least: T, margin: f64) -> T {
    let least: f64 = least.into();
    // Rounded up, so that nothing within the margin is left out.
    T::from_f64(least + margin * (1.0 + 1e-6) + least.abs() * T::epsilon().into())
}

#[inline(always)]
fn lowest<'a, T: Real>(lines: impl Iterator<Item = &'a [T; LANES]>) -> T {
    let mut least = [T::infinity(); LANES];
    for line in lines {
        for lane in 0..LANES {
            least[lane] = if line[lane] < least[lane] { line[lane] } else { least[lane] };
        }
    }
    least.into_iter().fold(T::infinity(), T::min)
}

#[inline(always)]
fn any_within<T: Real>(scores: &[T; LANES], limit: T) -> bool {
    scores.iter().fold(false, |any, &score| any | (score <= limit))
}

/// One bit for each lane.
#[inline(always)]
fn within<T: Real>(scores: &[T; LANES], limit: T) -> u32 {
    let mut lanes = 0;
    for (lane, &score) in scores.iter().enumerate() {
        lanes |= u32::from(score <= limit) << lane;
    }
    lanes
}
