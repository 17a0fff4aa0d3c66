//! The log-density of the ExpConcrete distribution and its gradient.
//!
//! Maddison, Mnih and Teh (2017), appendix C.
//!
//! The units of a row walk along it: once for the largest numbers, once for sums that are measured from them, and for the
//! gradient once more. All but the first time it comes from a cache. So rows of any length take the same way.

use crate::check::{largest_of_walk, steps_of_walk};
use crate::device::{Device, Math};
use crate::elementary::{exp_of_gap, ln_normal};
use crate::faults::note_kind;
use crate::matrix::{F32, Matrix, address_type};
use crate::philox::{StreamHalves, stream_argument};
use crate::row::{Plan, Reduction, Shape, Spot, load_block, reduce, shape_argument, spot, store};
use crate::temperature::finite;
use cubecl::prelude::*;
use gumbel_kernels::{Error, Stream, check_temperature};

/// Log-density of the ExpConcrete distribution, that of the logarithm of a Gumbel-Softmax sample, at the points `y`.
///
/// ```text
/// out[r] = ln Γ(n) + (n − 1) ln tau + Σᵢ aᵢ − n ln Σᵢ exp(aᵢ),   aᵢ = lᵢ − tau yᵢ,   l = logits[r], y = y[r]
/// ```
///
/// with `n` the number of unmasked categories, over which the sums run. It is that of
/// [`gumbel_kernels::exp_concrete_log_prob`], with the same conventions: −∞ (density 0) if `y` is above −∞ at a mask, or
/// −∞ at an unmasked category; 0 for a row with a single unmasked category. What is common to the logits of a row, or to
/// its `y`, changes nothing.
///
/// `ln Γ(n)` is Stirling's series, whose largest part cancels with the sums before anything is rounded: it adds an error
/// of 4e-8 and a few roundings of `ln n + ln tau`. In all the error is within
/// 4e-7 `n (1 + |ln n + ln tau − ln Σ exp(aᵢ − max a)|)` or within 1e-6 `Σᵢ |aᵢ − max a|`, whichever is larger; with
/// [`Precision::Fast`](crate::Precision::Fast) 2e-6 `n` is added to that.
///
/// A row with logits that cannot be sampled from, or with a `y` that is NaN or +∞, or −∞ everywhere, becomes NaN, and
/// [`Device::take_fault`] names it.
///
/// # Shapes
/// `logits`, `y` `[rows, k]`; the result `[rows, 1]` in single precision.
///
/// # Errors
/// [`Error::Temperature`]; [`Error::Categories`] for rows of length 0.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::exp_concrete_log_prob;
/// let zeros = device.client().create_from_slice(&[0f32; 2].map(f32::to_le_bytes).concat());
/// let zeros = Matrix::new(zeros, 1, 2, 2, f32);
/// let density = exp_concrete_log_prob(&device, &zeros, &zeros, 1.0).unwrap();
/// let bytes = device.client().read_one(density.handle().clone()).unwrap();
/// let density = f32::from_le_bytes(bytes[..4].try_into().unwrap());
/// assert!((density + 2.0 * 2f32.ln()).abs() < 4e-6); // ln Γ(2) − 2 ln(e⁰ + e⁰)
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn exp_concrete_log_prob(
    device: &Device,
    logits: &Matrix,
    y: &Matrix,
    tau: f64,
) -> Result<Matrix, Error> {
    let tilt = checked(logits, y, tau)?;
    let [rows, k] = logits.dims();
    let out = Matrix::empty(&device.client, rows, 1, F32);
    if rows == 0 {
        return Ok(out);
    }
    let (note, call) = device.note("exp_concrete_log_prob");
    let plan = plan(device, k, &[logits, y]);
    density::launch(
        &device.client,
        plan.cube_count(rows),
        plan.cube_dim(),
        address_type(&[logits, y]),
        plan.width(),
        logits.argument(),
        y.argument(),
        out.argument(),
        note,
        shape_argument(logits),
        PointStridesLaunch::new(logits.stride as u32, y.stride as u32),
        stream_argument(Stream::new(0)),
        tilt,
        call,
        plan,
        device.math(),
        logits.dtype,
        y.dtype,
    );
    Ok(out)
}

