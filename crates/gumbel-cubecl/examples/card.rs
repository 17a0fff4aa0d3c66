//! Times every kernel on the device that the features choose, beside a copy of the same bytes:
//! `cargo run --release -p gumbel-cubecl --features cuda --example card`.
//!
//! Arguments such as `65536x1000` choose shapes. Prints CSV: operation, precision, type, rows, categories, the median time of the device in microseconds, and its ratio
//! to the time that the rate of the copy allows for the bytes that the operation must move. Inputs rotate over enough
//! memory that none is in a cache.

use cubecl::client::Client;
use cubecl::future::block_on;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;
use gumbel_cubecl::{Device, Form, Law, Matrix, Precision};
use gumbel_cubecl::{gumbel_max, gumbel_softmax, gumbel_softmax_vjp, gumbel_softmax_vjp_from_logits, noise};
use gumbel_kernels::Stream;

const F32: ElemType = ElemType::Float(FloatKind::F32);
const BF16: ElemType = ElemType::Float(FloatKind::BF16);
const SHAPES: [(usize, usize); 5] =
    [(65_536, 10), (4096, 1000), (65_536, 1000), (64, 128_256), (4096, 128_256)];
/// More than any cache holds.
const ROTATE: usize = 400 << 20;
const REPEATS: usize = 15;

fn main() {
    let client = cubecl::Device::default().client();
    let rate = copy_rate(&Device::new(client.clone(), Precision::Exact));
    eprintln!("device: {}, copy: {:.0} GB/s", client.name(), rate / 1e9);
    println!("operation,precision,type,rows,categories,microseconds,copies");
    for precision in [Precision::Exact, Precision::Fast] {
        let device = Device::new(client.clone(), precision);
        for (rows, k) in SHAPES.into_iter().filter(|&shape| is_wanted(shape)) {
            time_shape(&device, precision, rows, k, F32, "f32", rate);
            if client.name() == "cuda" && rows * k > 1 << 24 {
                time_shape(&device, precision, rows, k, BF16, "bf16", rate);
            }
        }
    }
}

fn is_wanted((rows, k): (usize, usize)) -> bool {
    std::env::args().len() == 1 || std::env::args().any(|wanted| wanted == format!("{rows}x{k}"))
}

#[allow(clippy::too_many_arguments)] // a row of the table
fn time_shape(
    device: &Device,
    precision: Precision,
    rows: usize,
    k: usize,
    dtype: ElemType,
    name: &str,
    rate: f64,
) {
    let bytes = rows * k * dtype.size();
    let sets = ROTATE.div_ceil(bytes).clamp(2, 64);
    let logits: Vec<Matrix> = (0..sets).map(|_| filled(device, rows, k, dtype)).collect();
    let report = |operation: &str, moved: usize, seconds: f64| {
        let copies = seconds * rate / (moved * bytes) as f64;
        println!("{operation},{precision:?},{name},{rows},{k},{:.1},{copies:.2}", seconds * 1e6);
    };
    let stream = Stream::from_parts(7, 0, 0);
    let soft = |at: usize| gumbel_softmax(device, &logits[at], 0.5, stream, Form::Soft).unwrap();
    report("gumbel_softmax", 2, median(device, sets, |at| drop(soft(at))));
    let hard = |at: usize| gumbel_softmax(device, &logits[at], 0.5, stream, Form::OneHot).unwrap();
    report("one_hot", 2, median(device, sets, |at| drop(hard(at))));
    report(
        "gumbel_max",
        1,
        median(device, sets, |at| drop(gumbel_max(device, &logits[at], stream).unwrap())),
    );
    let y: Vec<Matrix> = (0..sets).map(soft).collect();
    let saved = |at: usize| gumbel_softmax_vjp(device, &y[at], &logits[at], 0.5, Form::Soft).unwrap();
    report("vjp", 3, median(device, sets, |at| drop(saved(at))));
    let again = |at: usize| gumbel_softmax_vjp_from_logits(device, &logits[at], &y[at], 0.5, stream).unwrap();
    report("vjp_from_logits", 3, median(device, sets, |at| drop(again(at))));
    if dtype == F32 && rows * k < u32::MAX as usize {
        report("gumbel_noise", 1, median(device, 1, |_| drop(noise(device, Law::Gumbel, stream, rows * k))));
    }
}

/// Numbers of ordinary size: floats, of which each half is one for `bf16`.
fn filled(device: &Device, rows: usize, k: usize, dtype: ElemType) -> Matrix {
    let numbers = noise(device, Law::Normal, Stream::new(1), rows * k * dtype.size() / 4);
    Matrix::new(numbers.handle().clone(), rows, k, k, dtype)
}

/// The median time of one call on the device, in seconds, after the call that compiles the kernels. Enough calls follow
/// each other that launches overlap.
fn median(device: &Device, sets: usize, run: impl Fn(usize) + Sync) -> f64 {
    run(0);
    let once = timed(device.client(), || run(0));
    let calls = ((2e-3 / once) as usize).clamp(1, 50);
    let mut seconds: Vec<f64> = (0..REPEATS)
        .map(|repeat| {
            timed(device.client(), || (0..calls).for_each(|call| run((repeat * calls + call) % sets)))
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[REPEATS / 2] / calls as f64
}

fn timed(client: &Client, run: impl FnOnce() + Send) -> f64 {
    let ((), profile) = client.profile(run, "card").expect("the kernels run");
    block_on(profile.resolve()).expect("the device has a clock").duration().as_secs_f64()
}

/// Bytes read and written in a second by a copy.
fn copy_rate(device: &Device) -> f64 {
    const NUMBERS: usize = 1 << 28;
    let from: Vec<Matrix> = (0..2).map(|_| filled(device, 1, NUMBERS, F32)).collect();
    let to = Matrix::empty(device.client(), 1, NUMBERS, F32);
    let seconds = median(device, 2, |at| {
        copy::launch(
            device.client(),
            CubeCount::Static(32_768, (NUMBERS / 4 / 256 / 32_768) as u32, 1),
            CubeDim::new_1d(256),
            4,
            from[at].argument(),
            to.argument(),
        );
    });
    (2 * 4 * NUMBERS) as f64 / seconds
}

#[cube(launch)]
fn copy<N: Size>(from: &[Vector<f32, N>], to: &mut [Vector<f32, N>]) {
    to[ABSOLUTE_POS] = from[ABSOLUTE_POS];
}
