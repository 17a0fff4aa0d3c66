//! `ln` and `exp` of `f32` on a device.
//!
//! [`Math::Exact`] is the arithmetic of `gumbel_kernels` with fused multiplications, to the bit where the device rounds
//! as IEEE 754 says. No logarithm of a number near 1 is left to the device: Vulkan allows it an error of 2^-21.

use crate::device::Math;
use cubecl::prelude::*;

const LOG2_E: f32 = core::f32::consts::LOG2_E;
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// The bits of √½, the lower end of the reduced arguments.
const LEAST: u32 = 0x3f35_04f3;

/// `x = 2^exponent (1 + rest)` with `1 + rest` in [√½, √2).
#[derive(CubeType, Clone, Copy)]
struct Parts {
    exponent: f32,
    rest: f32,
}

#[cube]
fn split(x: f32) -> Parts {
    let offset = u32::reinterpret(x) - LEAST;
    let mantissa = f32::reinterpret((offset & 0x007f_ffffu32) + LEAST);
    Parts { exponent: f32::cast_from(i32::reinterpret(offset) >> 23), rest: mantissa - 1.0f32 }
}

/// `1 − x = 2^exponent (1 + rest)` for `x` in [0, ½].
#[cube]
fn complement(x: f32) -> Parts {
    let near = x < 0.292_893_23;
    Parts { exponent: select(near, 0.0f32, -1.0f32), rest: select(near, -x, 1.0f32 - 2.0f32 * x) }
}

/// `exponent · ln 2 + ln(1 + f)`, where `ln(1 + f) = f − f²/2 + f³ P(f)`.
#[cube]
fn ln_of_parts(parts: Parts) -> f32 {
    let f = parts.rest;
    let square = f * f;
    let small = fma(polynomial(f, square) * f, square, parts.exponent * LN_2_LOW);
    fma(parts.exponent, LN_2_HIGH, f + fma(-0.5f32, square, small))
}

/// `P(f)` by Estrin's scheme.
#[cube]
fn polynomial(f: f32, square: f32) -> f32 {
    let low = fma(fma(-0.166_233_57f32, f, 0.200_012_27f32), square, fma(-0.250_008_2f32, f, 0.333_333_3f32));
    let high =
        fma(fma(-0.076_344_95f32, f, 0.127_615_75f32), square, fma(-0.131_601_82f32, f, 0.142_017_58f32));
    fma(high, square * square, low)
}

/// `ln x` for a positive, finite `x` that is not subnormal.
#[cube]
pub(crate) fn ln_normal(x: f32, #[comptime] math: Math) -> f32 {
    if comptime!(approximate(math)) { ln_of_device(x, math) } else { ln_of_parts(split(x)) }
}

/// `ln(1 − x)` for `x` in [0, ½].
#[cube]
pub(crate) fn ln_complement(x: f32) -> f32 {
    ln_of_parts(complement(x))
}

/// `−ln u` for `u` in (0, 1), given as its distance to the nearer end, negative if that end is one.
#[cube]
pub(crate) fn minus_ln_at(distance: f32, #[comptime] math: Math) -> f32 {
    let upper = distance < 0.0;
    let nearer = distance.abs();
    if comptime!(approximate(math)) {
        // The device's logarithm is good to a part of the result only away from 1.
        let far = -ln_of_device(select(upper, 1.0f32 - nearer, nearer), math);
        select(distance < 0.0f32 && nearer < NEAR_ONE, nearer * ln_series(nearer), far)
    } else {
        let (whole, rest) = (split(nearer), complement(nearer));
        let exponent = select(upper, rest.exponent, whole.exponent);
        -ln_of_parts(Parts { exponent, rest: select(upper, rest.rest, whole.rest) })
    }
}

