//! Adam's step.

use crate::support::*;
use gumbel_cubecl::{Precision, adam_step};
use gumbel_kernels::{AdamStep, Stream, noise};

fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; len];
    noise::normal(Stream::new(seed), &mut numbers);
    numbers
}

/// Rows with and without gaps and vectors, over more than one cube.
#[test]
fn steps_are_those_of_the_cpu() {
    let device = device(Precision::Exact);
    for (rows, k, padding) in [(1, 1, 0), (1, 7, 0), (3, 5, 2), (5, 12, 4), (2, 8, 1), (7, 200, 56)] {
        let [mut p, mut m, mut v] = [numbers(1, rows * k), vec![0.0; rows * k], vec![0.0; rows * k]];
        let mut there = [&p, &m, &v].map(|numbers| upload(&device, numbers, k, padding));
        for time in 1..5 {
            let step = AdamStep::new(3e-3, time).with_beta_1(0.5);
            let g: Vec<f32> = numbers(1 + time as u64, rows * k).iter().map(|g| g * 1e-3).collect();
            let gradient = upload(&device, &g, k, padding);
            there = adam_step(&device, [&there[0], &gradient, &there[1], &there[2]], step);
            gumbel_kernels::adam_step(&mut p, &g, &mut m, &mut v, step);
        }
        for (there, here) in there.iter().zip([&p, &m, &v]) {
            assert!(largest_difference(&read(&device, there), here, 1e-8) < 1e-5, "{rows} {k} {padding}");
        }
    }
}