/// Vector-Jacobian product of [`exp_concrete_log_prob`] in the logits, the points and `tau`, for the cotangent `d`.
///
/// ```text
/// cᵢ = 1 − n softmax(a)ᵢ,   aᵢ = lᵢ − tau yᵢ
/// d_logits[r, i] =  d[r] cᵢ
/// d_y[r, i]      = −d[r] tau cᵢ
/// d_tau[r]       =  d[r] ((n − 1) / tau − Σᵢ yᵢ cᵢ)
/// ```
///
/// Exactly 0 at masks, and in every entry of a row of density 0. The gradient in a shared `tau` is the sum of `d_tau`. A
/// row for which [`exp_concrete_log_prob`] is NaN becomes NaN in all three, and [`Device::take_fault`] names it.
///
/// # Shapes
/// `logits`, `y`, `d_logits`, `d_y` `[rows, k]`; `d`, `d_tau` `[rows, 1]`. `d_logits` has the type of the logits, `d_y`
/// that of `y`; `d` and `d_tau` are in single precision.
///
/// # Errors
/// Those of [`exp_concrete_log_prob`].
///
/// # Panics
/// If the shapes do not match, or `d` is not in single precision.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::exp_concrete_log_prob_vjp;
/// let matrix = |numbers: &[f32]| {
///     let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
///     Matrix::new(device.client().create_from_slice(&bytes), 1, numbers.len(), numbers.len(), f32)
/// };
/// let (logits, y, d) = (matrix(&[3f32.ln(), 0.0]), matrix(&[0.0, 0.0]), matrix(&[1.0]));
/// let [d_logits, ..] = exp_concrete_log_prob_vjp(&device, &logits, &y, &d, 0.5).unwrap();
/// let bytes = device.client().read_one(d_logits.handle().clone()).unwrap();
/// let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
/// assert!((first + 0.5).abs() < 4e-6); // 1 − 2 · 3/4
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn exp_concrete_log_prob_vjp(
    device: &Device,
    logits: &Matrix,
    y: &Matrix,
    d: &Matrix,
    tau: f64,
) -> Result<[Matrix; 3], Error> {
    let tilt = checked(logits, y, tau)?;
    let [rows, k] = logits.dims();
    assert_eq!((d.dims(), d.dtype), ([rows, 1], F32), "the cotangent must be one f32 for each row");
    let client = &device.client;
    let [d_logits, d_y] = [logits, y].map(|like| Matrix::empty(client, rows, k, like.dtype));
    let d_tau = Matrix::empty(client, rows, 1, F32);
    if rows == 0 {
        return Ok([d_logits, d_y, d_tau]);
    }
    let (note, call) = device.note("exp_concrete_log_prob_vjp");
    let plan = plan(device, k, &[logits, y, &d_logits, &d_y]);
    slopes::launch(
        client,
        plan.cube_count(rows),
        plan.cube_dim(),
        address_type(&[logits, y, d, &d_y]),
        plan.width(),
        logits.argument(),
        y.argument(),
        d.argument(),
        d_logits.argument(),
        d_y.argument(),
        d_tau.argument(),
        note,
        shape_argument(logits),
        PointStridesLaunch::new(logits.stride as u32, y.stride as u32),
        d.stride as u32,
        stream_argument(Stream::new(0)),
        tilt,
        call,
        plan,
        device.math(),
        logits.dtype,
        y.dtype,
    );
    Ok([d_logits, d_y, d_tau])
}

/// The temperature as an argument, if all arguments are valid.
fn checked(logits: &Matrix, y: &Matrix, tau: f64) -> Result<TiltLaunch, Error> {
    check_temperature(tau)?;
    logits.check()?;
    y.check()?;
    assert_eq!(logits.dims(), y.dims(), "the shapes of the logits and of the points differ");
    let tau = tau.clamp(f32::MIN_POSITIVE.into(), f32::MAX.into());
    let down = if tau < 1e15 { 2f32.powi(-40) } else { 1.0 };
    Ok(TiltLaunch::new(tau as f32, tau.ln() as f32, down))
}

/// For rows that units walk along, a block at a time.
fn plan(device: &Device, k: usize, matrices: &[&Matrix]) -> Plan {
    let short = Plan::new(&device.client, k, 0, matrices);
    Plan { blocks: 1, full: 0, ..short.unwrap_or_else(|| Plan::of_walk(&device.client, k, 0, matrices)) }
}

/// The distances between rows.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct PointStrides {
    logits: u32,
    y: u32,
}

/// The temperature.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Tilt {
    tau: f32,
    ln_tau: f32,
    /// Slopes in `tau` are summed times this, so that their parts are within the range: a power of two.
    down: f32,
}

/// What is known of a row.
#[derive(CubeType, Clone, Copy)]
struct Known {
    /// The largest logit, and the largest `y`.
    logit: f32,
    y: f32,
    /// The largest `a`; +∞ for a row of density 0.
    top: f32,
    /// The number of unmasked categories.
    n: f32,
    /// The sums of `a − top`, and of its exponential.
    gaps: f32,
    weights: f32,
    /// Whether a logit or a `y` is unfit.
    unfit: bool,
}

