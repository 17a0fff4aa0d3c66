//! Long tests of the random numbers: too slow for continuous integration, and finer than it.
//!
//! ```text
//! cargo run --release -p gumbel-kernels --example soak -- tails --count 1e11 --seed 1 --type f32
//! cargo run --release -p gumbel-kernels --example soak -- words --layout splits --count 1e12 | dieharder -g 200 -a
//! ```
//!
//! | test | what is compared with what |
//! |---|---|
//! | `tails` | counts of Gumbel numbers beyond the quantiles 10^-1, 10^-2, .. of both ends, with their exact masses |
//! | `argmax` | frequencies of `gumbel_max`, flat and peaked, up to 128256 categories, with softmax, by chi-square |
//! | `independence` | neighbours in a stream, streams, seeds, splits, forks, rows, with zero correlation |
//! | `finite` | samples of every sampler from finite logits in f32, f64, f16, bf16, with their range |
//! | `words` | writes the words of a `--layout` to standard output, for `dieharder -g 200` or `RNG_test stdin32` |
//!
//! Prints a table with a z or a p for each line, and exits with 1 if one is beyond the threshold: a false alarm in a
//! thousand runs, divided by the number of lines (Bonferroni). `GUMBEL_LEVEL` forces a level of vector instructions.

mod argmax;
mod finite;
mod independence;
mod options;
mod table;
mod tails;
mod words;

use options::Options;
use std::process::ExitCode;
use table::Table;

fn main() -> ExitCode {
    let run = Options::parse(std::env::args().skip(1)).and_then(|options| run(&options));
    run.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(2)
    })
}

fn run(options: &Options) -> Result<ExitCode, String> {
    let started = std::time::Instant::now();
    let lines = match (options.test.as_str(), options.double) {
        ("words", _) => return words::write(options).map(|()| ExitCode::SUCCESS),
        ("tails", false) => tails::lines::<f32>(options),
        ("tails", true) => tails::lines::<f64>(options),
        ("argmax", false) => argmax::lines::<f32>(options),
        ("argmax", true) => argmax::lines::<f64>(options),
        ("independence", false) => independence::lines::<f32>(options),
        ("independence", true) => independence::lines::<f64>(options),
        ("finite", _) => finite::lines(options),
        (other, _) => return Err(options::unknown("test", other, options::TESTS)),
    };
    let table = Table { options, lines };
    println!("{table}\n{:.0} seconds\n", started.elapsed().as_secs_f64());
    Ok(if table.passes() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
