//! Launches of the relaxed samples, short rows and long.

use crate::device::{Device, Precision};
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
/// # Errors
/// [`Error::Temperature`]; [`Error::Categories`] for rows of length 0.
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
/// # Errors
/// Those of [`gumbel_softmax`].
pub fn softmax(device: &Device, logits: &Matrix, tau: f64, log: bool) -> Result<Matrix, Error> {
    let form = if log { Form::Log } else { Form::Soft };
    Call::new(logits, tau, Stream::new(0), form, false)?.run(device, "softmax")
}

/// Vector-Jacobian product in the logits of a relaxed sample `y`, or of its logarithm, for the cotangent `dy`.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Categories`].
///
/// # Panics
/// If the shapes differ, or the types, or for [`Form::OneHot`], which has no derivative.
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

/// The same product with nothing saved: the relaxed sample is made again from the logits and the stream.
///
/// It costs a fifth more time than a saved sample, and none of its memory.
///
/// # Errors
/// Those of [`gumbel_softmax`].
///
/// # Panics
/// If the shapes differ, or the types.
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
        let (math, range) = (device.math(), Range::of(self.tau));
        Variant { plan, form: self.form, noisy: self.noisy, math, range }
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
