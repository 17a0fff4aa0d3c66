//! `ln`, `exp` and `tanh` of `f32`, as plain arithmetic without branches or tables, so that a flat loop over
//! them compiles to vector instructions.
//!
//! The polynomials are minimax fits (Remez) of the relative error. Error bounds are in units in the last place
//! (ulp) of the result, with and without fused multiply-add, over every `f32`: see the test `exhaustive`.

/// `a · b + c`, rounded once if `FMA`, else twice: without the instruction, a fused one is a slow library call.
#[inline(always)]
pub(crate) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// ln 2 in two parts. The first has few enough bits for its product with an exponent to be exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// The bits of √½, the lower end of the reduced arguments.
const LEAST: u32 = 0x3f35_04f3;

/// `ln x` for every `x`, within 1 ulp.
#[inline(always)]
pub(crate) fn ln<const FMA: bool>(x: f32) -> f32 {
    const UP: f32 = (1 << 23) as f32;
    let subnormal = x < f32::MIN_POSITIVE;
    let (normal, shift) = if subnormal { (x * UP, 23) } else { (x, 0) };
    let (exponent, rest) = split(normal);
    let inside = ln_of_parts::<FMA>((exponent - shift) as f32, rest);
    let above_zero = if x < f32::INFINITY { inside } else { x };
    if x > 0.0 {
        above_zero
    } else if x == 0.0 {
        f32::NEG_INFINITY
    } else {
        f32::NAN
    }
}

/// `ln x` for a positive, finite `x` that is not subnormal.
#[inline(always)]
pub(crate) fn ln_normal<const FMA: bool>(x: f32) -> f32 {
    let (exponent, rest) = split(x);
    ln_of_parts::<FMA>(exponent as f32, rest)
}

/// `ln(1 − x)` for `x` in [0, ½], within 1 ulp. Both reduced arguments are exact.
#[inline(always)]
pub(crate) fn ln_complement<const FMA: bool>(x: f32) -> f32 {
    let (exponent, rest) = complement(x);
    ln_of_parts::<FMA>(exponent, rest)
}

/// `−ln u` within 1 ulp, for `u` in (0, 1) given as its distance in (0, ½] to the nearer end, negative if that
/// end is one.
#[inline(always)]
pub(crate) fn minus_ln_at<const FMA: bool>(distance: f32) -> f32 {
    let (exponent, rest) = split(distance.abs());
    let (exponent, rest) = if distance < 0.0 { complement(-distance) } else { (exponent as f32, rest) };
    -ln_of_parts::<FMA>(exponent, rest)
}

/// `1 − x = 2^exponent (1 + rest)` for `x` in [0, ½].
#[inline(always)]
fn complement(x: f32) -> (f32, f32) {
    if x < 1.0 - core::f32::consts::FRAC_1_SQRT_2 { (0.0, -x) } else { (-1.0, 1.0 - 2.0 * x) }
}

/// `x = 2^exponent (1 + rest)` with `1 + rest` in [√½, √2).
#[inline(always)]
fn split(x: f32) -> (i32, f32) {
    let offset = x.to_bits().wrapping_sub(LEAST);
    let mantissa = f32::from_bits((offset & 0x007f_ffff) + LEAST);
    (offset as i32 >> 23, mantissa - 1.0)
}

/// `exponent · ln 2 + ln(1 + f)`, where `ln(1 + f) = f − f²/2 + f³ P(f)`.
#[inline(always)]
fn ln_of_parts<const FMA: bool>(exponent: f32, f: f32) -> f32 {
    let square = f * f;
    let p = polynomial::<FMA>(f, square);
    let small = mul_add::<FMA>(p * f, square, exponent * LN_2[1]);
    mul_add::<FMA>(exponent, LN_2[0], f + mul_add::<FMA>(-0.5, square, small))
}

/// `P(f)` by Estrin's scheme, whose chain of dependent steps is a third as long as Horner's.
#[inline(always)]
fn polynomial<const FMA: bool>(f: f32, square: f32) -> f32 {
    let line = |slope, constant| mul_add::<FMA>(slope, f, constant);
    let low = mul_add::<FMA>(line(-0.166_233_57, 0.200_012_27), square, line(-0.250_008_2, 0.333_333_3));
    let high = mul_add::<FMA>(line(-0.076_344_95, 0.127_615_75), square, line(-0.131_601_82, 0.142_017_58));
    mul_add::<FMA>(high, square * square, low)
}

