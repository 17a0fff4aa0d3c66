//! Counts of Gumbel numbers beyond quantiles of both tails.

use crate::options::Options;
use crate::table::Line;
use gumbel_kernels::{Real, noise};
use rayon::prelude::*;

/// Numbers of a task, and of a block, whose extremes decide which thresholds it is compared with.
const TASK: u64 = 1 << 22;
const BLOCK: usize = 1 << 11;
/// The smallest expected count of a line.
const FEWEST: f64 = 25.0;

/// A tail beyond a quantile, nearer to zero first.
struct Threshold<T> {
    name: String,
    value: T,
    mass: f64,
}

pub fn lines<T: Real>(options: &Options) -> Vec<Line> {
    let quantiles = quantiles(options.count);
    let upper: Vec<Threshold<T>> = quantiles.iter().map(|&mass| upper(mass)).collect();
    let lower: Vec<Threshold<T>> = quantiles.iter().map(|&mass| lower(mass)).collect();
    let [above, below] = counts(options, &upper, &lower);
    let line = |(tail, &count): (&Threshold<T>, &u64)| {
        let (n, mass) = (options.count as f64, tail.mass);
        Line::normal(tail.name.clone(), count as f64, n * mass, (n * mass * (1.0 - mass)).sqrt())
    };
    upper.iter().zip(&above).chain(lower.iter().zip(&below)).map(line).collect()
}

/// Powers of ten, and the quantile beyond which [`FEWEST`] numbers are expected.
fn quantiles(count: u64) -> Vec<f64> {
    let last = FEWEST / count as f64;
    let decades = (1..).map(|decade| 10f64.powi(-decade)).take_while(|&mass| mass > 1.5 * last);
    decades.chain([last]).collect()
}

/// A rounded number is above a threshold if the exact one is above the middle of it and the next.
fn upper<T: Real>(mass: f64) -> Threshold<T> {
    let value = T::from_f64(-(-(-mass).ln_1p()).ln());
    let exact = -(-(-middle(value, 1.0)).exp()).exp_m1();
    Threshold { name: format!("above {value}, {mass:.1e}"), value, mass: exact }
}

fn lower<T: Real>(mass: f64) -> Threshold<T> {
    let value = T::from_f64(-(-mass.ln()).ln());
    let exact = (-(-middle(value, -1.0)).exp()).exp();
    Threshold { name: format!("below {value}, {mass:.1e}"), value, mass: exact }
}

/// Half a unit in the last place away.
fn middle<T: Real>(value: T, sign: f64) -> f64 {
    let (value, epsilon): (f64, f64) = (value.into(), T::epsilon().into());
    value + sign * epsilon / 2.0 * value.abs().log2().floor().exp2()
}

/// Counts beyond each threshold: above, below.
fn counts<T: Real>(options: &Options, upper: &[Threshold<T>], lower: &[Threshold<T>]) -> [Vec<u64>; 2] {
    let zero = || [vec![0; upper.len()], vec![0; lower.len()]];
    let task = |mut counts: [Vec<u64>; 2], task: u64| {
        let first = task * TASK;
        let numbers = (options.count - first).min(TASK) as usize;
        let mut block = [T::zero(); BLOCK];
        for start in (0..numbers).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(numbers - start)];
            noise::gumbel(options.stream(0).skip(first + start as u64), block);
            count(block, upper, |a, b| a > b, &mut counts[0]);
            count(block, lower, |a, b| a < b, &mut counts[1]);
        }
        counts
    };
    let add = |mut a: [Vec<u64>; 2], b: [Vec<u64>; 2]| {
        a.iter_mut().flatten().zip(b.iter().flatten()).for_each(|(a, b)| *a += b);
        a
    };
    (0..options.count.div_ceil(TASK)).into_par_iter().fold(zero, task).reduce(zero, add)
}

/// Adds the numbers of a block beyond each threshold; none is beyond the thresholds after the first without one.
fn count<T: Real>(block: &[T], tail: &[Threshold<T>], beyond: impl Fn(T, T) -> bool, counts: &mut [u64]) {
    for (threshold, count) in tail.iter().zip(counts) {
        let value = threshold.value;
        let found: u32 = block.iter().map(|&number| u32::from(beyond(number, value))).sum();
        if found == 0 {
            break;
        }
        *count += u64::from(found);
    }
}
