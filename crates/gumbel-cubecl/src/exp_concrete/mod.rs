//! The log-density of the ExpConcrete distribution and its gradient.
//!
//! Maddison, Mnih and Teh (2017), appendix C.

mod kernel;

use crate::device::Device;
use crate::matrix::{F32, Matrix, address_type};
use crate::philox::stream_argument;
use crate::row::{Plan, shape_argument};
use gumbel_kernels::{Error, Stream, check_temperature};
use kernel::{PointStridesLaunch, TiltLaunch, density, slopes};

pub use kernel::AtMasks;

/// Log-density of the ExpConcrete distribution, that of the logarithm of a Gumbel-Softmax sample, at the points `y`.
///
/// ```text
/// out[r] = ln Γ(n) + (n − 1) ln tau + Σᵢ aᵢ − n ln Σᵢ exp(aᵢ),   aᵢ = lᵢ − tau yᵢ,   l = logits[r], y = y[r]
/// ```
///
/// with `n` the number of unmasked categories, over which the sums run. With [`AtMasks::NothingElse`] it is that of
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
/// use gumbel_cubecl::{AtMasks, exp_concrete_log_prob};
/// let zeros = device.client().create_from_slice(&[0f32; 2].map(f32::to_le_bytes).concat());
/// let zeros = Matrix::new(zeros, 1, 2, 2, f32);
/// let density = exp_concrete_log_prob(&device, &zeros, &zeros, 1.0, AtMasks::NothingElse).unwrap();
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
    at_masks: AtMasks,
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
        at_masks,
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
/// use gumbel_cubecl::{AtMasks, exp_concrete_log_prob_vjp};
/// let matrix = |numbers: &[f32]| {
///     let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
///     Matrix::new(device.client().create_from_slice(&bytes), 1, numbers.len(), numbers.len(), f32)
/// };
/// let (logits, y, d) = (matrix(&[3f32.ln(), 0.0]), matrix(&[0.0, 0.0]), matrix(&[1.0]));
/// let at_masks = AtMasks::NothingElse;
/// let [d_logits, ..] = exp_concrete_log_prob_vjp(&device, &logits, &y, &d, 0.5, at_masks).unwrap();
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
    at_masks: AtMasks,
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
        at_masks,
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
