//! Nanoseconds per element of one kernel on this machine, as one line of JSON.
//!
//! `cargo run --release -p gumbel-kernels --example throughput -- --op forward --rows 4096 --cols 1000`
//!
//! Options: `--op` (one of `OPERATIONS`, or `naive-` and its name), `--rows`, `--cols`, `--tau`, `--count` (for topk),
//! `--threads` and `--repeats`. The environment variable `GUMBEL_LEVEL` selects the vector instructions (baseline,
//! avx2, avx512 or neon). `words`, `exponential` and `noise` add the random words, the first and the second logarithm
//! in turn, so a stage that is no longer vectorised is visible. `copy` copies the logits.

#[path = "../benches/kernels/operations/mod.rs"]
mod operations;

use gumbel_kernels::Level;
use operations::{OPERATIONS, Problem};
use std::hint::black_box;
use std::time::Instant;

struct Options {
    op: String,
    rows: usize,
    cols: usize,
    tau: f32,
    count: usize,
    threads: usize,
    repeats: usize,
}

fn main() -> Result<(), String> {
    let options = parse(std::env::args().skip(1))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let mut times = pool.map_err(|error| error.to_string())?.install(|| measure(&options))?;
    times.sort_by(f64::total_cmp);
    let (Options { op, rows, cols, threads, .. }, level) = (options, Level::current());
    println!(
        "{{\"op\":\"{op}\",\"rows\":{rows},\"cols\":{cols},\"threads\":{threads},\"level\":\"{level}\",\
         \"ns_per_element_min\":{:.4},\"ns_per_element_median\":{:.4}}}",
        times[0],
        times[times.len() / 2]
    );
    Ok(())
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        op: "forward".into(),
        rows: 4096,
        cols: 1000,
        tau: 0.5,
        count: 8,
        threads: 1,
        repeats: 200,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name} needs a whole number, got {value:?}"));
        match name.as_str() {
            "--op" => options.op = value,
            "--rows" => options.rows = number()?,
            "--cols" => options.cols = number()?,
            "--count" => options.count = number()?,
            "--threads" => options.threads = number()?,
            "--repeats" => options.repeats = number()?.max(1),
            "--tau" => {
                options.tau = value.parse().map_err(|_| format!("--tau needs a number, got {value:?}"))?
            }
            _ => return Err(format!("unknown option {name}; see the head of examples/throughput.rs")),
        }
    }
    Ok(options)
}

/// Nanoseconds per element of each repeat, which takes at least some tenths of a millisecond.
fn measure(options: &Options) -> Result<Vec<f64>, String> {
    let len = options.rows * options.cols;
    let run = operation(&options.op)?;
    let problem = Problem::new(options.rows, options.cols, options.tau, options.count);
    let mut problem = problem.map_err(|error| error.to_string())?;
    let calls = (200_000 / len.max(1)).max(1);
    run(&mut problem); // faults in every page
    let repeat = |_| {
        let start = Instant::now();
        (0..calls).for_each(|_| black_box(run)(black_box(&mut problem)));
        start.elapsed().as_secs_f64() * 1e9 / (calls * len) as f64
    };
    Ok((0..options.repeats).map(repeat).collect())
}

fn operation(name: &str) -> Result<fn(&mut Problem), String> {
    let plain = name.strip_prefix("naive-").unwrap_or(name);
    let named = OPERATIONS.iter().find(|operation| operation.name == plain);
    let run = named.and_then(|named| if plain == name { Some(named.kernel) } else { named.naive });
    let names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
    run.ok_or(format!("unknown operation {name:?}; expected one of: {}", names.join(", ")))
}
