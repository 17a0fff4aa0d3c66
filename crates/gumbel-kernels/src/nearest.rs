//! The nearest of K codes to each point: vector quantisation.
//!
//! A matrix product in registers gives every score `½|c|² − ⟨x, c⟩`, which orders the codes as the distance does but loses
//! digits to cancellation. It only selects candidates: the codes whose scores are within their rounding error of the least.
//! Those are compared by `Σ (x − c)²` in double precision.

use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use crate::{Error, Real};

/// Finds for each point the code at the smallest Euclidean distance, and the square of that distance.
///
/// ```text
/// index = argmin_k Σᵢ (xᵢ − cₖᵢ)²
/// ```
///
/// Distances are compared in double precision, as sums of squared differences in the order of the columns; of equal ones
/// the first code is chosen. So the result depends neither on the threads nor on the instruction set. No matrix of N × K
/// distances is made: a thread keeps the scores of a few points.
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
    check("point", points, width)?;
    let rows = Rows { first: 0, count, inputs: [points], outputs: [squared_distance], indices: index };
    rows.run(Nearest { book: &book })
}

fn check<T: Real>(what: &'static str, numbers: &[T], width: usize) -> Result<(), Error> {
    match numbers.iter().position(|number| !number.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(Error::NotFinite { what, row: at / width, column: at % width, value: numbers[at].into() })
        }
    }
}

/// Codes side by side in a panel: a vector register of single precision, or two.
const LANES: usize = 16;
/// Points that a pass over the codes serves: with the lanes, as many sums as registers hold.
const POINTS: usize = 6;

/// The codes as they are, and in panels: column by column, `LANES` codes beside each other.
struct Book<'a, T> {
    codes: &'a [T],
    width: usize,
    panels: Vec<T>,
    /// `½|c|²`, infinite for the codes that fill the last panel.
    half_norms: Vec<T>,
    /// The largest `|c|`.
    radius: f64,
}

impl<'a, T: Real> Book<'a, T> {
    fn new(codes: &'a [T], width: usize) -> Result<Self, Error> {
        let count = count_rows(codes.len(), width)?;
        if count == 0 || u32::try_from(count).is_err() {
            return Err(Error::Categories(count));
        }
        check("code", codes, width)?;
        let filled = count.next_multiple_of(LANES);
        let mut book = Self {
            codes,
            width,
            panels: vec![T::zero(); filled * width],
            half_norms: vec![T::infinity(); filled],
            radius: 0.0,
        };
        codes.chunks_exact(width).enumerate().for_each(|(k, code)| book.put(k, code));
        Ok(book)
    }

    fn put(&mut self, k: usize, code: &[T]) {
        let (panel, lane) = (k / LANES, k % LANES);
        let start = panel * LANES * self.width + lane;
        code.iter().enumerate().for_each(|(i, &number)| self.panels[start + i * LANES] = number);
        let square = squared_norm(code);
        self.half_norms[k] = T::from_f64(0.5 * square);
        self.radius = self.radius.max(square.sqrt());
    }

    /// Bounds the difference of the rounding errors of two scores of a point with norm `norm`: a sum of n products has a
    /// relative error of n units, of the sum of their magnitudes. Infinite if a score may overflow.
    fn margin(&self, norm: f64) -> f64 {
        let products = norm * self.radius;
        let magnitude = products + self.radius * self.radius;
        if magnitude > 0.25 * T::max_value().into() {
            return f64::INFINITY;
        }
        let (unit, width) = (0.5 * T::epsilon().into(), self.width as f64);
        let lost_below = (width + 4.0) * T::min_positive_value().into();
        2.0 * (1.1 * unit * ((width + 4.0) * products + 2.0 * self.radius * self.radius) + lost_below)
    }
}

fn squared_norm<T: Real>(numbers: &[T]) -> f64 {
    numbers.iter().map(|&number| number.into().powi(2)).sum()
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
    /// has several points.
    fn width(&self) -> usize {
        (self.book.panels.len() / 64).min(512)
    }

    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([points], [distances]) = (rows.inputs, rows.outputs);
        let (width, mut scores) = (self.book.width, vec![T::zero(); POINTS * self.book.half_norms.len()]);
        let tiles = points.chunks(POINTS * width);
        let outputs = rows.indices.chunks_mut(POINTS).zip(distances.chunks_mut(POINTS));
        for (tile, (indices, distances)) in tiles.zip(outputs) {
            match <[&[T]; POINTS]>::try_from(tile.chunks_exact(width).collect::<Vec<_>>()) {
                Ok(points) => self.score::<POINTS, FMA>(points, &mut scores),
                Err(few) => few.into_iter().enumerate().for_each(|(i, point)| {
                    self.score::<1, FMA>([point], &mut scores[i * self.book.half_norms.len()..])
                }),
            }
            let lines = scores.chunks_exact(self.book.half_norms.len());
            for (i, (point, line)) in tile.chunks_exact(width).zip(lines).enumerate() {
                let (index, distance) = self.decide(point, line);
                (indices[i], distances[i]) = (index, T::from_f64(distance));
            }
        }
        Ok(())
    }
}

