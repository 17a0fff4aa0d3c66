//! The operations that the benchmark and the example `throughput` time, each with its memory traffic, its stages and a
//! naive version.

mod naive;

use gumbel_kernels::*;
use half::bf16;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rayon::prelude::*;

const VALID: &str = "the inputs made here are valid";
/// Copies of at most this length run on one thread, like the kernels.
const SERIAL: usize = 65_536;

/// Inputs and outputs of every operation on rows of shape `[rows, k]`.
pub struct Problem {
    pub k: usize,
    pub tau: f32,
    /// Categories that top-k draws.
    pub count: usize,
    stream: Stream,
    rng: StdRng,
    logits: Vec<f32>,
    /// The logits in half precision.
    half: Vec<bf16>,
    sample: Vec<f32>,
    log_sample: Vec<f32>,
    ones: Vec<f32>,
    out: Vec<f32>,
    other: Vec<f32>,
    moments: [Vec<f32>; 2],
    per_row: Vec<f32>,
    words: Vec<u32>,
    index: Vec<u32>,
    top: Vec<u32>,
}

impl Problem {
    pub fn new(rows: usize, k: usize, tau: f32, count: usize) -> Result<Self, Error> {
        let (stream, len) = (Stream::new(1), rows * k);
        let floats = |len| vec![0.0f32; len];
        let (mut logits, mut sample, mut log_sample) = (floats(len), floats(len), floats(len));
        noise::logistic(stream.split(0), &mut logits);
        gumbel_softmax(&logits, k, tau, stream, &mut sample)?;
        log_gumbel_softmax(&logits, k, tau, stream, &mut log_sample)?;
        let half = logits.iter().map(|&logit| bf16::from_f32(logit)).collect();
        let (out, other, per_row, ones) = (floats(len), floats(len), floats(rows), vec![1.0; rows]);
        let moments = [floats(len), floats(len)];
        let (words, index, top) = (vec![0; len], vec![0; rows], vec![0; rows * count]);
        let rng = StdRng::seed_from_u64(1);
        Ok(Self {
            k,
            tau,
            count,
            stream,
            rng,
            logits,
            half,
            sample,
            log_sample,
            ones,
            out,
            other,
            moments,
            per_row,
            words,
            index,
            top,
        })
    }
}

/// One operation, as it is timed.
pub struct Operation {
    pub name: &'static str,
    /// Numbers read and written per element; a copy has two.
    #[allow(dead_code)] // not for the example
    pub moved: f64,
    /// Random words, logarithms and softmax stages (maximum, exponential, sum, division) per element.
    #[allow(dead_code)] // not for the example
    pub stages: [f64; 3],
    pub kernel: fn(&mut Problem),
    /// A straightforward version, with `rand` and the functions of the standard library.
    pub naive: Option<fn(&mut Problem)>,
}

const fn operation(
    name: &'static str,
    moved: f64,
    stages: [f64; 3],
    kernel: fn(&mut Problem),
    naive: fn(&mut Problem),
) -> Operation {
    Operation { name, moved, stages, kernel, naive: Some(naive) }
}