/// `exp x` for every `x`, within 1.1 ulp.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    // Beyond these the result rounds to 0 and to infinity. NaN passes through.
    const LOWEST: f32 = -104.0;
    const HIGHEST: f32 = 89.0;
    // Adding it rounds to an integer, which is then in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < LOWEST { LOWEST } else { x };
    let x = if x > HIGHEST { HIGHEST } else { x };
    let shifted = mul_add::<FMA>(x, core::f32::consts::LOG2_E, ROUND);
    let p = exp_of_rest::<FMA>(x, shifted - ROUND);
    // In two factors, because 2^n alone can overflow or underflow.
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    p * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// `exp x` for `x` up to 40, within 1.1 ulp. The weights of a softmax have no exponent above 0.
///
/// A power of two from 2^-150 to 2^58 is one float times a constant, where [`exp`] needs two floats.
#[inline(always)]
pub(crate) fn exp_of_gap<const FMA: bool>(x: f32) -> f32 {
    const LOWEST: f32 = -104.0;
    const ROUND: f32 = 12_582_912.0;
    /// 2^-64, and the exponent bits of 2^64.
    const DOWN: f32 = 1.0 / 18_446_744_073_709_551_616.0;
    const UP: u32 = (127 + 64) << 23;
    let x = if x < LOWEST { LOWEST } else { x };
    let shifted = mul_add::<FMA>(x, core::f32::consts::LOG2_E, ROUND);
    let p = exp_of_rest::<FMA>(x, shifted - ROUND);
    // The shift leaves only the bits of n.
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(UP)) * DOWN
}