/// `exp x` for `x` up to 40. NaN passes through.
#[cube]
pub(crate) fn exp_of_gap(x: f32, #[comptime] math: Math) -> f32 {
    if comptime!(math == Math::Special) {
        exp2_special(x * LOG2_E)
    } else if comptime!(math == Math::Platform) {
        exp_of_platform(x)
    } else {
        let x = select(x < -104.0f32, -104.0f32, x);
        let power = nearest_power(x, math);
        let n = power.exponent;
        let r = fma(n, -LN_2_LOW, fma(n, -LN_2_HIGH, x));
        let square = r * r;
        let high = fma(0.001_381_446_4f32, square, fma(0.008_368_78f32, r, 0.041_668_396f32));
        let q = fma(high, square, fma(0.166_665_2f32, r, 0.499_999_94f32));
        (1.0f32 + fma(q, square, r)) * power.raised * DOWN
    }
}

/// 2^64 in the exponent bits of a float, and 2^-64: their product keeps powers from 2^-150 on normal.
const UP: u32 = (127 + 64) << 23;
const DOWN: f32 = 1.0 / 18_446_744_073_709_551_616.0;

/// `n`, and 2^(n + 64).
#[derive(CubeType, Clone, Copy)]
struct Power {
    exponent: f32,
    raised: f32,
}

/// The power of two nearest to `exp x`.
#[cube]
fn nearest_power(x: f32, #[comptime] math: Math) -> Power {
    if comptime!(math == Math::Exact) {
        // Adding it rounds to an integer, which is then in the lowest bits; the shift leaves only those.
        let shifted = fma(x, LOG2_E, 12_582_912.0f32);
        let raised = f32::reinterpret((u32::reinterpret(shifted) << 23) + UP);
        Power { exponent: shifted - 12_582_912.0f32, raised }
    } else {
        let exponent = (x * LOG2_E).round();
        let raised = f32::reinterpret((u32::reinterpret(i32::cast_from(exponent)) << 23) + UP);
        Power { exponent, raised }
    }
}

/// Above this distance from 1 the device's logarithm has an error of 2^-22 in at least 0.13.
const NEAR_ONE: f32 = 0.125;

/// `−ln(1 − x) / x` for `x` below [`NEAR_ONE`], within 6e-7.
#[cube]
fn ln_series(x: f32) -> f32 {
    let high = fma(fma(1.0f32 / 6.0f32, x, 0.2f32), x, 0.25f32);
    fma(fma(fma(high, x, 1.0f32 / 3.0f32), x, 0.5f32), x, 1.0f32)
}

/// `−log₂ u`, given by its distance, and `log₂` and `2^x`, by the special function unit.
#[cube]
pub(crate) fn minus_log2_at(distance: f32) -> f32 {
    let upper = distance < 0.0f32;
    let far = -log2_special(select(upper, 1.0f32 + distance, distance));
    let near = -distance * LOG2_E * ln_series(-distance);
    select(distance > -NEAR_ONE && upper, near, far)
}

/// Whether the device's own instructions are used.
fn approximate(math: Math) -> bool {
    matches!(math, Math::Special | Math::Platform)
}

#[cube]
fn ln_of_device(x: f32, #[comptime] math: Math) -> f32 {
    if comptime!(math == Math::Special) { log2_special(x) * core::f32::consts::LN_2 } else { x.ln() }
}

/// The platform's exponential of a gap, with NaN passing through, whatever it is there.
#[cube]
fn exp_of_platform(x: f32) -> f32 {
    let inside = select(x < -104.0f32, -104.0f32, x);
    select(x <= 40.0f32, inside.exp(), x)
}

#[cube]
pub(crate) fn log2_special(x: f32) -> f32 {
    let out: f32;
    gpu_asm!("lg2.approx.ftz.f32 {}, {};", out(_) out, in(_) x, options(pure, nomem));
    out
}

#[cube]
pub(crate) fn exp2_special(x: f32) -> f32 {
    let out: f32;
    gpu_asm!("ex2.approx.ftz.f32 {}, {};", out(_) out, in(_) x, options(pure, nomem));
    out
}
