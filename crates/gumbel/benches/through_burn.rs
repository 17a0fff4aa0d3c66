//! Gumbel-Softmax forward and backward through Burn's Flex backend, beside the kernels' own time for the same
//! work, into slices that are there and into new ones, and a copy of the same bytes. Run it with
//! RAYON_NUM_THREADS=1 for one thread.
//!
//! Burn allocates every result. The system's allocator returns blocks of this size to the kernel, and faulting
//! them in again takes longer than the work; so the benchmark, as the program `gumbel`, uses mimalloc.

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gumbel::Noise;
use gumbel_kernels as kernels;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TAU: f64 = 0.7;

fn forward_and_backward(c: &mut Criterion) {
    let mut group = c.benchmark_group("gumbel-softmax forward and backward");
    for (rows, k) in [(100_000, 10), (1000, 1000), (16, 65_536)] {
        let shape = format!("{rows}x{k}");
        group.throughput(Throughput::Elements((rows * k) as u64));
        let logits = Noise::from_seed(1).logistic::<2>([rows, k], &Device::flex());
        let (flat, d) = (numbers(&logits), vec![1f32; rows * k]);

        group.bench_function(BenchmarkId::new("kernels", &shape), |bencher| {
            let (mut y, mut dx) = (vec![0f32; flat.len()], vec![0f32; flat.len()]);
            bencher.iter(|| kernels_alone(black_box(&flat), black_box(&d), k, &mut y, &mut dx));
        });
        group.bench_function(BenchmarkId::new("kernels, new outputs", &shape), |bencher| {
            bencher.iter(|| {
                let (mut y, mut dx) = (vec![0f32; flat.len()], vec![0f32; flat.len()]);
                kernels_alone(black_box(&flat), black_box(&d), k, &mut y, &mut dx);
                (y, dx)
            });
        });
        group.bench_function(BenchmarkId::new("through Burn", &shape), |bencher| {
            bencher.iter(|| {
                let leaf = logits.clone().autodiff().require_grad();
                let y = gumbel::gumbel_softmax(leaf.clone(), TAU, &mut Noise::from_seed(3))
                    .expect("valid logits");
                // From the sample itself, whose cotangent is then all ones: no loss takes part of the time.
                let gradients = y.backward();
                black_box(leaf.grad(&gradients).expect("a gradient"))
            });
        });
        group.bench_function(BenchmarkId::new("copy", &shape), |bencher| {
            let mut copy = vec![0f32; flat.len()];
            bencher.iter(|| black_box(&mut copy).copy_from_slice(black_box(&flat)));
        });
    }
    group.finish();
}

fn kernels_alone(logits: &[f32], d: &[f32], k: usize, y: &mut [f32], dx: &mut [f32]) {
    kernels::gumbel_softmax(logits, k, TAU as f32, kernels::Stream::new(3), y).expect("valid logits");
    kernels::gumbel_softmax_vjp(y, d, k, TAU as f32, dx).expect("a valid temperature");
    black_box(dx);
}

fn numbers(tensor: &Tensor<2>) -> Vec<f32> {
    let data: TensorData = tensor.clone().into_data();
    data.try_to_vec().expect("f32")
}

criterion_group!(benches, forward_and_backward);
criterion_main!(benches);