impl<T: Real> Nearest<'_, T> {
    /// The scores of `P` points, one line after the other.
    #[inline(always)]
    fn score<const P: usize, const FMA: bool>(self, points: [&[T]; P], scores: &mut [T]) {
        let (book, length) = (self.book, self.book.half_norms.len());
        let panels = book.panels.chunks_exact(LANES * book.width);
        for (panel, at) in panels.zip((0..length).step_by(LANES)) {
            let sums = products::<T, P, FMA>(points, panel);
            let half_norms = &book.half_norms[at..at + LANES];
            for (sums, line) in sums.iter().zip(scores.chunks_exact_mut(length)) {
                let line = &mut line[at..at + LANES];
                for lane in 0..LANES {
                    line[lane] = half_norms[lane] - sums[lane];
                }
            }
        }
    }

    /// The nearest code of a point from its scores, and the squared distance.
    #[inline(always)]
    fn decide(self, point: &[T], line: &[T]) -> (u32, f64) {
        let margin = self.book.margin(squared_norm(point).sqrt());
        if !margin.is_finite() {
            return self.first_least(point, 0..self.book.codes.len() / self.book.width);
        }
        let mut least = [T::infinity(); LANES];
        for part in line.chunks_exact(LANES) {
            for lane in 0..LANES {
                least[lane] = if part[lane] < least[lane] { part[lane] } else { least[lane] };
            }
        }
        let least: f64 = least.into_iter().fold(T::infinity(), T::min).into();
        // Rounded up, so that nothing within the margin is left out.
        let limit = T::from_f64(least + margin * (1.0 + 1e-6) + least.abs() * T::epsilon().into());
        let candidates = line.chunks_exact(LANES).enumerate().filter(|(_, part)| {
            let mut within = 0u32;
            for &score in *part {
                within += u32::from(score <= limit);
            }
            within > 0
        });
        let codes = candidates.flat_map(|(panel, part)| {
            (0..LANES).filter(move |&lane| part[lane] <= limit).map(move |lane| panel * LANES + lane)
        });
        self.first_least(point, codes)
    }

    /// Of the candidates, in increasing order, the first at the least distance.
    fn first_least(self, point: &[T], candidates: impl Iterator<Item = usize>) -> (u32, f64) {
        let width = self.book.width;
        let distance = |k: usize| squared_distance(point, &self.book.codes[k * width..(k + 1) * width]);
        let mut nearest: Option<(u32, f64)> = None;
        for k in candidates {
            let distance = distance(k);
            if nearest.is_none_or(|(_, least)| distance < least) {
                nearest = Some((k as u32, distance));
            }
        }
        nearest.expect("the least score is within the margin of itself")
    }
}

/// The inner products of `P` points with the codes of a panel.
#[inline(always)]
fn products<T: Real, const P: usize, const FMA: bool>(points: [&[T]; P], panel: &[T]) -> [[T; LANES]; P] {
    let mut sums = [[T::zero(); LANES]; P];
    for (i, column) in panel.chunks_exact(LANES).enumerate() {
        for p in 0..P {
            let x = points[p][i];
            for lane in 0..LANES {
                let sum = &mut sums[p][lane];
                *sum = if FMA { x.mul_add(column[lane], *sum) } else { x * column[lane] + *sum };
            }
        }
    }
    sums
}

