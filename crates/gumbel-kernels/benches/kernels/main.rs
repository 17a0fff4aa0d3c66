//! Times every kernel on rows of 2 to 128 256 categories, on one and two threads, and compares it with a copy, with
//! the sum of its stages and with a naive version.
//!
//! Run `cargo bench -p gumbel-kernels`, or a part of it with a filter, as in `-- '1024x1000/forward'`. Criterion prints
//! the time of a call. The table at the end, which is also written to `target/criterion/kernels.csv`, has criterion's
//! medians in nanoseconds per element.

mod operations;
mod table;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use operations::{OPERATIONS, Operation, Problem};
use std::hint::black_box;
use std::time::{Duration, SystemTime};

const TAU: f32 = 0.7;
/// About a million elements each, but at most 65 536 rows.
const SHAPES: [(usize, usize); 6] =
    [(65_536, 2), (65_536, 10), (32_768, 32), (1024, 1000), (20, 50_257), (8, 128_256)];
const THREADS: [usize; 2] = [1, 2];
/// The label of the naive version, which runs on one thread.
const NAIVE: &str = "naive";

fn main() {
    let start = SystemTime::now();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200))
        .sample_size(10)
        .nresamples(2000)
        .configure_from_args();
    for (rows, k) in shapes() {
        measure(&mut criterion, rows, k);
    }
    criterion.final_summary();
    table::write(start).expect("criterion's estimates are readable");
}

/// The large shapes, then one row of each width.
fn shapes() -> impl Iterator<Item = (usize, usize)> {
    SHAPES.into_iter().chain(SHAPES.map(|(_, k)| (1, k)))
}

fn measure(criterion: &mut Criterion, rows: usize, k: usize) {
    let mut group = criterion.benchmark_group(format!("{rows}x{k}"));
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements((rows * k) as u64));
    let mut problem = Lazy { rows, k, made: None };
    for operation in OPERATIONS.iter().filter(|operation| applies(operation, k)) {
        for &threads in if rows == 1 { &THREADS[..1] } else { &THREADS } {
            let id = BenchmarkId::new(operation.name, label(threads));
            time(&mut group, id, threads, &mut problem, operation.kernel);
        }
        if let Some(naive) = operation.naive.filter(|_| rows > 1) {
            time(&mut group, BenchmarkId::new(operation.name, NAIVE), 1, &mut problem, naive);
        }
    }
}

/// Top-k is timed on long rows only.
fn applies(operation: &Operation, k: usize) -> bool {
    operation.name != "topk" || top(k) < k / 100
}

/// Categories drawn without replacement: 8 of 1000, 50 of 128 256.
fn top(k: usize) -> usize {
    if k > 1000 { 50 } else { 8 }
}

fn label(threads: usize) -> String {
    format!("t{threads}")
}

fn time(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    threads: usize,
    problem: &mut Lazy,
    run: fn(&mut Problem),
) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    group.bench_function(id, |bencher| {
        let problem = problem.get();
        pool.install(|| bencher.iter(|| black_box(run)(black_box(problem))));
    });
}

/// A problem that is made when the filter selects the first benchmark.
struct Lazy {
    rows: usize,
    k: usize,
    made: Option<Problem>,
}

impl Lazy {
    fn get(&mut self) -> &mut Problem {
        self.made
            .get_or_insert_with(|| Problem::new(self.rows, self.k, TAU, top(self.k)).expect("valid logits"))
    }
}
