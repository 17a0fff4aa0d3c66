//! Truncation of categorical distributions before sampling: top-k, top-p (nucleus) and min-p.
//!
//! Each rule masks categories with −∞ and leaves the other logits as they are, so rules compose, and every sampler of
//! this crate draws from the truncated distribution with the noise that it would use without. Probabilities are never
//! normalised: a rule compares gaps to the largest logit of the row, in double precision for either type.

use crate::Real;
use crate::error::{Error, logit_error};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};
use core::cmp::Ordering;

/// Top-k truncation: keeps the `count` largest logits of each row and masks the others with −∞.
///
/// Of equal logits the one with the lowest index is kept first, so exactly `count` categories remain, or all
/// unmasked ones if there are fewer.
///
/// Fan, Lewis and Dauphin, "Hierarchical neural story generation" (2018), section 5.4.
///
/// # Shapes
/// `logits`, `out` `[rows, k]`: logits in nats, up to a constant per row.
///
/// # Errors
/// [`Error::TopK`] for a count of zero; [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// const MASK: f64 = f64::NEG_INFINITY;
/// let mut kept = [0.0; 4];
/// gumbel_kernels::mask_top_k(&[1.0, 3.0, 2.0, 2.0], 4, 2, &mut kept)?;
/// assert_eq!(kept, [MASK, 3.0, 2.0, MASK]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn mask_top_k<T: Real>(logits: &[T], k: usize, count: usize, out: &mut [T]) -> Result<(), Error> {
    let valid = if count > 0 { Ok(Rule::TopK(count)) } else { Err(Error::TopK) };
    mask(logits, k, valid?, out)
}

/// Top-p (nucleus) truncation: keeps the smallest set of largest logits whose probability is at least `p`.
///
/// ```text
/// kept[r] = the first n categories in decreasing order of logits[r],   the least n with  Σ exp(lᵢ − max l) over them ≥ p Σⱼ exp(lⱼ − max l)
/// ```
///
/// Of equal logits the one with the lowest index comes first, so the set has no more categories than it needs. The
/// largest logit is always kept; `p` = 1 keeps every unmasked category, also one whose probability rounds to 0. Sums
/// are taken in double precision, the one on the left in decreasing order, the one on the right by index.
///
/// Holtzman, Buys, Du, Forbes and Choi, "The curious case of neural text degeneration" (2020), section 3.1.
///
/// # Shapes
/// `logits`, `out` `[rows, k]`: logits in nats, up to a constant per row.
///
/// # Errors
/// [`Error::TopP`] unless 0 < `p` ≤ 1; [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let logits = [0.5f64, 0.3, 0.15, 0.05].map(f64::ln);
/// let mut kept = [0.0; 4];
/// gumbel_kernels::mask_top_p(&logits, 4, 0.7, &mut kept)?;
/// assert_eq!(kept.map(f64::exp), [0.5, 0.3, 0.0, 0.0]); // 0.5 is less than 0.7, 0.5 + 0.3 is not
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "nucleus")]
pub fn mask_top_p<T: Real>(logits: &[T], k: usize, p: f64, out: &mut [T]) -> Result<(), Error> {
    let valid = if p > 0.0 && p <= 1.0 { Ok(Rule::TopP(p)) } else { Err(Error::TopP(p)) };
    mask(logits, k, valid?, out)
}

/// Min-p truncation: keeps the categories whose probability is at least `p` times the largest.
///
/// ```text
/// kept[r] = { i : lᵢ − max l ≥ ln p },   l = logits[r]
/// ```
///
/// A category exactly at the limit is kept: `p` = 1 keeps all largest logits, `p` = 0 every unmasked category.
///
/// Nguyen, Baker, Neo, Roush, Kirsch and Shwartz-Ziv, "Turning up the heat: min-p sampling for creative and coherent
/// LLM outputs" (2024), section 3.
///
/// # Shapes
/// `logits`, `out` `[rows, k]`: logits in nats, up to a constant per row.
///
/// # Errors
/// [`Error::MinP`] unless 0 ≤ `p` ≤ 1; [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// const MASK: f64 = f64::NEG_INFINITY;
/// let mut kept = [0.0; 3];
/// gumbel_kernels::mask_min_p(&[0.0, -2.0, -3.0], 3, 0.1, &mut kept)?; // ln 0.1 = -2.303
/// assert_eq!(kept, [0.0, -2.0, MASK]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn mask_min_p<T: Real>(logits: &[T], k: usize, p: f64, out: &mut [T]) -> Result<(), Error> {
    let valid = if (0.0..=1.0).contains(&p) { Ok(Rule::MinP(p.ln())) } else { Err(Error::MinP(p)) };
    mask(logits, k, valid?, out)
}