#[cube(launch, address_type = "dynamic")]
fn density<L: Float, Y: Float, N: Size>(
    logits: &[Vector<L, N>],
    y: &[Vector<Y, N>],
    out: &mut [f32],
    note: &[Atomic<u32>],
    shape: Shape,
    strides: PointStrides,
    stream: StreamHalves,
    tilt: Tilt,
    call: u32,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
    #[define(L)] _logits_type: ElemType,
    #[define(Y)] _y_type: ElemType,
) {
    let spot = spot(&shape, &stream, plan);
    let known = survey::<L, Y, N>(logits, y, &strides, &spot, &shape, &tilt, plan, math);
    if spot.inside && UNIT_POS_X == 0u32 {
        note_unfit(note, call, &known, &shape, spot.row);
        let inside = select(known.n == 1.0f32, 0.0f32, log_density(&known, &tilt));
        let valid = select(known.top == shape.infinity, -shape.infinity, inside);
        out[spot.row as usize] = select(known.unfit, shape.undefined, valid);
    }
}

#[cube(launch, address_type = "dynamic")]
fn slopes<L: Float, Y: Float, N: Size>(
    logits: &[Vector<L, N>],
    y: &[Vector<Y, N>],
    d: &[f32],
    d_logits: &mut [Vector<L, N>],
    d_y: &mut [Vector<Y, N>],
    d_tau: &mut [f32],
    note: &[Atomic<u32>],
    shape: Shape,
    strides: PointStrides,
    d_stride: u32,
    stream: StreamHalves,
    tilt: Tilt,
    call: u32,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
    #[define(L)] _logits_type: ElemType,
    #[define(Y)] _y_type: ElemType,
) {
    let spot = spot(&shape, &stream, plan);
    let known = survey::<L, Y, N>(logits, y, &strides, &spot, &shape, &tilt, plan, math);
    let undefined = select(known.unfit, shape.undefined, 0.0f32);
    let outside = known.top == shape.infinity;
    let d = d[spot.row as usize * d_stride as usize];
    let mut sum = 0.0f32;
    for step in 0..steps_of_walk(shape.k, &spot, plan) {
        let block = step * plan.units + UNIT_POS_X;
        let l = load_block::<L, N>(logits, block, strides.logits, &spot, shape.k, -shape.infinity, plan);
        let y = load_block::<Y, N>(y, block, strides.y, &spot, shape.k, -shape.infinity, plan);
        let mut in_logits = Array::<f32>::new(4usize);
        let mut in_y = Array::<f32>::new(4usize);
        #[unroll]
        for lane in 0..4usize {
            let a = tilted(l[lane], y[lane], &known, &tilt, shape.infinity);
            let c = deviation(a, &known, shape.infinity, math);
            let product = select(c == 0.0f32 || outside, 0.0f32, c * d) + undefined;
            in_logits[lane] = product;
            in_y[lane] = -tilt.tau * product;
            sum += select(c == 0.0f32, 0.0f32, c * (finite(y[lane] - known.y) * tilt.down));
        }
        let here = Spot { row: spot.row, inside: spot.inside, shift: spot.shift, first: step * plan.units };
        store::<L, N>(&in_logits, d_logits, shape.k, &here, shape.k, plan);
        store::<Y, N>(&in_y, d_y, shape.k, &here, shape.k, plan);
    }
    let sum = reduce::<f32>(sum, Reduction::Sum, plan);
    if spot.inside && UNIT_POS_X == 0u32 {
        note_unfit(note, call, &known, &shape, spot.row);
        let slope = ((known.n - 1.0f32) * tilt.down / tilt.tau - sum) / tilt.down;
        d_tau[spot.row as usize] = select(outside, 0.0f32, slope * d) + undefined;
    }
}

/// Two walks along a row: what both kernels need to know of it.
#[cube]
fn survey<L: Float, Y: Float, N: Size>(
    logits: &[Vector<L, N>],
    y: &[Vector<Y, N>],
    strides: &PointStrides,
    spot: &Spot,
    shape: &Shape,
    tilt: &Tilt,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
) -> Known {
    let mut known = Known {
        logit: largest_of_walk::<L, N>(logits, strides.logits, spot, shape, plan),
        y: largest_of_walk::<Y, N>(y, strides.y, spot, shape, plan),
        top: -shape.infinity,
        n: 0.0f32.runtime(),
        gaps: 0.0f32.runtime(),
        weights: 0.0f32.runtime(),
        unfit: false.runtime(),
    };
    known.unfit = known.logit.abs() == shape.infinity || known.y.abs() == shape.infinity;
    for step in 0..steps_of_walk(shape.k, spot, plan) {
        let block = step * plan.units + UNIT_POS_X;
        let l = load_block::<L, N>(logits, block, strides.logits, spot, shape.k, -shape.infinity, plan);
        let y = load_block::<Y, N>(y, block, strides.y, spot, shape.k, -shape.infinity, plan);
        let mut a = Array::<f32>::new(4usize);
        #[unroll]
        for lane in 0..4usize {
            a[lane] = tilted(l[lane], y[lane], &known, tilt, shape.infinity);
        }
        include(&a, &mut known, shape.infinity, math);
    }
    unite(&mut known, plan, math);
    known
}

