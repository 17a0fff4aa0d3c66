//! Samples of every sampler from finite logits: no NaN, nothing infinite, nothing outside of its range.

use crate::options::Options;
use crate::table::Line;
use gumbel_kernels::subset::relaxed_top_k;
use gumbel_kernels::{
    Logit, Real, Stream, gumbel_max, gumbel_softmax, gumbel_softmax_with_index, gumbel_top_k,
    log_gumbel_softmax, noise,
};
use half::{bf16, f16};
use rayon::prelude::*;

/// Rows and categories of a task: the second-last block of a row is full.
const ROWS: usize = 13;
const K: usize = 1100;
/// The largest gap of logits divided by the temperature keeps logarithms finite in `f32`.
const TEMPERATURES: [f64; 3] = [0.01, 0.5, 10.0];
const SPREADS: [f64; 3] = [1.0, 100.0, 6e4];

pub fn lines(options: &Options) -> Vec<Line> {
    let tasks = options.count / 4 / (6 * ROWS * K) as u64 + 1;
    [
        counted("f32", tasks, |task| samples::<f32>(options.stream(task), task, |x| x as f32)),
        counted("f64", tasks, |task| samples::<f64>(options.stream(task), task, |x| x)),
        counted("f16", tasks, |task| samples::<f16>(options.stream(task), task, f16::from_f64)),
        counted("bf16", tasks, |task| samples::<bf16>(options.stream(task), task, bf16::from_f64)),
        counted("noise f32", tasks, |task| noises::<f32>(options.stream(task))),
        counted("noise f64", tasks, |task| noises::<f64>(options.stream(task))),
    ]
    .into()
}

/// Numbers drawn, and those that are wrong.
type Wrong = [u64; 2];

fn counted(name: &str, tasks: u64, task: impl Fn(u64) -> Wrong + Sync + Send) -> Line {
    let add = |a: Wrong, b: Wrong| [a[0] + b[0], a[1] + b[1]];
    let [drawn, wrong] = (0..tasks).into_par_iter().map(task).reduce(|| [0; 2], add);
    Line::none(format!("{name}: NaN, infinite or outside of its range"), wrong, drawn)
}

fn samples<L: Logit>(stream: Stream, task: u64, of: fn(f64) -> L) -> Wrong
where
    L::Real: Real,
{
    let pick = |choices: [f64; 3], task: u64| choices[(task % 3) as usize];
    let (spread, tau) = (pick(SPREADS, task), pick(TEMPERATURES, task / 3));
    let mut uniform = vec![0.0; ROWS * K];
    noise::uniform(stream.split(0), &mut uniform);
    let logits: Vec<L> = uniform.iter().map(|u| of((u - 0.5) * 2.0 * spread)).collect();
    let mut all = Tally::default();
    let mut index = vec![u32::MAX; ROWS];
    let [mut soft, mut log] = [(); 2].map(|()| vec![L::Real::from_f64(f64::NAN); ROWS * K]);
    let real = L::Real::from_f64;
    gumbel_max(&logits, K, stream, &mut index).expect("finite logits");
    all.indices(&index);
    gumbel_softmax(&logits, K, real(tau), stream, &mut soft).expect("finite logits");
    all.numbers(&soft, 0.0, 1.0);
    log_gumbel_softmax(&logits, K, real(tau), stream, &mut log).expect("finite logits");
    all.numbers(&log, f64::MIN, 0.0);
    gumbel_softmax_with_index(&logits, K, real(tau), stream, &mut soft, &mut index).expect("finite logits");
    all.numbers(&soft, 0.0, 1.0);
    all.indices(&index);
    let mut several = vec![u32::MAX; ROWS * 8];
    gumbel_top_k(&logits, K, 8, stream, &mut several).expect("finite logits");
    all.indices(&several);
    let wide: Vec<f64> = uniform.iter().map(|u| (u - 0.5) * 2.0 * spread).collect();
    let mut relaxed = vec![f64::NAN; 2 * K];
    relaxed_top_k(&wide[..2 * K], K, 3, tau, stream, &mut relaxed).expect("finite logits");
    all.numbers(&relaxed, 0.0, 3.0);
    [all.drawn, all.wrong]
}

/// A noise, and the range that it never leaves.
type Range<T> = (fn(Stream, &mut [T]), f64, f64);

fn noises<T: Real>(stream: Stream) -> Wrong {
    let mut all = Tally::default();
    let mut numbers = vec![T::nan(); ROWS * K];
    let ranges: [Range<T>; 5] = [
        (noise::uniform, f64::MIN_POSITIVE, 1.0),
        (noise::exponential, f64::MIN_POSITIVE, 68.0),
        (noise::gumbel, -4.3, 68.0),
        (noise::logistic, -68.0, 68.0),
        (noise::normal, -11.5, 11.5),
    ];
    for (fill, least, most) in ranges {
        fill(stream, &mut numbers);
        all.numbers(&numbers, least, most);
    }
    [all.drawn, all.wrong]
}

#[derive(Default)]
struct Tally {
    drawn: u64,
    wrong: u64,
}

impl Tally {
    fn numbers<T: Real>(&mut self, numbers: &[T], least: f64, most: f64) {
        // A sum of rounded parts may be above one by a rounding.
        let most = if most > 0.0 { most * (1.0 + 1e-6) } else { 1e-6 };
        self.drawn += numbers.len() as u64;
        self.wrong += numbers.iter().filter(|&&x| !(least..=most).contains(&x.into())).count() as u64;
    }

    fn indices(&mut self, indices: &[u32]) {
        self.drawn += indices.len() as u64;
        self.wrong += indices.iter().filter(|&&index| index as usize >= K).count() as u64;
    }
}
