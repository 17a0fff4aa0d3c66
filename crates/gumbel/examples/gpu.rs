//! Times samples and their gradients through Burn on a GPU:
//! `cargo run --release -p gumbel --features cuda --example gpu`.
//!
//! Prints CSV: operation, precision, rows, categories, the median time in microseconds, by the host's clock with the
//! device's queue drained at the end, so launches and allocations are in it. Inputs rotate over more memory than a cache has.

use burn::tensor::{Device, Tensor};
use gumbel::{Error, Noise, Precision, check_device, gumbel_max, gumbel_softmax, set_precision};
use gumbel::{exp_concrete, log_gumbel_softmax, straight_through_gumbel_softmax, subset};
use std::time::Instant;

const SHAPES: [(usize, usize); 3] = [(65_536, 10), (65_536, 1000), (4096, 128_256)];
const ROTATE: usize = 400 << 20;
const REPEATS: usize = 9;

#[cfg(feature = "cuda")]
fn gpu() -> Device {
    Device::cuda(0)
}

#[cfg(not(feature = "cuda"))]
fn gpu() -> Device {
    Device::default()
}

fn main() -> Result<(), Error> {
    let device = gpu();
    println!("operation,precision,rows,categories,microseconds");
    for (precision, name) in [(Precision::Exact, "exact"), (Precision::Fast, "fast")] {
        set_precision(&device, precision);
        for (rows, k) in SHAPES {
            time_shape(&device, name, rows, k)?;
        }
    }
    check_device(&device)
}

fn time_shape(device: &Device, precision: &str, rows: usize, k: usize) -> Result<(), Error> {
    let sets = ROTATE.div_ceil(4 * rows * k).clamp(2, 16);
    let mut noise = Noise::from_seed(1);
    let logits: Vec<Tensor<2>> = (0..sets).map(|_| noise.normal([rows, k], device)).collect();
    let report = |operation: &str, call: &mut dyn FnMut(usize)| {
        println!("{operation},{precision},{rows},{k},{:.1}", 1e6 * median(device, sets, call));
    };
    report("gumbel_softmax", &mut |at| drop(gumbel_softmax(logits[at].clone(), 0.5, &mut noise.clone())));
    report("log_gumbel_softmax", &mut |at| {
        drop(log_gumbel_softmax(logits[at].clone(), 0.5, &mut noise.clone()))
    });
    report("gumbel_max", &mut |at| drop(gumbel_max(logits[at].clone(), &mut noise.clone())));
    report("gumbel_top_k of 10", &mut |at| {
        drop(subset::gumbel_top_k(logits[at].clone(), 10, &mut noise.clone()))
    });
    let leaf_of = |at: usize| logits[at].clone().autodiff().require_grad();
    // A backward pass begins with ones in the shape of the result, which are written in this time too.
    report("gumbel_softmax and gradient", &mut |at| {
        let leaf = leaf_of(at);
        let y = gumbel_softmax(leaf.clone(), 0.5, &mut noise.clone()).expect("valid logits");
        drop(leaf.grad(&y.backward()));
    });
    report("straight_through and gradient", &mut |at| {
        let leaf = leaf_of(at);
        let y = straight_through_gumbel_softmax(leaf.clone(), 0.5, &mut noise.clone()).expect("valid logits");
        drop(leaf.grad(&y.backward()));
    });
    // Burn's own operations, for what a loss adds: a product, and its sum in one step and in two.
    report("weighted sum and gradient", &mut |at| {
        let leaf = leaf_of(at);
        drop(leaf.grad(&(leaf.clone() * logits[(at + 1) % sets].clone().autodiff()).sum().backward()));
    });
    report("weighted sum by rows and gradient", &mut |at| {
        let leaf = leaf_of(at);
        let product = leaf.clone() * logits[(at + 1) % sets].clone().autodiff();
        drop(leaf.grad(&product.sum_dim(1).sum().backward()));
    });
    report("gumbel_softmax weighted sum by rows and gradient", &mut |at| {
        let leaf = leaf_of(at);
        let y = gumbel_softmax(leaf.clone(), 0.5, &mut noise.clone()).expect("valid logits");
        let product = y * logits[(at + 1) % sets].clone().autodiff();
        drop(leaf.grad(&product.sum_dim(1).sum().backward()));
    });
    // Points need not be normalised.
    report("exp_concrete::log_prob and gradients", &mut |at| {
        let [leaf, y] = [at, (at + 1) % sets].map(|at| logits[at].clone().autodiff().require_grad());
        let density = exp_concrete::log_prob(leaf.clone(), 0.5, y.clone()).expect("a valid temperature");
        let gradients = density.sum().backward();
        drop((leaf.grad(&gradients), y.grad(&gradients)));
    });
    Ok(())
}

/// The median time of a call in seconds, after one that compiles the kernels.
fn median(device: &Device, sets: usize, call: &mut dyn FnMut(usize)) -> f64 {
    let mut timed = |calls: usize| {
        let start = Instant::now();
        (0..calls).for_each(|at| call(at % sets));
        device.sync().expect("the device runs");
        start.elapsed().as_secs_f64()
    };
    timed(3);
    let calls = ((10e-3 / timed(1)) as usize).clamp(2, 200);
    let mut seconds: Vec<f64> = (0..REPEATS).map(|_| timed(calls) / calls as f64).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[REPEATS / 2]
}
