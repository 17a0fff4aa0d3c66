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
use cubecl::ir::ElemType;
use gumbel_kernels::{Error, Stream, check_temperature};

/// The arguments of a launch.
pub(super) struct Call<'a> {
    input: &'a Matrix,
    tau: f32,
    stream: Stream,
    form: Form,
    noisy: bool,
}

impl<'a> Call<'a> {
    pub fn new(input: &'a Matrix, tau: f64, stream: Stream, form: Form, noisy: bool) -> Result<Self, Error> {
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

    /// The samples, in the type of the logits.
    pub fn run(&self, device: &Device, name: &'static str) -> Result<Matrix, Error> {
        self.run_into(device, name, self.input.dtype)
    }

    fn run_into(&self, device: &Device, name: &'static str, dtype: ElemType) -> Result<Matrix, Error> {
        let [rows, k] = self.input.dims();
        let out = Matrix::empty(&device.client, rows, k, dtype);
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

    pub fn pull_back(&self, device: &Device, dy: &Matrix, saved: Saved) -> Result<Matrix, Error> {
        assert_eq!(self.input.dims(), dy.dims(), "the shapes of the sample and of its cotangent differ");
        let [rows, k] = dy.dims();
        let out = Matrix::empty(&device.client, rows, k, dy.dtype);
        if rows == 0 {
            return Ok(out);
        }
        match Plan::new(&device.client, k, self.position(), &[self.input, dy, &out]) {
            Some(plan) => self.pull_back_short(device, plan, dy, &out, saved),
            None if saved == Saved::Logits => {
                // In single precision: half of it would lose the gradient in the rounding of the sample.
                let y = self.run_into(device, "gumbel_softmax_vjp_from_logits", F32)?;
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
