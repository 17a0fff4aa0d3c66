//! The units of a row walk along it: once for the largest numbers, once for sums that are measured from them, and for the
//! gradient once more. All but the first time it comes from a cache. So rows of any length take the same way.

use crate::check::steps_of_walk;
use crate::device::Math;
use crate::elementary::{exp_of_gap, ln_normal};
use crate::faults::note_kind;
use crate::philox::StreamHalves;
use crate::row::{Plan, Reduction, Shape, Spot, load_block, reduce, spot, store};
use crate::temperature::finite;
use cubecl::prelude::*;

/// What the coordinates of a point are at masked categories.
///
/// ```
/// use gumbel_cubecl::AtMasks;
/// let density = |masked_coordinate: f32, at_masks| match at_masks {
///     AtMasks::NothingElse if masked_coordinate > f32::NEG_INFINITY => 0.0,
///     _ => 1.0, // that of the other coordinates
/// };
/// assert_eq!([AtMasks::NothingElse, AtMasks::Ignored].map(|at_masks| density(0.5, at_masks)), [0.0, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtMasks {
    /// −∞, or the density is 0: a point with mass on a mask is impossible.
    NothingElse,
    /// Ignored: the density is that of the other coordinates.
    Ignored,
}

/// The distances between rows.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct PointStrides {
    pub logits: u32,
    pub y: u32,
}

/// The temperature.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Tilt {
    pub tau: f32,
    pub ln_tau: f32,
    /// Slopes in `tau` are summed times this, so that their parts are within the range: a power of two.
    pub down: f32,
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

/// The log-density of a row.
#[cube(launch, address_type = "dynamic")]
pub(super) fn density<L: Float, Y: Float, N: Size>(
    logits: &[Vector<L, N>],
    y: &[Vector<Y, N>],
    out: &mut [f32],
    note: &[Atomic<u32>],
    shape: Shape,
    strides: PointStrides,
    stream: StreamHalves,
    tilt: Tilt,
    call: u32,
    #[comptime] at_masks: AtMasks,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
    #[define(L)] _logits_type: ElemType,
    #[define(Y)] _y_type: ElemType,
) {
    let spot = spot(&shape, &stream, plan);
    let known = survey::<L, Y, N>(logits, y, &strides, &spot, &shape, &tilt, at_masks, plan, math);
    if spot.inside && UNIT_POS_X == 0u32 {
        note_unfit(note, call, &known, &shape, spot.row);
        let inside = select(known.n == 1.0f32, 0.0f32, log_density(&known, &tilt));
        let valid = select(known.top == shape.infinity, -shape.infinity, inside);
        out[spot.row as usize] = select(known.unfit, shape.undefined, valid);
    }
}

/// Its slopes in the logits, the point and the temperature.
#[cube(launch, address_type = "dynamic")]
pub(super) fn slopes<L: Float, Y: Float, N: Size>(
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
    #[comptime] at_masks: AtMasks,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
    #[define(L)] _logits_type: ElemType,
    #[define(Y)] _y_type: ElemType,
) {
    let spot = spot(&shape, &stream, plan);
    let known = survey::<L, Y, N>(logits, y, &strides, &spot, &shape, &tilt, at_masks, plan, math);
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
            let a = tilted(l[lane], y[lane], &known, &tilt, shape.infinity, at_masks);
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
    #[comptime] at_masks: AtMasks,
    #[comptime] plan: Plan,
    #[comptime] math: Math,
) -> Known {
    let largest = largest::<L, Y, N>(logits, y, strides, spot, shape, at_masks, plan);
    let mut known = Known {
        logit: largest.logit,
        y: largest.y,
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
            a[lane] = tilted(l[lane], y[lane], &known, tilt, shape.infinity, at_masks);
        }
        include(&a, &mut known, shape.infinity, math);
    }
    unite(&mut known, plan, math);
    known
}

/// The largest logit of a row, and the largest coordinate of its point; +∞ if one is NaN or +∞.
#[derive(CubeType, Clone, Copy)]
struct Largest {
    logit: f32,
    y: f32,
}

#[cube]
fn largest<L: Float, Y: Float, N: Size>(
    logits: &[Vector<L, N>],
    y: &[Vector<Y, N>],
    strides: &PointStrides,
    spot: &Spot,
    shape: &Shape,
    #[comptime] at_masks: AtMasks,
    #[comptime] plan: Plan,
) -> Largest {
    let mut largest = Largest { logit: -shape.infinity, y: -shape.infinity };
    for step in 0..steps_of_walk(shape.k, spot, plan) {
        let block = step * plan.units + UNIT_POS_X;
        let l = load_block::<L, N>(logits, block, strides.logits, spot, shape.k, -shape.infinity, plan);
        let y = load_block::<Y, N>(y, block, strides.y, spot, shape.k, -shape.infinity, plan);
        #[unroll]
        for lane in 0..4usize {
            let point = if comptime!(at_masks == AtMasks::Ignored) {
                select(l[lane] == -shape.infinity, -shape.infinity, y[lane])
            } else {
                y[lane]
            };
            largest.logit = max(largest.logit, select(l[lane] < shape.infinity, l[lane], shape.infinity));
            largest.y = max(largest.y, select(point < shape.infinity, point, shape.infinity));
        }
    }
    Largest {
        logit: reduce::<f32>(largest.logit, Reduction::Max, plan),
        y: reduce::<f32>(largest.y, Reduction::Max, plan),
    }
}

/// `a = l − tau y`, measured from the largest `l` and `y`: −∞ at masks, +∞ where the density is 0.
#[cube]
fn tilted(
    logit: f32,
    y: f32,
    known: &Known,
    tilt: &Tilt,
    infinity: f32,
    #[comptime] at_masks: AtMasks,
) -> f32 {
    let masked = logit == -infinity;
    let zero = y == -infinity;
    let absent = if comptime!(at_masks == AtMasks::Ignored) { masked } else { masked && zero };
    let a = min(finite(logit - known.logit) - tilt.tau * finite(y - known.y), f32::MAX);
    select(absent, -infinity, select(masked || zero, infinity, a))
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
