//! Nanoseconds per element of one kernel on this machine, as one line of JSON.
//!
//! `cargo run --release -p gumbel-kernels --example throughput -- --op forward --rows 4096 --cols 1000`
//!
//! Options: `--op` one of `OPERATIONS`, `--rows`, `--cols`, `--tau`, `--count` (of topk), `--threads`,
//! `--level` (baseline, avx2, avx512, neon), `--dtype` (f32, f16, bf16: of the logits, where they are sampled or
//! normalised) and `--repeats`. `words`, `exponential` and `noise` in turn add
//! the random words, the first and the second logarithm, so a stage that lost its vectors shows. `naive` is
//! the forward pass with the scalar functions of the platform, and `copy` moves the same bytes. A forward pass
//! in place is repeated on its own result; `vjp-in-place` has a copy of the cotangent before each repeat, within
//! the time, for products of products would become subnormal.

use gumbel_kernels::*;
use half::{bf16, f16};
use std::hint::black_box;
use std::time::Instant;

const OPERATIONS: &str = "copy words uniform exponential noise logistic softmax logsumexp forward forward-in-place hard log vjp \
     vjp-in-place logvjp argmax topk logprob logprobvjp concrete naive";

struct Options {
    op: String,
    rows: usize,
    cols: usize,
    tau: f32,
    count: usize,
    threads: usize,
    dtype: String,
    level: Level,
    repeats: usize,
}