/// `exp(x − n ln 2)`.
#[inline(always)]
fn exp_of_rest<const FMA: bool>(x: f32, n: f32) -> f32 {
    let r = mul_add::<FMA>(n, -LN_2[1], mul_add::<FMA>(n, -LN_2[0], x));
    let square = r * r;
    let high = mul_add::<FMA>(0.001_381_446_4, square, mul_add::<FMA>(0.008_368_78, r, 0.041_668_396));
    let q = mul_add::<FMA>(high, square, mul_add::<FMA>(0.166_665_2, r, 0.499_999_94));
    1.0 + mul_add::<FMA>(q, square, r)
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// `ln(1 + x)` for `x` in [0, 1], within 1.5 ulp.
#[inline(always)]
pub(crate) fn ln_1p<const FMA: bool>(x: f32) -> f32 {
    // 1 + x = 2^exponent (1 + rest): exact above one half, and within half an ulp between √2 − 1 and that.
    let wide = x >= core::f32::consts::SQRT_2 - 1.0;
    let (exponent, rest) = if wide { (1.0, (x - 1.0) * 0.5) } else { (0.0, x) };
    ln_of_parts::<FMA>(exponent, rest)
}

/// `tanh(x / 2)` for every `x`, within 3 ulp.
#[inline(always)]
pub(crate) fn tanh_half<const FMA: bool>(x: f32) -> f32 {
    let (half, square) = (0.5 * x, 0.25 * x * x);
    // The first five terms of the power series, for small x, where 1 − e^−|x| loses digits.
    let high = mul_add::<FMA>(62.0 / 2835.0, square, -17.0 / 315.0);
    let low = mul_add::<FMA>(mul_add::<FMA>(high, square, 2.0 / 15.0), square, -1.0 / 3.0);
    let near = mul_add::<FMA>(low * square, half, half);
    let e = exp::<FMA>(-x.abs());
    let far = ((1.0 - e) / (1.0 + e)).copysign(x);
    if x.abs() < 0.6 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::ulps;
    use rayon::prelude::*;

    /// The largest errors of `ln` and `exp` over every `step`-th bit pattern, and of `−ln u` near 0 and near 1
    /// over every `step`-th distance.
    fn largest_errors<const FMA: bool>(step: usize) -> [f64; 4] {
        let pieces = (0..256u32).into_par_iter().map(|piece| errors_of_piece::<FMA>(piece, step));
        pieces.reduce(|| [0.0; 4], |a, b| core::array::from_fn(|which| a[which].max(b[which])))
    }

    /// The largest errors over the floats with these leading bits.
    fn errors_of_piece<const FMA: bool>(piece: u32, step: usize) -> [f64; 4] {
        let mut largest = [0f64; 4];
        let mut note = |which: usize, x: f32, value: f32, exact: f64| {
            let error = ulps(value, exact);
            assert!(!error.is_nan(), "function {which} of {x:e} is {value}, not {exact}");
            largest[which] = largest[which].max(error);
        };
        let first = piece as usize % step;
        for bits in (first..1 << 24).step_by(step) {
            let x = f32::from_bits(piece << 24 | bits as u32);
            let wide = f64::from(x);
            note(0, x, ln::<FMA>(x), wide.ln());
            note(1, x, exp::<FMA>(x), wide.exp());
            assert!(x > 40.0 || exp_of_gap::<FMA>(x).to_bits() == exp::<FMA>(x).to_bits() || x.is_nan());
            if (2f32.powi(-97)..=0.5).contains(&x) {
                note(2, x, minus_ln_at::<FMA>(x), -wide.ln());
                note(3, x, minus_ln_at::<FMA>(-x), -(-wide).ln_1p());
                assert_eq!(minus_ln_at::<FMA>(-x), -ln_complement::<FMA>(x));
                assert_eq!(ln_normal::<FMA>(x), ln::<FMA>(x));
            }
        }
        largest
    }

    fn assert_bounds<const FMA: bool>(step: usize) {
        let errors = largest_errors::<FMA>(step);
        println!("fused {FMA}: ln, exp, -ln u at the lower and at the upper end: {errors:.3?} ulp");
        for (error, bound) in errors.into_iter().zip([1.0, 1.1, 1.0, 1.0]) {
            assert!(error < bound, "fused {FMA}: {errors:?} ulp");
        }
    }

    #[test]
    fn error_bounds_hold_on_a_sample_of_all_floats() {
        assert_bounds::<false>(997);
        assert_bounds::<true>(997);
    }

    /// `cargo test --release -p gumbel-kernels --lib -- --ignored exhaustive` takes some minutes.
    #[test]
    #[ignore = "takes minutes: all 2^32 inputs"]
    fn exhaustive() {
        assert_bounds::<false>(1);
    }

    #[test]
    #[ignore = "takes minutes: all 2^32 inputs"]
    fn exhaustive_fused() {
        assert_bounds::<true>(1);
    }

    #[test]
    fn error_bounds_of_ln_1p_and_tanh_half_hold() {
        let mut largest = [0f64; 2];
        for bits in (0..f32::INFINITY.to_bits()).step_by(61) {
            let x = f32::from_bits(bits);
            let wide = f64::from(x);
            if x <= 1.0 {
                let values = [ln_1p::<false>(x), ln_1p::<true>(x)];
                largest[0] = values.into_iter().fold(largest[0], |max, v| max.max(ulps(v, wide.ln_1p())));
            }
            for (x, wide) in [(x, wide), (-x, -wide)] {
                let values = [tanh_half::<false>(x), tanh_half::<true>(x)];
                largest[1] =
                    values.into_iter().fold(largest[1], |max, v| max.max(ulps(v, (wide / 2.0).tanh())));
            }
        }
        println!("ln(1 + x), tanh(x / 2): {largest:.3?} ulp");
        assert!(largest[0] < 1.5 && largest[1] < 3.0, "{largest:?} ulp");
        assert!(tanh_half::<false>(f32::NAN).is_nan() && tanh_half::<false>(f32::NEG_INFINITY) == -1.0);
    }

    #[test]
    fn special_values_are_exact() {
        assert_eq!(ln::<false>(1.0), 0.0);
        assert_eq!(ln::<false>(0.0), f32::NEG_INFINITY);
        assert_eq!(ln::<false>(f32::INFINITY), f32::INFINITY);
        assert!(ln::<false>(-1.0).is_nan() && ln::<false>(f32::NAN).is_nan());
        assert_eq!(exp::<false>(0.0), 1.0);
        assert_eq!(exp::<false>(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp::<false>(f32::INFINITY), f32::INFINITY);
        assert!(exp::<false>(f32::NAN).is_nan() && exp_of_gap::<false>(f32::NAN).is_nan());
    }
}
