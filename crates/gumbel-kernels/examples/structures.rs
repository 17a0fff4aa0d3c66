//! Microseconds per row of the sums and searches over structures, on one thread of this machine, as CSV.
//!
//! `cargo run --release -p gumbel-kernels --example structures -- 7`
//!
//! The argument is the number of repeats. The least time of a call is printed: other programs only add to it.

use gumbel_kernels::tree::Graph;
use gumbel_kernels::{Error, Stream, assignment, noise, subset, tree};
use std::hint::black_box;
use std::time::Instant;

/// Rows of a call.
const ROWS: usize = 64;

/// A function of some rows of logits.
type Call = Box<dyn Fn(&[f64]) -> Result<(), Error>>;

fn main() -> Result<(), Error> {
    let repeats = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(7);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    println!("operation,size,microseconds_per_row");
    pool.install(|| {
        for (name, size, width, call) in calls()? {
            println!("{name},{size},{:.3}", least(&logits(width), &call, repeats)?);
        }
        Ok(())
    })
}

/// Each operation: its name, its size, the logits of a row, and the call.
fn calls() -> Result<Vec<(&'static str, String, usize, Call)>, Error> {
    let mut all: Vec<(&'static str, String, usize, Call)> = Vec::new();
    for (k, count) in [(10, 3), (100, 10)] {
        let size = || format!("{count} of {k}");
        let marginals =
            move |logits: &[f64]| subset::marginals(logits, k, count, &mut vec![0.0; logits.len()]);
        let sample = move |logits: &[f64]| {
            subset::sample(logits, k, count, Stream::new(1), &mut vec![0; logits.len() / k * count])
        };
        all.push(("subset::marginals", size(), k, Box::new(marginals)));
        all.push(("subset::sample", size(), k, Box::new(sample)));
    }
    for nodes in [5, 12] {
        let graph = Graph::complete(nodes)?;
        let edges = graph.edges().len();
        let marginals = move |logits: &[f64]| tree::marginals(logits, &graph, &mut vec![0.0; logits.len()]);
        all.push(("tree::marginals", format!("{nodes} nodes"), edges, Box::new(marginals)));
    }
    for n in [5, 32] {
        let best = move |logits: &[f64]| assignment(logits, n, &mut vec![0; ROWS * n]);
        all.push(("assignment", format!("{n} by {n}"), n * n, Box::new(best)));
    }
    Ok(all)
}

fn logits(width: usize) -> Vec<f64> {
    let mut logits = vec![0.0; ROWS * width];
    noise::gumbel(Stream::new(0), &mut logits);
    logits
}

/// The least microseconds per row of all calls, a few milliseconds of them for each repeat.
fn least(logits: &[f64], call: &Call, repeats: usize) -> Result<f64, Error> {
    let once = || -> Result<f64, Error> {
        let started = Instant::now();
        call(black_box(logits))?;
        Ok(started.elapsed().as_secs_f64())
    };
    let calls = (5e-3 / once()?).ceil().max(1.0) as usize * repeats;
    let mut least = f64::INFINITY;
    for _ in 0..calls {
        least = least.min(once()?);
    }
    Ok(least * 1e6 / ROWS as f64)
}
