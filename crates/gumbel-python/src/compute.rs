//! Kernels on numbers of any type: half precision is widened to single, and what is computed of it is rounded back.

use crate::slice::{Slice, SliceMut};
use gumbel_kernels::Error;
use std::borrow::Cow;

/// Evaluates an expression of the inputs and the outputs of a kernel, with a name for the type that it computes in.
///
/// # Panics
/// If the types of the slices differ.
macro_rules! compute {
    ($inputs:expr, $outputs:expr, |$real:ident, $from:pat_param, $to:pat_param| $kernel:expr) => {{
        let (inputs, outputs) = ($inputs, $outputs);
        if $crate::compute::is_double(&inputs, &outputs) {
            type $real = f64;
            $crate::compute::in_double(inputs, outputs, |$from: [&[f64]; _], $to: [&mut [f64]; _]| $kernel)
        } else {
            type $real = f32;
            $crate::compute::in_single(inputs, outputs, |$from: [&[f32]; _], $to: [&mut [f32]; _]| $kernel)
        }
    }};
}
pub(crate) use compute;

/// A computation without inputs has the type of its outputs.
pub fn is_double(inputs: &[Slice<'_>], outputs: &[SliceMut<'_>]) -> bool {
    matches!(inputs.first(), Some(Slice::F64(_))) || matches!(outputs.first(), Some(SliceMut::F64(_)))
}

pub fn in_double<const I: usize, const O: usize>(
    inputs: [Slice<'_>; I],
    outputs: [SliceMut<'_>; O],
    kernel: impl FnOnce([&[f64]; I], [&mut [f64]; O]) -> Result<(), Error>,
) -> Result<(), Error> {
    kernel(
        inputs.map(|slice| match slice {
            Slice::F64(numbers) => numbers,
            _ => panic!("arguments have one type"),
        }),
        outputs.map(|slice| match slice {
            SliceMut::F64(numbers) => numbers,
            _ => panic!("a result has the type of the arguments"),
        }),
    )
}

pub fn in_single<const I: usize, const O: usize>(
    inputs: [Slice<'_>; I],
    outputs: [SliceMut<'_>; O],
    kernel: impl FnOnce([&[f32]; I], [&mut [f32]; O]) -> Result<(), Error>,
) -> Result<(), Error> {
    let inputs = inputs.map(Slice::single);
    let mut outputs = outputs.map(Single::new);
    kernel(inputs.each_ref().map(Cow::as_ref), outputs.each_mut().map(Single::numbers))?;
    outputs.into_iter().for_each(Single::finish);
    Ok(())
}

/// A result in single precision, and where it goes if that is another type.
enum Single<'a> {
    Same(&'a mut [f32]),
    Half(Vec<f32>, SliceMut<'a>),
}

impl<'a> Single<'a> {
    fn new(out: SliceMut<'a>) -> Self {
        match out {
            SliceMut::F32(out) => Self::Same(out),
            out => Self::Half(vec![0.0; out.len()], out),
        }
    }

    fn numbers(&mut self) -> &mut [f32] {
        match self {
            Self::Same(out) => out,
            Self::Half(out, _) => out,
        }
    }

    fn finish(self) {
        if let Self::Half(single, out) = self {
            out.write_single(&single);
        }
    }
}