/// `a = l − tau y`, measured from the largest `l` and `y`: −∞ at masks, +∞ where the density is 0.
#[cube]
fn tilted(logit: f32, y: f32, known: &Known, tilt: &Tilt, infinity: f32) -> f32 {
    let masked = logit == -infinity;
    let zero = y == -infinity;
    let a = min(finite(logit - known.logit) - tilt.tau * finite(y - known.y), f32::MAX);
    select(masked && zero, -infinity, select(masked || zero, infinity, a))
}

/// Takes four `a` into the unit's sums, which are measured from the largest so far.
#[cube]
fn include(a: &Array<f32>, known: &mut Known, infinity: f32, #[comptime] math: Math) {
    let top = max(known.top, max(max(a[0], a[1]), max(a[2], a[3])));
    move_top(known, top, math);
    #[unroll]
    for lane in 0..4usize {
        let unmasked = a[lane] > -infinity;
        let gap = a[lane] - top;
        known.n += select(unmasked, 1.0f32, 0.0f32);
        known.gaps += select(unmasked, gap, 0.0f32);
        known.weights += select(unmasked, exp_of_gap(gap, math), 0.0f32);
    }
}

/// Measures the unit's sums from another number.
#[cube]
fn move_top(known: &mut Known, top: f32, #[comptime] math: Math) {
    let moved = select(known.n == 0.0f32 || known.top == top, 0.0f32, known.top - top);
    known.gaps += known.n * moved;
    known.weights *= exp_of_gap(moved, math);
    known.top = top;
}

/// The sums of the row in place of those of its units.
#[cube]
fn unite(known: &mut Known, #[comptime] plan: Plan, #[comptime] math: Math) {
    let top = reduce::<f32>(known.top, Reduction::Max, plan);
    move_top(known, top, math);
    known.n = reduce::<f32>(known.n, Reduction::Sum, plan);
    known.gaps = reduce::<f32>(known.gaps, Reduction::Sum, plan);
    known.weights = reduce::<f32>(known.weights, Reduction::Sum, plan);
}

/// `1 − n softmax(a)`, and 0 at a mask.
#[cube]
fn deviation(a: f32, known: &Known, infinity: f32, #[comptime] math: Math) -> f32 {
    let weight = exp_of_gap(a - known.top, math);
    select(a == -infinity, 0.0f32, 1.0f32 - weight * (known.n / known.weights))
}

/// The log-density. With Stirling's series `ln Γ(n) = n (ln n − 1) + (ln 2π − ln n) / 2 + rest(n)`.
#[cube]
fn log_density(known: &Known, tilt: &Tilt) -> f32 {
    let ln_n = ln_normal(known.n, Math::Exact);
    let each = ln_n + tilt.ln_tau - ln_normal(known.weights, Math::Exact) - 1.0f32;
    let half_ln_two_pi = 0.918_938_5f32;
    let once = half_ln_two_pi - 0.5f32 * ln_n - tilt.ln_tau + rest_of_stirling(known.n);
    known.gaps + (known.n * each + once)
}

/// `1/(12 n) − 1/(360 n³) + 1/(1260 n⁵)`, within 4e-8 of the rest of Stirling's series from 4 on, and below it the rest.
#[cube]
fn rest_of_stirling(n: f32) -> f32 {
    let inverse = 1.0f32 / n;
    let square = inverse * inverse;
    let series = inverse * (0.083_333_333f32 - square * (0.002_777_777_8f32 - square * 0.000_793_650_8f32));
    let of_two = select(n == 2.0f32, 0.041_340_696f32, series);
    select(n == 3.0f32, 0.027_677_926f32, of_two)
}

/// Notes a row with an unfit logit or point.
#[cube]
fn note_unfit(note: &[Atomic<u32>], call: u32, known: &Known, shape: &Shape, row: u32) {
    if known.unfit {
        let masked = known.logit == -shape.infinity;
        let logit = known.logit == shape.infinity;
        note_kind(note, call, row, select(logit, 0u32, select(masked, 1u32, 3u32)));
    }
}