fn squared_distance<T: Real>(point: &[T], code: &[T]) -> f64 {
    point.iter().zip(code).map(|(&x, &c)| (x.into() - c.into()).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::level::forced;
    use crate::{Level, Stream, noise};

    /// By the definition.
    fn plain<T: Real>(points: &[T], codes: &[T], width: usize) -> (Vec<u32>, Vec<T>) {
        let of = |point: &[T]| {
            let distances = codes.chunks_exact(width).map(|code| squared_distance(point, code)).enumerate();
            let least =
                distances.fold((0, f64::INFINITY), |best, (k, d)| if d < best.1 { (k, d) } else { best });
            (least.0 as u32, T::from_f64(least.1))
        };
        points.chunks_exact(width).map(of).unzip()
    }

    fn found<T: Real>(points: &[T], codes: &[T], width: usize) -> (Vec<u32>, Vec<T>) {
        let count = points.len() / width;
        let (mut index, mut distance) = (vec![u32::MAX; count], vec![T::nan(); count]);
        nearest(points, codes, width, &mut index, &mut distance).expect("finite");
        (index, distance)
    }

    fn normal<T: Real>(seed: u64, count: usize, shift: f64, scale: f64) -> Vec<T> {
        let mut values = vec![0.0f64; count];
        noise::normal(Stream::new(seed), &mut values);
        values.into_iter().map(|value| T::from_f64(shift + scale * value)).collect()
    }

    #[test]
    fn results_are_those_of_the_definition_at_every_level_shape_and_scale() {
        for level in Level::available() {
            forced::at(level, 2, || {
                for (case, (count, codes, width)) in
                    [(1, 1, 1), (5, 3, 2), (6, 16, 7), (13, 17, 5), (600, 33, 3), (97, 130, 19), (40, 64, 64)]
                        .into_iter()
                        .enumerate()
                {
                    // A large common part cancels in the expansion; tiny squares underflow; huge ones overflow.
                    for (shift, scale) in [(0.0, 1.0), (1e4, 1.0), (0.0, 1e-25), (0.0, 1e22), (3e4, 1e-3)] {
                        let case = case as u64;
                        let points: Vec<f32> = normal(2 * case, count * width, shift, scale);
                        let book: Vec<f32> = normal(2 * case + 1, codes * width, shift, scale);
                        assert_eq!(
                            found(&points, &book, width),
                            plain(&points, &book, width),
                            "{shift} {scale}"
                        );
                    }
                    let points: Vec<f64> = normal(7, count * width, 1e9, 1.0);
                    let book: Vec<f64> = normal(8, codes * width, 1e9, 1.0);
                    assert_eq!(found(&points, &book, width), plain(&points, &book, width));
                }
            });
        }
    }

    #[test]
    fn the_first_of_equal_codes_is_chosen() {
        // Integers: many distances are exactly equal, and every code occurs twice.
        let integers = |seed, count| -> Vec<f32> {
            normal::<f32>(seed, count, 0.0, 1.5).into_iter().map(f32::round).collect()
        };
        let (points, half) = (integers(1, 400 * 3), integers(2, 40 * 3));
        let book = [half.clone(), half].concat();
        let (index, distance) = found(&points, &book, 3);
        assert_eq!((index.clone(), distance), plain(&points, &book, 3));
        assert!(index.iter().all(|&k| k < 40));
        let opposite = [1e-20f32, 0.0, -1e-20, 0.0];
        assert_eq!(found(&[0.0, 1.0], &opposite, 2).0, [0]);
    }

    /// Two codes whose distances differ by less than single precision can express after an expansion.
    #[test]
    fn near_ties_are_decided_exactly() {
        let (x, near, far) = (1000.0f32, 1000.0f32 + 2f32.powi(-10), 1000.0 - 2f32.powi(-9));
        assert_eq!(found(&[x], &[far, near], 1), (vec![1], vec![2f32.powi(-20)]));
    }

    #[test]
    fn invalid_numbers_are_named() {
        let refused = |points: &[f64], codes: &[f64]| {
            nearest(points, codes, 2, &mut vec![0; points.len() / 2], &mut vec![0.0; points.len() / 2])
        };
        let error = refused(&[0.0, 0.0, f64::NAN, 0.0], &[0.0; 2]).unwrap_err();
        assert_eq!(error.to_string(), "the point at row 1, column 0 is NaN; expected a finite number");
        let error = refused(&[0.0; 2], &[0.0, f64::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "the code at row 0, column 1 is inf; expected a finite number");
        assert_eq!(refused(&[0.0; 2], &[]), Err(Error::Categories(0)));
        assert_eq!(refused(&[], &[0.0; 2]), Ok(()));
    }

    #[test]
    #[should_panic(expected = "the index has length 1, expected 2")]
    fn lengths_must_match() {
        let _ = nearest(&[0.0f32; 2], &[0.0], 1, &mut [0], &mut [0.0; 2]);
    }
}
