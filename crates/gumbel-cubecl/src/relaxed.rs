//! Launches of the relaxed samples, short rows and long.

use crate::device::{Device, Math, Precision};
use crate::gumbel_max::gumbel_max;
use crate::long::{self, Origin, Stored};
use crate::matrix::{F32, Matrix, address_type};
use crate::one_hot::one_hot;
use crate::philox::stream_argument;
use crate::row::{Plan, shape_argument};
use crate::softmax::{Form, StridesLaunch, Variant, forward};
use crate::temperature::{Range, temperature_argument};
use crate::vjp::{Saved, VjpStridesLaunch, inverse_argument, pull_back};
use gumbel_kernels::{Error, Stream, check_temperature};

/// Gumbel-Softmax samples of rows of logits: the relaxed sample, its logarithm, or the exact one-hot sample that the
/// largest entry of the relaxed one marks.
///
/// The noise is that of [`gumbel_kernels::gumbel_softmax`] for the same stream. Logits and samples are in the type of the
/// matrix, and everything is computed in single precision.
///
/// A row that cannot be sampled from (a logit that is NaN or +∞, or nothing but masks) becomes NaN, and
/// [`Device::take_fault`] names it.
///
/// # Shapes
/// `logits` and the result `[rows, k]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`]; [`Error::Categories`] for rows of length 0.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::{Form, gumbel_softmax};
/// let logits = device.client().create_from_slice(&[1f32, 0.0].map(f32::to_le_bytes).concat());
/// let logits = Matrix::new(logits, 1, 2, 2, f32);
/// let y = gumbel_softmax(&device, &logits, 0.5, gumbel_kernels::Stream::new(7), Form::Soft).unwrap();
/// let bytes = device.client().read_one(y.handle().clone()).unwrap();
/// let [first, second] = [0, 4].map(|i| f32::from_le_bytes(bytes[i..i + 4].try_into().unwrap()));
/// assert!((first + second - 1.0).abs() < 1e-6);
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn gumbel_softmax(
    device: &Device,
    logits: &Matrix,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Result<Matrix, Error> {
    Call::new(logits, tau, stream, form, true)?.run(device, "gumbel_softmax")
}

/// `softmax(logits / tau)`, or its logarithm.
///
/// # Shapes
/// `logits` and the result `[rows, k]`.
///
/// # Errors
/// Those of [`gumbel_softmax`].
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::softmax;
/// let logits = device.client().create_from_slice(&[3f32.ln(), 0.0].map(f32::to_le_bytes).concat());
/// let p = softmax(&device, &Matrix::new(logits, 1, 2, 2, f32), 1.0, false).unwrap();
/// let bytes = device.client().read_one(p.handle().clone()).unwrap();
/// let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
/// assert!((first - 0.75).abs() < 1e-6);
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn softmax(device: &Device, logits: &Matrix, tau: f64, log: bool) -> Result<Matrix, Error> {
    let form = if log { Form::Log } else { Form::Soft };
    Call::new(logits, tau, Stream::new(0), form, false)?.run(device, "softmax")
}

/// Vector-Jacobian product in the logits of a relaxed sample `y`, or of its logarithm, for the cotangent `dy`.
///
/// # Shapes
/// `y`, `dy` and the result `[rows, k]`.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Categories`].
///
/// # Panics
/// If the shapes differ, or the types, or for [`Form::OneHot`], which has no derivative.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::{Form, gumbel_softmax_vjp};
/// let [y, dy] = [[0.5f32, 0.5], [1.0, 0.0]].map(|row| {
///     let row = device.client().create_from_slice(&row.map(f32::to_le_bytes).concat());
///     Matrix::new(row, 1, 2, 2, f32)
/// });
/// let gradient = gumbel_softmax_vjp(&device, &y, &dy, 0.5, Form::Soft).unwrap();
/// let bytes = device.client().read_one(gradient.handle().clone()).unwrap();
/// let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
/// assert!((first - 0.5).abs() < 1e-6); // y₀ (dy₀ − Σ y dy) / tau
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn gumbel_softmax_vjp(
    device: &Device,
    y: &Matrix,
    dy: &Matrix,
    tau: f64,
    form: Form,
) -> Result<Matrix, Error> {
    assert!(form != Form::OneHot, "a one-hot sample has no derivative; pass the logits");
    Call::new(y, tau, Stream::new(0), form, false)?.pull_back(device, dy, Saved::Sample(form))
}

/// The same product with nothing saved: the relaxed sample is recomputed from the logits and the stream.
///
/// It costs a fifth more time than a saved sample, and none of its memory.
///
/// # Shapes
/// `logits`, `dy` and the result `[rows, k]`; the numbers of the stream are those of [`gumbel_softmax`].
///
/// # Errors
/// Those of [`gumbel_softmax`].
///
/// # Panics
/// If the shapes differ, or the types.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::gumbel_softmax_vjp_from_logits;
/// let [logits, dy] = [[0f32, 0.0], [1.0, 0.0]].map(|row| {
///     let row = device.client().create_from_slice(&row.map(f32::to_le_bytes).concat());
///     Matrix::new(row, 1, 2, 2, f32)
/// });
/// let stream = gumbel_kernels::Stream::new(7);
/// let gradient = gumbel_softmax_vjp_from_logits(&device, &logits, &dy, 0.5, stream).unwrap();
/// let bytes = device.client().read_one(gradient.handle().clone()).unwrap();
/// let [first, second] = [0, 4].map(|i| f32::from_le_bytes(bytes[i..i + 4].try_into().unwrap()));
/// assert!(first > 0.0 && (first + second).abs() < 1e-6); // the sample stays normalised
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn gumbel_softmax_vjp_from_logits(
    device: &Device,
    logits: &Matrix,
    dy: &Matrix,
    tau: f64,
    stream: Stream,
) -> Result<Matrix, Error> {
    Call::new(logits, tau, stream, Form::Soft, true)?.pull_back(device, dy, Saved::Logits)
}

/// The arguments of a launch.
struct Call<'a> {
    input: &'a Matrix,
    tau: f32,
    stream: Stream,
    form: Form,
    noisy: bool,
}