fn mask<T: Real>(logits: &[T], k: usize, rule: Rule, out: &mut [T]) -> Result<(), Error> {
    let count = count_rows(logits.len(), k)?;
    same_length("out", out.len(), logits.len());
    Rows { first: 0, count, inputs: [logits], outputs: [out], indices: &mut [] }.run(Mask { k, rule })
}

/// Which categories are kept.
#[derive(Clone, Copy)]
enum Rule {
    TopK(usize),
    TopP(f64),
    /// The logarithm of p.
    MinP(f64),
}

#[derive(Clone, Copy)]
struct Mask {
    k: usize,
    rule: Rule,
}

/// A category: its gap to the largest logit of the row, at most 0, and its index.
type Category = (f64, u32);

impl<T: Real> RowKernel<T, 1, 1> for Mask {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([logits], [out]) = (rows.inputs, rows.outputs);
        let mut categories = Vec::with_capacity(self.k);
        let pairs = logits.chunks_exact(self.k).zip(out.chunks_exact_mut(self.k));
        for (row, (logits, out)) in pairs.enumerate() {
            if let Some(error) = logit_error(rows.first + row, logits) {
                return Err(error);
            }
            self.row(logits, &mut categories, out);
        }
        Ok(())
    }
}

impl Mask {
    fn row<T: Real>(self, logits: &[T], categories: &mut Vec<Category>, out: &mut [T]) {
        let max = logits.iter().fold(T::neg_infinity(), |max, &logit| max.max(logit)).into();
        if let Rule::MinP(limit) = self.rule {
            let kept = |logit: T| logit.into() - max >= limit;
            let masked = |logit| if kept(logit) { logit } else { T::neg_infinity() };
            return out.iter_mut().zip(logits).for_each(|(out, &logit)| *out = masked(logit));
        }
        let unmasked = logits.iter().zip(0..).filter(|(logit, _)| **logit > T::neg_infinity());
        categories.clear();
        categories.extend(unmasked.map(|(&logit, index)| (logit.into() - max, index)));
        let kept = match self.rule {
            Rule::TopP(p) => nucleus(categories, p),
            Rule::TopK(count) => largest(categories, count),
            Rule::MinP(_) => unreachable!("returned above"),
        };
        out.fill(T::neg_infinity());
        kept.iter().for_each(|&(_, index)| out[index as usize] = logits[index as usize]);
    }
}

/// Decreasing gaps; of equal ones, the lowest index first.
fn order(left: &Category, right: &Category) -> Ordering {
    right.0.total_cmp(&left.0).then(left.1.cmp(&right.1))
}

/// The first categories in order, themselves in any order.
fn largest(categories: &mut [Category], count: usize) -> &[Category] {
    if count < categories.len() {
        categories.select_nth_unstable_by(count, order);
    }
    &categories[..count.min(categories.len())]
}

/// The first categories in order whose weights reach `p` of the total.
///
/// The set is usually small, so only as much of the row is sorted as is needed: parts that become longer.
fn nucleus(categories: &mut [Category], p: f64) -> &[Category] {
    const FIRST: usize = 64;
    let target = p * categories.iter().map(|(gap, _)| gap.exp()).sum::<f64>();
    let (mut sum, mut sorted, mut len) = (0.0, 0, FIRST);
    while p < 1.0 && sorted < categories.len() {
        let rest = &mut categories[sorted..];
        let part = len.min(rest.len());
        largest(rest, part);
        rest[..part].sort_unstable_by(order);
        for place in sorted..sorted + part {
            sum += categories[place].0.exp();
            if sum >= target {
                return &categories[..=place];
            }
        }
        (sorted, len) = (sorted + part, 4 * len);
    }
    categories
}