fn main() -> Result<(), String> {
    let options = parse(std::env::args().skip(1))?;
    options.level.force();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let mut times = pool.map_err(|error| error.to_string())?.install(|| measure(&options))?;
    times.sort_by(f64::total_cmp);
    let Options { op, rows, cols, threads, dtype, level, .. } = options;
    println!(
        "{{\"op\":\"{op}\",\"rows\":{rows},\"cols\":{cols},\"threads\":{threads},\"dtype\":\"{dtype}\",\
         \"level\":\"{level}\",\"ns_per_element_min\":{:.4},\"ns_per_element_median\":{:.4}}}",
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
        dtype: "f32".into(),
        level: Level::current(),
        repeats: 200,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"));
        match name.as_str() {
            "--op" => options.op = value,
            "--dtype" => options.dtype = value,
            "--rows" => options.rows = number()?,
            "--cols" => options.cols = number()?,
            "--count" => options.count = number()?,
            "--threads" => options.threads = number()?,
            "--repeats" => options.repeats = number()?.max(1),
            "--tau" => options.tau = value.parse().map_err(|_| format!("--tau {value}?"))?,
            "--level" => options.level = Level::named(&value).ok_or(format!("no level {value:?}"))?,
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(options)
}

/// Nanoseconds per element of each repeat, which runs for some tenths of a millisecond at least.
fn measure(options: &Options) -> Result<Vec<f64>, String> {
    let len = options.rows * options.cols;
    let mut run = match options.dtype.as_str() {
        "f32" => operation(options, |logit| logit),
        "f16" => operation(options, f16::from_f32),
        "bf16" => operation(options, bf16::from_f32),
        other => Err(format!("no type {other:?}; there are f32, f16 and bf16")),
    }?;
    let calls = (200_000 / len.max(1)).max(1);
    run(); // touches every page
    let repeat = |_| {
        let start = Instant::now();
        (0..calls).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e9 / (calls * len) as f64
    };
    Ok((0..options.repeats).map(repeat).collect())
}

/// The operation with its buffers; the logits are made of numbers by `convert`.
fn operation<L: Logit<Real = f32>>(
    options: &Options,
    convert: impl Fn(f32) -> L,
) -> Result<Box<dyn FnMut() + Send>, String> {
    let &Options { rows, cols: k, tau, count, .. } = options;
    let (stream, len) = (Stream::new(1), rows * k);
    let mut numbers = vec![0.0f32; len];
    noise::logistic(stream.split(0), &mut numbers);
    let logits: Vec<L> = numbers.iter().map(|&number| convert(number)).collect();
    let (mut out, mut other, mut index) = (vec![0.0f32; len], vec![0.0f32; len], vec![0u32; rows]);
    let (mut per_row, ones) = (vec![0.0f32; rows], vec![1.0f32; rows]);
    let mut sample = vec![0.0f32; len];
    let log_space = ["logvjp", "logprob", "logprobvjp"].contains(&options.op.as_str());
    let make = if log_space { log_gumbel_softmax } else { gumbel_softmax };
    make(&numbers, k, tau, stream, &mut sample).map_err(|error| error.to_string())?;
    let mut words = vec![0u32; if options.op == "words" { len } else { 0 }];
    let mut top = vec![0u32; if options.op == "topk" { rows * count } else { 0 }];
    let fine = "inputs made here are sound";
    Ok(match options.op.as_str() {
        "copy" => Box::new(move || black_box(&mut out).copy_from_slice(black_box(&numbers))),
        "words" => Box::new(move || stream.words(black_box(&mut words))),
        "uniform" => Box::new(move || noise::uniform(stream, black_box(&mut out))),
        "exponential" => Box::new(move || noise::exponential(stream, black_box(&mut out))),
        "noise" => Box::new(move || noise::gumbel(stream, black_box(&mut out))),
        "logistic" => Box::new(move || noise::logistic(stream, black_box(&mut out))),
        "softmax" => Box::new(move || softmax(&logits, k, black_box(&mut out)).expect(fine)),
        "logsumexp" => Box::new(move || log_sum_exp(&logits, k, black_box(&mut per_row)).expect(fine)),
        "forward" => {
            Box::new(move || gumbel_softmax(&logits, k, tau, stream, black_box(&mut out)).expect(fine))
        }
        "forward-in-place" => Box::new(move || {
            gumbel_softmax_in_place(black_box(&mut out), k, tau, stream).expect(fine);
        }),
        "hard" => Box::new(move || {
            gumbel_softmax_with_index(&logits, k, tau, stream, black_box(&mut out), &mut index).expect(fine)
        }),
        "log" => {
            Box::new(move || log_gumbel_softmax(&logits, k, tau, stream, black_box(&mut out)).expect(fine))
        }
        "vjp" => {
            Box::new(move || gumbel_softmax_vjp(&sample, &numbers, k, tau, black_box(&mut out)).expect(fine))
        }
        "vjp-in-place" => Box::new(move || {
            out.copy_from_slice(&numbers);
            gumbel_softmax_vjp_in_place(&sample, black_box(&mut out), k, tau).expect(fine);
        }),
        "logvjp" => Box::new(move || {
            log_gumbel_softmax_vjp(&sample, &numbers, k, tau, black_box(&mut out)).expect(fine)
        }),
        "argmax" => Box::new(move || gumbel_max(&logits, k, stream, black_box(&mut index)).expect(fine)),
        "topk" => Box::new(move || gumbel_top_k(&logits, k, stream, count, black_box(&mut top)).expect(fine)),
        "logprob" => Box::new(move || {
            exp_concrete_log_density(&sample, &numbers, k, tau, black_box(&mut per_row)).expect(fine)
        }),
        "concrete" => Box::new(move || {
            concrete_log_density(&sample, &numbers, k, tau, black_box(&mut per_row)).expect(fine)
        }),
        "logprobvjp" => Box::new(move || {
            let (d_y, d_logits) = (black_box(&mut out), &mut other);
            exp_concrete_log_density_vjp(&sample, &numbers, k, tau, &ones, d_y, d_logits, &mut per_row)
                .expect(fine)
        }),
        "naive" => Box::new(move || naive(&numbers, k, tau, stream, black_box(&mut out))),
        other => return Err(format!("no operation {other:?}; there are {OPERATIONS}")),
    })
}

/// What one would write first.
fn naive(logits: &[f32], k: usize, tau: f32, stream: Stream, out: &mut [f32]) {
    let mut rng = StreamRng::new(stream);
    for (logits, out) in logits.chunks_exact(k).zip(out.chunks_exact_mut(k)) {
        for (out, logit) in out.iter_mut().zip(logits) {
            let u = (rand_core::Rng::next_u32(&mut rng) as f32 + 0.5) / 4_294_967_296.0;
            *out = (logit - (-u.ln()).ln()) / tau;
        }
        let max = out.iter().fold(f32::NEG_INFINITY, |max, &value| max.max(value));
        out.iter_mut().for_each(|value| *value = (*value - max).exp());
        let sum: f32 = out.iter().sum();
        out.iter_mut().for_each(|value| *value /= sum);
    }
}