impl<'a> Call<'a> {
    fn new(input: &'a Matrix, tau: f64, stream: Stream, form: Form, noisy: bool) -> Result<Self, Error> {
        check_temperature(tau)?;
        input.check()?;
        let tau = tau.clamp(f32::MIN_POSITIVE.into(), f32::MAX.into()) as f32;
        Ok(Self { input, tau, stream, form, noisy })
    }

    fn variant(&self, device: &Device, plan: Plan) -> Variant {
        let range = Range::of(self.tau);
        Variant { plan, form: self.form, noisy: self.noisy, math: self.math(device, range), range }
    }

    /// The special function unit serves samples at moderate temperatures; the rest costs less than the memory.
    fn math(&self, device: &Device, range: Range) -> Math {
        let sample = self.noisy && self.form != Form::Log && range == Range::Moderate;
        match device.math() {
            Math::Special if !sample => Math::Exact,
            math => math,
        }
    }

    /// The position in the stream, which matters only if there is noise.
    fn position(&self) -> u64 {
        if self.noisy { self.stream.parts().2 } else { 0 }
    }

    fn run(&self, device: &Device, name: &'static str) -> Result<Matrix, Error> {
        let [rows, k] = self.input.dims();
        let out = Matrix::empty(&device.client, rows, k, self.input.dtype);
        if rows == 0 {
            return Ok(out);
        }
        match Plan::new(&device.client, k, self.position(), &[self.input, &out]) {
            Some(plan) => self.run_short(device, name, plan, &out),
            None if self.form == Form::OneHot => {
                let index = gumbel_max(device, self.input, self.stream)?;
                one_hot(device, &index, &out);
            }
            None => self.run_long(device, name, &out),
        }
        Ok(out)
    }

    fn run_short(&self, device: &Device, name: &'static str, plan: Plan, out: &Matrix) {
        let variant = self.variant(device, plan);
        let (note, call) = device.note(name);
        forward::launch(
            &device.client,
            plan.cube_count(self.input.rows),
            plan.cube_dim(),
            address_type(&[self.input, out]),
            plan.width(),
            self.input.argument(),
            out.argument(),
            note,
            shape_argument(self.input),
            StridesLaunch::new(self.input.stride as u32, out.stride as u32),
            stream_argument(self.stream),
            temperature_argument(self.tau),
            call,
            variant,
            self.input.dtype,
            out.dtype,
        );
    }

