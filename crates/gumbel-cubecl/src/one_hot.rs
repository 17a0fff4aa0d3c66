//! Indices as one-hot rows.

use crate::device::Device;
use crate::matrix::{Matrix, address_type, cubes};
use cubecl::prelude::*;

const UNITS: u32 = 256;

/// Writes a one at each index of `[rows]` into `out` `[rows, k]`, and zeros elsewhere; NaN if the index is `k`.
pub(crate) fn one_hot(device: &Device, index: &Matrix, out: &Matrix) {
    let [rows, k] = out.dims();
    write_one::launch(
        &device.client,
        cubes((rows * k).div_ceil(UNITS as usize)),
        CubeDim::new_1d(UNITS),
        address_type(&[out]),
        index.argument(),
        out.argument(),
        rows,
        k,
        f32::NAN,
        out.dtype,
    );
}

#[cube(launch, address_type = "dynamic")]
fn write_one<O: Float>(
    index: &[u32],
    out: &mut [O],
    rows: usize,
    k: usize,
    undefined: f32,
    #[define(O)] _out_type: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < rows * k {
        let chosen = index[at / k] as usize;
        let value = select(chosen == at % k, 1.0f32, 0.0f32);
        out[at] = O::cast_from(select(chosen == k, undefined, value));
    }
}
