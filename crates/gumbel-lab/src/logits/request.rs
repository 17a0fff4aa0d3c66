//! What is drawn from each row of logits.

use super::writer::RowType;
use super::{Error, Number};
use gumbel_kernels::{Stream, gumbel_max, gumbel_softmax, gumbel_top_k, mask_min_p, mask_top_k, mask_top_p};
use std::borrow::Cow;

/// The kind of sample that is drawn from a row of logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampler {
    /// One index.
    Index,
    /// This many different indices, without replacement, in the order drawn.
    TopK(usize),
    /// A relaxed sample, a point inside the simplex, at this temperature.
    Relaxed(f64),
}

/// Categories that are left out before drawing. Of several rules, each applies to what the ones before it keep: top-k, then top-p,
/// then min-p.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Truncation {
    /// Number of categories to keep, as [`mask_top_k`] does.
    pub top_k: Option<usize>,
    /// Probability to keep, as [`mask_top_p`] does.
    pub top_p: Option<f64>,
    /// Least probability to keep, relative to the largest, as [`mask_min_p`] does.
    pub min_p: Option<f64>,
}

/// What is drawn from each row: a kind of sample, from which categories, and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// The kind of sample.
    pub sampler: Sampler,
    /// Categories that are left out.
    pub truncation: Truncation,
    /// Draws per row; with a number, also with 1, arrays have a dimension for them after that of the rows.
    pub draws: Option<u32>,
}

impl From<Sampler> for Request {
    fn from(sampler: Sampler) -> Self {
        Self { sampler, truncation: Truncation::default(), draws: None }
    }
}

/// Limit on the numbers that are drawn for a row.
const MOST: usize = 1 << 27;

impl Request {
    /// Draws per row.
    pub(super) fn draws(&self) -> usize {
        self.draws.unwrap_or(1) as usize
    }

    /// Numbers of a draw.
    fn each(&self, categories: usize) -> usize {
        match self.sampler {
            Sampler::Index => 1,
            Sampler::TopK(count) => count,
            Sampler::Relaxed(_) => categories,
        }
    }

    /// Checks that rows of `categories` can be sampled.
    ///
    /// # Errors
    /// [`Error::Temperature`], [`Error::NarrowTemperature`]; [`Error::Distinct`]; [`Error::Draws`].
    pub(super) fn check<T: Number>(&self, categories: usize) -> Result<(), Error> {
        let (draws, each) = (self.draws(), self.each(categories));
        if draws > 1 && draws.saturating_mul(each) > MOST {
            return Err(Error::Draws { draws: draws as u32, each, limit: MOST });
        }
        match self.sampler {
            Sampler::TopK(count) if !(1..=categories).contains(&count) => {
                Err(Error::Distinct { count, categories })
            }
            Sampler::Relaxed(tau) => {
                gumbel_kernels::check_temperature(tau).map_err(|_| Error::Temperature(tau))?;
                if T::from_f64(tau).is_normal() { Ok(()) } else { Err(Error::narrow::<T>(tau)) }
            }
            _ => Ok(()),
        }
    }

    /// The type and the shape of what is drawn for a row.
    pub(super) fn row_type<T: Number>(&self, categories: usize) -> RowType {
        let draws = self.draws.map(u64::from);
        let each = Some(self.each(categories) as u64);
        // Single indices form an array without rows.
        let each = each.filter(|&each| each > 1 || matches!(self.sampler, Sampler::Relaxed(_)));
        let shape: Vec<u64> = draws.into_iter().chain(each).collect();
        match self.sampler {
            Sampler::Relaxed(_) => RowType::numbers::<T>(shape),
            _ => RowType::indices(shape),
        }
    }

    /// Samples rows of `k` logits, of which the first is at the position of `stream`, and hands the result to one of the functions,
    /// in the order of rows and, within a row, of draws.
    pub(super) fn sample<T: Number, R>(
        &self,
        values: &[T],
        k: usize,
        stream: Stream,
        indices: impl FnOnce(&[u32]) -> R,
        numbers: impl FnOnce(&[T]) -> R,
    ) -> Result<R, gumbel_kernels::Error> {
        let (values, rows) = (self.truncation.apply(values, k)?, values.len() / k);
        match self.sampler {
            Sampler::Index => self
                .repeated(rows, 1, stream, |stream, out| gumbel_max(&values, k, stream, out))
                .map(|drawn| indices(&drawn)),
            Sampler::TopK(count) => self
                .repeated(rows, count, stream, |stream, out| gumbel_top_k(&values, k, count, stream, out))
                .map(|drawn| indices(&drawn)),
            Sampler::Relaxed(tau) => {
                let tau = T::from_f64(tau);
                self.repeated(rows, k, stream, |stream, out| gumbel_softmax(&values, k, tau, stream, out))
                    .map(|drawn| numbers(&drawn))
            }
        }
    }

    /// All draws of some rows. Draw n has the noise of the stream's split n, except draw 0, which has that of the stream itself.
    fn repeated<N: Copy + Default>(
        &self,
        rows: usize,
        each: usize,
        stream: Stream,
        draw: impl Fn(Stream, &mut [N]) -> Result<(), gumbel_kernels::Error>,
    ) -> Result<Vec<N>, gumbel_kernels::Error> {
        let (draws, mut one) = (self.draws(), vec![N::default(); rows * each]);
        draw(stream, &mut one)?;
        if draws == 1 {
            return Ok(one);
        }
        let mut all = vec![N::default(); draws * one.len()];
        for n in 0..draws {
            if n > 0 {
                draw(split(stream, n as u64), &mut one)?;
            }
            let places = all.chunks_exact_mut(draws * each).map(|row| &mut row[n * each..][..each]);
            places.zip(one.chunks_exact(each)).for_each(|(place, drawn)| place.copy_from_slice(drawn));
        }
        Ok(all)
    }
}

/// The split of a stream, at the same position.
fn split(stream: Stream, label: u64) -> Stream {
    stream.split(label).skip(stream.parts().2)
}

impl Truncation {
    /// The logits, with masks for the categories that are left out.
    fn apply<T: Number>(self, values: &[T], k: usize) -> Result<Cow<'_, [T]>, gumbel_kernels::Error> {
        let mut kept = Cow::Borrowed(values);
        if let Some(count) = self.top_k {
            kept = masked(&kept, |from, to| mask_top_k(from, k, count, to))?;
        }
        if let Some(p) = self.top_p {
            kept = masked(&kept, |from, to| mask_top_p(from, k, p, to))?;
        }
        if let Some(p) = self.min_p {
            kept = masked(&kept, |from, to| mask_min_p(from, k, p, to))?;
        }
        Ok(kept)
    }
}

fn masked<'a, T: Number>(
    from: &[T],
    mask: impl Fn(&[T], &mut [T]) -> Result<(), gumbel_kernels::Error>,
) -> Result<Cow<'a, [T]>, gumbel_kernels::Error> {
    let mut to = vec![T::zero(); from.len()];
    mask(from, &mut to)?;
    Ok(Cow::Owned(to))
}