    /// The largest logits first, if keys must be those of the CPU; then weights; then their sums.
    fn run_long(&self, device: &Device, name: &'static str, out: &Matrix) {
        let (client, input) = (device.client.clone(), self.input);
        let (plan, pieces) = Plan::of_pieces(&client, input.k, self.position(), &[input, out]);
        let variant = self.variant(device, plan);
        let exact = device.precision() == Precision::Exact || variant.range != Range::Moderate;
        let origin = if exact || !self.noisy { Origin::Row } else { Origin::Piece };
        let halves = out.dtype != F32;
        let stored = if origin == Origin::Piece || halves { Stored::Weights } else { Stored::Keys };
        let count = || plan.cube_count(input.rows * pieces as usize);
        let [largest, tops, sums] =
            std::array::from_fn(|_| Matrix::empty(&client, input.rows, pieces as usize, F32));
        let address = address_type(&[input, out]);
        let strides = StridesLaunch::new(input.stride as u32, out.stride as u32);
        if origin == Origin::Row {
            long::maxima::launch(
                &client,
                count(),
                plan.cube_dim(),
                address,
                plan.width(),
                input.argument(),
                largest.argument(),
                shape_argument(input),
                input.stride as u32,
                stream_argument(self.stream),
                pieces,
                variant,
                input.dtype,
            );
        }
        long::weigh::launch(
            &client,
            count(),
            plan.cube_dim(),
            address,
            plan.width(),
            input.argument(),
            out.argument(),
            largest.argument(),
            tops.argument(),
            sums.argument(),
            shape_argument(input),
            strides,
            stream_argument(self.stream),
            temperature_argument(self.tau),
            pieces,
            origin,
            stored,
            variant,
            input.dtype,
            out.dtype,
        );
        let (note, call) = device.note(name);
        long::scale::launch(
            &client,
            count(),
            plan.cube_dim(),
            address,
            plan.width(),
            out.argument(),
            largest.argument(),
            tops.argument(),
            sums.argument(),
            note,
            shape_argument(input),
            out.stride as u32,
            stream_argument(self.stream),
            temperature_argument(self.tau),
            pieces,
            call,
            origin,
            stored,
            variant,
            out.dtype,
        );
    }

    fn pull_back(&self, device: &Device, dy: &Matrix, saved: Saved) -> Result<Matrix, Error> {
        assert_eq!(self.input.dims(), dy.dims(), "the shapes of the sample and of its cotangent differ");
        let [rows, k] = dy.dims();
        let out = Matrix::empty(&device.client, rows, k, dy.dtype);
        if rows == 0 {
            return Ok(out);
        }
        match Plan::new(&device.client, k, self.position(), &[self.input, dy, &out]) {
            Some(plan) => self.pull_back_short(device, plan, dy, &out, saved),
            None if saved == Saved::Logits => {
                let y = self.run(device, "gumbel_softmax_vjp_from_logits")?;
                let again = Call::new(&y, self.tau.into(), self.stream, Form::Soft, false)?;
                again.pull_back_long(device, dy, &out);
            }
            None => self.pull_back_long(device, dy, &out),
        }
        Ok(out)
    }

    fn pull_back_short(&self, device: &Device, plan: Plan, dy: &Matrix, out: &Matrix, saved: Saved) {
        let variant = self.variant(device, plan);
        let (note, call) = device.note("gumbel_softmax_vjp_from_logits");
        pull_back::launch(
            &device.client,
            plan.cube_count(dy.rows),
            plan.cube_dim(),
            address_type(&[self.input, dy, out]),
            plan.width(),
            self.input.argument(),
            dy.argument(),
            out.argument(),
            note,
            shape_argument(self.input),
            self.vjp_strides(dy, out),
            stream_argument(self.stream),
            temperature_argument(self.tau),
            inverse_argument(self.tau),
            call,
            saved,
            variant,
            self.input.dtype,
            dy.dtype,
        );
    }

    fn pull_back_long(&self, device: &Device, dy: &Matrix, out: &Matrix) {
        let (client, input) = (&device.client, self.input);
        let (plan, pieces) = Plan::of_pieces(client, input.k, 0, &[input, dy, out]);
        let variant = self.variant(device, plan);
        let sums = Matrix::empty(client, input.rows, pieces as usize, F32);
        let address = address_type(&[input, dy, out]);
        long::vjp_sums::launch(
            client,
            plan.cube_count(input.rows * pieces as usize),
            plan.cube_dim(),
            address,
            plan.width(),
            input.argument(),
            dy.argument(),
            sums.argument(),
            shape_argument(input),
            self.vjp_strides(dy, out),
            stream_argument(Stream::new(0)),
            pieces,
            variant,
            input.dtype,
            dy.dtype,
        );
        long::vjp_products::launch(
            client,
            plan.cube_count(input.rows * pieces as usize),
            plan.cube_dim(),
            address,
            plan.width(),
            input.argument(),
            dy.argument(),
            out.argument(),
            sums.argument(),
            shape_argument(input),
            self.vjp_strides(dy, out),
            stream_argument(Stream::new(0)),
            inverse_argument(self.tau),
            pieces,
            variant,
            input.dtype,
            dy.dtype,
        );
    }

    fn vjp_strides(&self, dy: &Matrix, out: &Matrix) -> VjpStridesLaunch {
        VjpStridesLaunch::new(self.input.stride as u32, dy.stride as u32, out.stride as u32)
    }
}
