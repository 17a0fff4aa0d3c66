//! The codes, laid out for a pass over them, and how far a score may be from the truth.

use crate::parallel::rows::count_rows;
use crate::{Error, Real};
use core::ops::Range;

/// Codes side by side in a panel: a vector register of single precision, or two.
pub(super) const LANES: usize = 16;

/// The codes as they are, and in panels: column by column, `LANES` codes beside each other.
pub(super) struct Book<'a, T> {
    pub codes: &'a [T],
    pub width: usize,
    pub panels: Vec<[T; LANES]>,
    /// `½|c|²` by panels, infinite for the codes that fill the last panel.
    pub half_norms: Vec<[T; LANES]>,
    /// Panels in a group, of which one least score is kept for each lane. As many as there are groups, which balances the
    /// scores kept against the codes to look at again.
    pub group: usize,
    /// The largest `|c|`.
    radius: f64,
}

impl<'a, T: Real> Book<'a, T> {
    pub fn new(codes: &'a [T], width: usize) -> Result<Self, Error> {
        let count = count_rows(codes.len(), width)?;
        if count == 0 || u32::try_from(count).is_err() {
            return Err(Error::Categories(count));
        }
        finite("code", codes, width)?;
        let panels = count.div_ceil(LANES);
        let mut book = Self {
            codes,
            width,
            panels: vec![[T::zero(); LANES]; panels * width],
            half_norms: vec![[T::infinity(); LANES]; panels],
            group: panels.isqrt(),
            radius: 0.0,
        };
        codes.chunks_exact(width).enumerate().for_each(|(k, code)| book.put(k, code));
        Ok(book)
    }

    fn put(&mut self, k: usize, code: &[T]) {
        let (panel, lane) = (k / LANES, k % LANES);
        let columns = &mut self.panels[panel * self.width..(panel + 1) * self.width];
        columns.iter_mut().zip(code).for_each(|(column, &number)| column[lane] = number);
        let square = squared_norm(code);
        self.half_norms[panel][lane] = T::from_f64(0.5 * square);
        self.radius = self.radius.max(square.sqrt());
    }

    pub fn groups(&self) -> usize {
        self.half_norms.len().div_ceil(self.group)
    }

    /// The codes in one lane of the panels of a group.
    #[inline(always)]
    pub fn lane_of_group(&self, group: usize, lane: usize) -> impl Iterator<Item = usize> {
        let panels = group * self.group..((group + 1) * self.group).min(self.half_norms.len());
        let count = self.count();
        panels.map(move |panel| panel * LANES + lane).filter(move |&k| k < count)
    }

    pub fn count(&self) -> usize {
        self.codes.len() / self.width
    }

    #[inline(always)]
    pub fn row(&self, k: usize) -> Range<usize> {
        k * self.width..(k + 1) * self.width
    }

    /// The score of one code.
    #[inline(always)]
    pub fn score<const FMA: bool>(&self, point: &[T], k: usize) -> T {
        self.half_norms[k / LANES][k % LANES] - product::<T, FMA>(point, &self.codes[self.row(k)])
    }

    /// Bounds the difference of the rounding errors of two scores of a point with norm `norm`. The error of a sum of n products
    /// is at most n rounding units times the sum of their magnitudes, in whatever order they are added: each product passes
    /// through at most n − 1 additions. So it holds for panels, whose partial sums are stored unrounded, and for single
    /// codes, whose sums are split. Infinite if a score may overflow.
    pub fn margin(&self, norm: f64) -> f64 {
        let products = norm * self.radius;
        let magnitude = products + self.radius * self.radius;
        if magnitude.is_nan() || magnitude > 0.25 * T::max_value().into() {
            return f64::INFINITY;
        }
        let (unit, width) = (0.5 * T::epsilon().into(), self.width as f64);
        let lost_below = (width + 4.0) * T::min_positive_value().into();
        2.0 * (1.1 * unit * ((width + 4.0) * products + 2.0 * self.radius * self.radius) + lost_below)
    }
}

/// An error that names the first number that is not finite.
pub(super) fn finite<T: Real>(what: &'static str, numbers: &[T], width: usize) -> Result<(), Error> {
    // Parts without a branch for each number compile to vector instructions.
    let whole = |part: &[T]| part.iter().fold(true, |all, number| all & number.is_finite());
    if numbers.chunks(1024).all(whole) {
        return Ok(());
    }
    let at = numbers.iter().position(|number| !number.is_finite()).unwrap_or_default();
    Err(Error::NotFinite { what, row: at / width, column: at % width, value: numbers[at].into() })
}

/// Sums that a sum is split into, so that an addition need not wait for the one before.
const SPLIT: usize = 8;

#[inline(always)]
pub(super) fn squared_norm<T: Real>(numbers: &[T]) -> f64 {
    let (chunks, rest) = numbers.as_chunks::<SPLIT>();
    let mut sums = [0.0f64; SPLIT];
    for chunk in chunks {
        for lane in 0..SPLIT {
            let number: f64 = chunk[lane].into();
            sums[lane] += number * number;
        }
    }
    let rest = rest.iter().map(|&number| number.into().powi(2));
    sums.into_iter().chain(rest).sum()
}

#[inline(always)]
fn product<T: Real, const FMA: bool>(point: &[T], code: &[T]) -> T {
    let ((points, point), (codes, code)) = (point.as_chunks::<SPLIT>(), code.as_chunks::<SPLIT>());
    let mut sums = [T::zero(); SPLIT];
    for (x, c) in points.iter().zip(codes) {
        for lane in 0..SPLIT {
            sums[lane] = add_product::<T, FMA>(sums[lane], x[lane], c[lane]);
        }
    }
    let rest = point.iter().zip(code).fold(T::zero(), |sum, (&x, &c)| add_product::<T, FMA>(sum, x, c));
    sums.into_iter().fold(rest, |sum, part| sum + part)
}

#[inline(always)]
pub(super) fn add_product<T: Real, const FMA: bool>(sum: T, x: T, c: T) -> T {
    if FMA { x.mul_add(c, sum) } else { x * c + sum }
}
