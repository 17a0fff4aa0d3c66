//! Correlations of numbers that should have none.

use crate::options::Options;
use crate::table::Line;
use gumbel_kernels::{Logit, Real, Stream, gumbel_max, noise};
use rayon::prelude::*;

/// Distances in a stream: within a Philox block, across blocks, groups of blocks and buffers.
const LAGS: [u64; 14] = [1, 2, 3, 4, 5, 8, 16, 64, 256, 512, 513, 1 << 16, 1 << 32, (1 << 40) + 3];
/// Numbers of a task, and of two streams that are compared.
const TASK: usize = 1 << 14;
/// Categories of the rows.
const K: usize = 16;

/// A pair of streams by the number of the pair.
type Pair = (&'static str, fn(Stream, u64) -> [Stream; 2]);

const PAIRS: [Pair; 6] = [
    ("streams id and id + 1", |from, i| [id(from, 2 * i), id(from, 2 * i + 1)]),
    ("seeds s and s + 1", |_, i| [Stream::new(2 * i), Stream::new(2 * i + 1)]),
    ("seeds that differ in one bit", |from, i| {
        let seed = from.split(i).parts().0;
        [Stream::new(seed), Stream::new(seed ^ 1 << (i % 64))]
    }),
    ("splits l and l + 1", |from, i| [from.split(2 * i), from.split(2 * i + 1)]),
    ("a stream and its split", |from, i| [id(from, i), id(from, i).split(0)]),
    ("a stream and its fork", |from, i| [id(from, i), id(from, i).fork()]),
];

fn id(from: Stream, id: u64) -> Stream {
    Stream::from_parts(from.parts().0, id, 0)
}

pub fn lines<T: Real + Logit<Real = T>>(options: &Options) -> Vec<Line> {
    let tasks = options.count / (LAGS.len() + PAIRS.len() + 2) as u64 / TASK as u64 + 1;
    let mut lines = Vec::new();
    for (part, lag) in (0..).zip(LAGS) {
        let from = options.stream(part);
        let pair = |task: u64| [0, lag].map(|lag| from.skip(task * TASK as u64 + lag));
        lines.push(correlation::<T>(format!("numbers {lag} apart"), tasks, pair));
    }
    for (part, (name, pair)) in (100..).zip(PAIRS) {
        let from = options.stream(part);
        lines.push(correlation::<T>(name.into(), tasks, |task| pair(from, task)));
    }
    lines.push(rows::<T>(options.stream(200), tasks));
    lines.push(rows_of_splits::<T>(options.stream(201), tasks));
    lines
}

/// The correlation of uniform numbers of pairs of streams.
fn correlation<T: Real>(name: String, tasks: u64, pair: impl Fn(u64) -> [Stream; 2] + Sync) -> Line {
    let product = |task: u64| -> f64 {
        let [a, b] = pair(task).map(|stream| {
            let mut numbers = vec![T::zero(); TASK];
            noise::uniform(stream, &mut numbers);
            numbers
        });
        let centred = |u: T| u.into() - 0.5;
        a.iter().zip(&b).map(|(&a, &b)| centred(a) * centred(b)).sum()
    };
    let count = (tasks * TASK as u64) as f64;
    let sum: f64 = (0..tasks).into_par_iter().map(product).sum();
    // The variance of a uniform number is 1/12.
    // In parts per million.
    Line::normal(format!("{name}: correlation in 10^-6"), 12.0 * sum / count * 1e6, 0.0, 1e6 / count.sqrt())
}

/// Samples of neighbouring rows, as a contingency table.
fn rows<T: Real + Logit<Real = T>>(stream: Stream, tasks: u64) -> Line {
    let index = |task: u64| draw::<T>(stream.skip(task * TASK as u64), TASK / K);
    let pairs = |task: u64| index(task).chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    contingency("samples of neighbouring rows".into(), tasks, pairs)
}

/// Samples of the same row under neighbouring splits, as the steps of a training draw them.
fn rows_of_splits<T: Real + Logit<Real = T>>(stream: Stream, tasks: u64) -> Line {
    let pairs = |task: u64| {
        let [a, b] = [0, 1].map(|odd| draw::<T>(stream.split(2 * task + odd), TASK / K / 2));
        a.into_iter().zip(b).map(|(a, b)| [a, b]).collect()
    };
    contingency("samples under neighbouring splits".into(), tasks, pairs)
}

fn draw<T: Real + Logit<Real = T>>(stream: Stream, rows: usize) -> Vec<u32> {
    let mut index = vec![0; rows];
    gumbel_max(&vec![T::zero(); rows * K], K, stream, &mut index).expect("finite logits");
    index
}

fn contingency(name: String, tasks: u64, pairs: impl Fn(u64) -> Vec<[u32; 2]> + Sync) -> Line {
    let zero = || vec![0u64; K * K];
    let count = |mut counts: Vec<u64>, task: u64| {
        pairs(task).into_iter().for_each(|[a, b]| counts[a as usize * K + b as usize] += 1);
        counts
    };
    let add = |a: Vec<u64>, b: Vec<u64>| a.into_iter().zip(b).map(|(a, b)| a + b).collect();
    let counts: Vec<u64> = (0..tasks).into_par_iter().fold(zero, count).reduce(zero, add);
    let mean = counts.iter().sum::<u64>() as f64 / (K * K) as f64;
    Line::chi_square(name, &counts, &[mean; K * K])
}