/// All operations. A new kernel, or a variant of one (in place, in half precision), is a new line here.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "copy", moved: 2.0, stages: [0.0; 3], kernel: copy, naive: None },
    operation("words", 1.0, [1.0, 0.0, 0.0], |p| p.stream.words(&mut p.words), naive::words),
    operation("uniform", 1.0, [1.0, 0.0, 0.0], |p| noise::uniform(p.stream, &mut p.out), naive::uniform),
    operation("exponential", 1.0, [1.0, 1.0, 0.0], |p| noise::exponential(p.stream, &mut p.out), naive::exponential),
    operation("noise", 1.0, [1.0, 2.0, 0.0], |p| noise::gumbel(p.stream, &mut p.out), naive::gumbel),
    operation("logistic", 1.0, [1.0, 2.0, 0.0], |p| noise::logistic(p.stream, &mut p.out), naive::logistic),
    operation("softmax", 2.0, [0.0, 0.0, 1.0], |p| {
        softmax(&p.logits, p.k, &mut p.out).expect(VALID)
    }, naive::softmax),
    operation("logsumexp", 1.0, [0.0, 0.0, 1.0], |p| {
        log_sum_exp(&p.logits, p.k, &mut p.per_row).expect(VALID)
    }, naive::log_sum_exp),
    operation("forward", 2.0, [1.0, 2.0, 1.0], |p| {
        gumbel_softmax(&p.logits, p.k, p.tau, p.stream, &mut p.out).expect(VALID)
    }, |p| naive::gumbel_softmax(p, p.tau)),
    Operation { name: "forward-in-place", moved: 2.0, stages: [1.0, 2.0, 1.0], kernel: |p| {
        gumbel_softmax_in_place(&mut p.out, p.k, p.tau, p.stream).expect(VALID)
    }, naive: None },
    Operation { name: "forward-bf16", moved: 1.5, stages: [1.0, 2.0, 1.0], kernel: |p| {
        gumbel_softmax(&p.half, p.k, p.tau, p.stream, &mut p.out).expect(VALID)
    }, naive: None },
    operation("forward-tau1", 2.0, [1.0, 1.0, 1.0], |p| {
        gumbel_softmax(&p.logits, p.k, 1.0, p.stream, &mut p.out).expect(VALID)
    }, |p| naive::gumbel_softmax(p, 1.0)),
    operation("hard", 2.0, [1.0, 2.0, 1.0], |p| {
        gumbel_softmax_with_index(&p.logits, p.k, p.tau, p.stream, &mut p.out, &mut p.index).expect(VALID)
    }, naive::gumbel_softmax_with_index),
    operation("log", 2.0, [1.0, 2.0, 1.0], |p| {
        log_gumbel_softmax(&p.logits, p.k, p.tau, p.stream, &mut p.out).expect(VALID)
    }, naive::log_gumbel_softmax),
    operation("vjp", 3.0, [0.0; 3], |p| {
        gumbel_softmax_vjp(&p.sample, &p.logits, p.k, p.tau, &mut p.out).expect(VALID)
    }, naive::gumbel_softmax_vjp),
    operation("logvjp", 3.0, [0.0; 3], |p| {
        log_gumbel_softmax_vjp(&p.log_sample, &p.logits, p.k, p.tau, &mut p.out).expect(VALID)
    }, naive::log_gumbel_softmax_vjp),
    operation("argmax", 1.0, [1.0, 2.0, 0.0], |p| {
        gumbel_max(&p.logits, p.k, p.stream, &mut p.index).expect(VALID)
    }, naive::gumbel_max),
    operation("topk", 1.0, [1.0, 2.0, 0.0], |p| {
        gumbel_top_k(&p.logits, p.k, p.count, p.stream, &mut p.top).expect(VALID)
    }, naive::gumbel_top_k),
    operation("logprob", 2.0, [0.0, 0.0, 1.0], |p| {
        exp_concrete_log_prob(&p.logits, &p.log_sample, p.k, p.tau, &mut p.per_row).expect(VALID)
    }, naive::exp_concrete_log_prob),
    operation("logprobvjp", 4.0, [0.0, 0.0, 1.0], |p| {
        let Problem { log_sample, logits, ones, out, other, per_row, .. } = p;
        exp_concrete_log_prob_vjp(logits, log_sample, ones, p.k, p.tau, other, out, per_row).expect(VALID)
    }, naive::exp_concrete_log_prob_vjp),
    operation("concrete", 2.0, [0.0, 1.0, 1.0], |p| {
        concrete_log_prob(&p.logits, &p.sample, p.k, p.tau, &mut p.per_row).expect(VALID)
    }, naive::concrete_log_prob),
    operation("concretevjp", 4.0, [0.0, 1.0, 1.0], |p| {
        let Problem { sample, logits, ones, out, other, per_row, .. } = p;
        concrete_log_prob_vjp(logits, sample, ones, p.k, p.tau, other, out, per_row).expect(VALID)
    }, naive::concrete_log_prob_vjp),
    operation("adam", 7.0, [0.0; 3], |p| {
        let [first, second] = &mut p.moments;
        adam_step(&mut p.other, &p.logits, first, second, AdamStep::new(1e-3, 1000));
    }, naive::adam_step),
];

fn copy(p: &mut Problem) {
    if p.out.len() <= SERIAL {
        return p.out.copy_from_slice(&p.logits);
    }
    let pieces = p.out.par_chunks_mut(SERIAL).zip(p.logits.par_chunks(SERIAL));
    pieces.for_each(|(out, logits)| out.copy_from_slice(logits));
}
