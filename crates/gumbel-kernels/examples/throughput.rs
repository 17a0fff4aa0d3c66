//! Nanoseconds per element of one kernel on this machine, as one line of JSON.
//!
//! `cargo run --release -p gumbel-kernels --example throughput -- --op forward --rows 4096 --cols 1000`
//!
//! Options: `--op` one of `OPERATIONS`, `--rows`, `--cols`, `--tau`, `--count` (of topk), `--threads`,
//! `--level` (baseline, avx2, avx512, neon) and `--repeats`. `words`, `exponential` and `noise` in turn add
//! the random words, the first and the second logarithm, so a stage that lost its vectors shows. `naive` is
//! the forward pass with the scalar functions of the platform, and `copy` moves the same bytes.

use gumbel_kernels::*;
use std::hint::black_box;
use std::time::Instant;

const OPERATIONS: &str = "copy words uniform exponential noise logistic softmax logsumexp forward hard log vjp logvjp argmax topk \
     logprob logprobvjp concrete concretevjp binary binaryvjp unit unitvjp categorical entropy kl logsumexpvjp naive";

struct Options {
    op: String,
    rows: usize,
    cols: usize,
    tau: f32,
    count: usize,
    threads: usize,
    level: Level,
    repeats: usize,
}

fn main() -> Result<(), String> {
    let options = parse(std::env::args().skip(1))?;
    options.level.force();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let mut times = pool.map_err(|error| error.to_string())?.install(|| measure(&options))?;
    times.sort_by(f64::total_cmp);
    let Options { op, rows, cols, threads, level, .. } = options;
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
        level: Level::current(),
        repeats: 200,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"));
        match name.as_str() {
            "--op" => options.op = value,
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
    let mut run = operation(options)?;
    let calls = (200_000 / len.max(1)).max(1);
    run(); // touches every page
    let repeat = |_| {
        let start = Instant::now();
        (0..calls).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e9 / (calls * len) as f64
    };
    Ok((0..options.repeats).map(repeat).collect())
}

/// The operation with its buffers.
fn operation(options: &Options) -> Result<Box<dyn FnMut() + Send>, String> {
    let &Options { rows, cols: k, tau, count, .. } = options;
    let (stream, len) = (Stream::new(1), rows * k);
    let mut logits = vec![0.0f32; len];
    noise::logistic(stream.split(0), &mut logits);
    let (mut out, mut other, mut index) = (vec![0.0f32; len], vec![0.0f32; len], vec![0u32; rows]);
    let (mut per_row, ones) = (vec![0.0f32; rows], vec![1.0f32; rows]);
    let mut sample = vec![0.0f32; len];
    let log_space = ["logvjp", "logprob", "logprobvjp", "binary", "binaryvjp"].contains(&options.op.as_str());
    let make = if log_space { log_gumbel_softmax } else { gumbel_softmax };
    make(&logits, k, tau, stream, &mut sample).map_err(|error| error.to_string())?;
    let every = if options.op.ends_with("vjp") { len } else { 0 };
    let (mut whole, one_each) = (vec![0.0f32; every], vec![1.0f32; every]);
    let mut words = vec![0u32; if options.op == "words" { len } else { 0 }];
    let mut top = vec![0u32; if options.op == "topk" { rows * count } else { 0 }];
    let fine = "inputs made here are sound";
    Ok(match options.op.as_str() {
        "copy" => Box::new(move || black_box(&mut out).copy_from_slice(black_box(&logits))),
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
        "hard" => Box::new(move || {
            gumbel_softmax_with_index(&logits, k, tau, stream, black_box(&mut out), &mut index).expect(fine)
        }),
        "log" => {
            Box::new(move || log_gumbel_softmax(&logits, k, tau, stream, black_box(&mut out)).expect(fine))
        }
        "vjp" => {
            Box::new(move || gumbel_softmax_vjp(&sample, &logits, k, tau, black_box(&mut out)).expect(fine))
        }
        "logvjp" => Box::new(move || {
            log_gumbel_softmax_vjp(&sample, &logits, k, tau, black_box(&mut out)).expect(fine)
        }),
        "argmax" => Box::new(move || gumbel_max(&logits, k, stream, black_box(&mut index)).expect(fine)),
        "topk" => Box::new(move || gumbel_top_k(&logits, k, stream, count, black_box(&mut top)).expect(fine)),
        "logprob" => Box::new(move || {
            exp_concrete_log_density(&sample, &logits, k, tau, black_box(&mut per_row)).expect(fine)
        }),
        "concrete" => Box::new(move || {
            concrete_log_density(&sample, &logits, k, tau, black_box(&mut per_row)).expect(fine)
        }),
        "logprobvjp" => Box::new(move || {
            let (d_y, d_logits) = (black_box(&mut out), &mut other);
            exp_concrete_log_density_vjp(&sample, &logits, k, tau, &ones, d_y, d_logits, &mut per_row)
                .expect(fine)
        }),
        "concretevjp" => Box::new(move || {
            let (d_x, d_logits) = (black_box(&mut out), &mut other);
            concrete_log_density_vjp(&sample, &logits, k, tau, &ones, d_x, d_logits, &mut per_row)
                .expect(fine)
        }),
        "binary" => Box::new(move || {
            binary_concrete_log_density(&sample, &logits, tau, black_box(&mut out)).expect(fine)
        }),
        "binaryvjp" => Box::new(move || {
            let (d_y, d_log_odds, d_tau) = (black_box(&mut out), &mut other, &mut whole);
            binary_concrete_log_density_vjp(&sample, &logits, tau, &one_each, d_y, d_log_odds, d_tau)
                .expect(fine)
        }),
        "unit" => Box::new(move || {
            binary_concrete_unit_log_density(&sample, &logits, tau, black_box(&mut out)).expect(fine)
        }),
        "unitvjp" => Box::new(move || {
            let (d_x, d_log_odds, d_tau) = (black_box(&mut out), &mut other, &mut whole);
            binary_concrete_unit_log_density_vjp(&sample, &logits, tau, &one_each, d_x, d_log_odds, d_tau)
                .expect(fine)
        }),
        "categorical" => {
            Box::new(move || categorical::log_prob(&logits, k, &index, black_box(&mut per_row)).expect(fine))
        }
        "entropy" => Box::new(move || categorical::entropy(&logits, k, black_box(&mut per_row)).expect(fine)),
        "kl" => Box::new(move || categorical::kl(&logits, &sample, k, black_box(&mut per_row)).expect(fine)),
        "logsumexpvjp" => {
            Box::new(move || log_sum_exp_vjp(&logits, &ones, k, black_box(&mut out)).expect(fine))
        }
        "naive" => Box::new(move || naive(&logits, k, tau, stream, black_box(&mut out))),
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
