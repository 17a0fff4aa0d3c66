//! Soft sorts and ranks of one row from a file, with their gradients and times: the side of `results/sorting/compare.py` that
//! is this crate.
//!
//! `sorting INPUT OUTPUT N TAU REPEATS` reads N scores and N cotangents in little-endian `f32`. For each line that it prints,
//! `FUNCTION,seconds` for the median time of a forward and a backward pass, it appends to OUTPUT the N results and the N slopes.

use gumbel_kernels::Direction::Ascending;
use gumbel_kernels::Regularization::{Entropic, Quadratic};
use gumbel_kernels::*;
use std::time::Instant;
use std::{env, error, fs};

/// A function by name, forward and backward.
type Function =
    (&'static str, fn(&Row, &mut [f32]) -> Result<(), Error>, fn(&Row, &mut [f32]) -> Result<(), Error>);

struct Row {
    scores: Vec<f32>,
    d: Vec<f32>,
    n: usize,
    tau: f32,
}

const FUNCTIONS: [Function; 6] = [
    (
        "sort-quadratic",
        |r, out| isotonic_sort(&r.scores, r.n, r.tau, Quadratic, Ascending, out),
        |r, out| isotonic_sort_vjp(&r.scores, &r.d, r.n, r.tau, Quadratic, Ascending, out),
    ),
    (
        "sort-entropic",
        |r, out| isotonic_sort(&r.scores, r.n, r.tau, Entropic, Ascending, out),
        |r, out| isotonic_sort_vjp(&r.scores, &r.d, r.n, r.tau, Entropic, Ascending, out),
    ),
    (
        "rank-quadratic",
        |r, out| isotonic_rank(&r.scores, r.n, r.tau, Quadratic, Ascending, out),
        |r, out| isotonic_rank_vjp(&r.scores, &r.d, r.n, r.tau, Quadratic, Ascending, out),
    ),
    (
        "rank-entropic",
        |r, out| isotonic_rank(&r.scores, r.n, r.tau, Entropic, Ascending, out),
        |r, out| isotonic_rank_vjp(&r.scores, &r.d, r.n, r.tau, Entropic, Ascending, out),
    ),
    (
        "sort-lap-sum",
        |r, out| lap_sum_sort(&r.scores, r.n, r.tau, Ascending, out),
        |r, out| lap_sum_sort_vjp(&r.scores, &r.d, r.n, r.tau, Ascending, out),
    ),
    (
        "rank-lap-sum",
        |r, out| lap_sum_rank(&r.scores, r.n, r.tau, Ascending, out),
        |r, out| lap_sum_rank_vjp(&r.scores, &r.d, r.n, r.tau, Ascending, out),
    ),
];

fn main() -> Result<(), Box<dyn error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [input, output, n, tau, repeats] = arguments.as_slice() else {
        return Err("usage: sorting INPUT OUTPUT N TAU REPEATS".into());
    };
    let (n, repeats): (usize, usize) = (n.parse()?, repeats.parse()?);
    let numbers: Vec<f32> =
        fs::read(input)?.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let (scores, d) = numbers.split_at_checked(n).ok_or("INPUT has fewer than N numbers")?;
    let row = Row { scores: scores.to_vec(), d: d.to_vec(), n, tau: tau.parse()? };
    let mut written = Vec::new();
    for (name, forward, backward) in FUNCTIONS {
        let (mut values, mut slopes) = (vec![0.0; n], vec![0.0; n]);
        let mut times = Vec::with_capacity(repeats);
        for _ in 0..repeats.max(1) {
            let start = Instant::now();
            forward(&row, &mut values)?;
            backward(&row, &mut slopes)?;
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        println!("{name},{}", times[times.len() / 2]);
        written.extend(values.iter().chain(&slopes).flat_map(|number| number.to_le_bytes()));
    }
    fs::write(output, written)?;
    Ok(())
}
