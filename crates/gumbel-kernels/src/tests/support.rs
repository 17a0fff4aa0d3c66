//! What the tests of this folder share.

use crate::parallel::level::forced;
use crate::*;

pub const MASK: f32 = f32::NEG_INFINITY;

/// Runs a check at every level of this machine.
pub fn at_every_level(check: impl Fn(Level) + Sync) {
    for level in Level::available() {
        forced::at(level, 2, || check(level));
    }
}

/// The results of a computation at each level with fused multiply-add, on 1, 2 and 3 threads.
pub fn at_fused_levels<R: Send>(run: impl Fn() -> R + Sync) -> Vec<R> {
    let fused = Level::available().into_iter().filter(|&level| level != Level::Baseline);
    fused
        .flat_map(|level| (1..4).map(move |threads| (level, threads)))
        .map(|(level, threads)| forced::at(level, threads, &run))
        .collect()
}

/// All short lengths, and those around every block and vector.
pub fn lengths() -> Vec<usize> {
    let long = [127, 128, 129, 254, 255, 256, 257, 258, 511, 512, 513, 514, 1000, 1024, 1100];
    (1..68).chain(long).collect()
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

#[track_caller]
pub fn assert_close(case: &str, single: &[f32], double: &[f64], absolute: f64, relative: f64) {
    for (index, (&single, &double)) in single.iter().zip(double).enumerate() {
        let same = f64::from(single) == double || single == double as f32;
        let error = (f64::from(single) - double).abs();
        assert!(
            same || error <= absolute + relative * double.abs(),
            "{case}, {index}: {single} for {double}"
        );
    }
}

/// The error in ulp of the exact result.
pub fn ulps(value: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if value == nearest || value.is_nan() && nearest.is_nan() {
        return 0.0;
    }
    let ulp = (nearest.abs().next_up() - nearest.abs()).max(f32::from_bits(1));
    ((f64::from(value) - exact) / f64::from(ulp)).abs()
}
