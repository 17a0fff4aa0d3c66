//! Frequencies of exact categorical samples.

use crate::options::Options;
use crate::table::Line;
use gumbel_kernels::{Logit, Real, Stream, gumbel_max};
use rayon::prelude::*;

/// Vocabularies of language models are the largest.
const SIZES: [usize; 7] = [2, 3, 17, 512, 1000, 32_000, 128_256];
/// Exponents of `p ∝ (1 + i)^-s`: flat, and peaked.
const SHAPES: [f64; 3] = [0.0, 1.0, 3.0];
/// The smallest expected count of a cell.
const FEWEST: f64 = 20.0;
/// The largest number of cells.
const CELLS: usize = 1000;

pub fn lines<T: Real + Logit<Real = T>>(options: &Options) -> Vec<Line> {
    let cases = SIZES.iter().flat_map(|&k| SHAPES.iter().map(move |&shape| (k, shape)));
    let share = options.count / (SIZES.len() * SHAPES.len()) as u64;
    (0..).zip(cases).flat_map(|(part, (k, shape))| case::<T>(options.stream(part), share, k, shape)).collect()
}

/// About `share` noise numbers: their rows, as ranges of categories and as residues, which are lanes of a vector.
fn case<T: Real + Logit<Real = T>>(stream: Stream, share: u64, k: usize, shape: f64) -> Vec<Line> {
    let logits: Vec<T> = (0..k).map(|i| T::from_f64(-shape * ((1 + i) as f64).ln())).collect();
    let rows = (share / k as u64).max(1000);
    let counts = draw(stream, rows, &logits);
    let weights: Vec<f64> = logits.iter().map(|&logit| logit.into().exp()).collect();
    let total: f64 = weights.iter().sum();
    let means: Vec<f64> = weights.iter().map(|weight| weight / total * rows as f64).collect();
    let lanes = |i: usize| i % 64;
    let named = |cells: &str| format!("K = {k}, p ∝ (1 + i)^-{shape}, {cells}");
    let mut found = vec![cells(named("ranges"), &counts, &means)];
    if k > CELLS && shape == 0.0 {
        let [mut seen, mut mean] = [vec![0.0; 64], vec![0.0; 64]];
        for i in 0..k {
            seen[lanes(i)] += counts[i] as f64;
            mean[lanes(i)] += means[i];
        }
        let seen: Vec<u64> = seen.into_iter().map(|count| count as u64).collect();
        found.push(Line::chi_square(named("lanes"), &seen, &mean));
    }
    found
}

fn draw<T: Real + Logit<Real = T>>(stream: Stream, rows: u64, logits: &[T]) -> Vec<u64> {
    let k = logits.len();
    let batch = ((1 << 16) / k).max(1);
    let many: Vec<T> = logits.iter().copied().cycle().take(batch * k).collect();
    let zero = || vec![0; k];
    let task = |mut counts: Vec<u64>, task: u64| {
        let first = task * batch as u64;
        let mut index = vec![0; batch.min((rows - first) as usize)];
        let here = stream.skip(first * k as u64);
        gumbel_max(&many[..index.len() * k], k, here, &mut index).expect("finite logits");
        index.iter().for_each(|&index| counts[index as usize] += 1);
        counts
    };
    let add = |mut a: Vec<u64>, b: Vec<u64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    (0..rows.div_ceil(batch as u64)).into_par_iter().fold(zero, task).reduce(zero, add)
}

/// Joins neighbours until each cell has enough expected counts, and there are at most [`CELLS`].
fn cells(name: String, counts: &[u64], means: &[f64]) -> Line {
    let enough =
        FEWEST.max(means.iter().sum::<f64>() / CELLS as f64 * f64::from(u8::from(means.len() > CELLS)));
    let (mut seen, mut mean) = (vec![0], vec![0.0]);
    for (&count, &expected) in counts.iter().zip(means) {
        if *mean.last().expect("one cell") >= enough {
            seen.push(0);
            mean.push(0.0);
        }
        *seen.last_mut().expect("one cell") += count;
        *mean.last_mut().expect("one cell") += expected;
    }
    // The last cell may be short.
    if mean.len() > 2 && mean[mean.len() - 1] < FEWEST {
        let (count, expected) = (seen.pop().expect("three cells"), mean.pop().expect("three cells"));
        *seen.last_mut().expect("two cells") += count;
        *mean.last_mut().expect("two cells") += expected;
    }
    Line::chi_square(name, &seen, &mean)
}
