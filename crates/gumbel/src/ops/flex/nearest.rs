//! The nearest codes of points.

use super::bridge::{Kernel, Number, Rows};
use super::rows;
use crate::Error;
use burn::tensor::{Int, Tensor, TensorData};
use gumbel_kernels as kernels;

pub(in crate::ops) fn nearest(
    points: &Tensor<2>,
    codes: &Tensor<2>,
) -> Result<(Tensor<1, Int>, Tensor<1>), Error> {
    let [index, distance] = rows(points).run(&Nearest { codes: rows(codes) })?;
    let device = points.device();
    Ok((Tensor::from_data(index, &device), Tensor::from_data(distance, (&device, points.dtype()))))
}

struct Nearest {
    codes: Rows,
}

impl Kernel<2> for Nearest {
    fn run<T: Number>(&self, points: &[T], width: usize) -> Result<[TensorData; 2], Error> {
        let count = points.len() / width.max(1);
        let (mut index, mut distance) = (vec![0; count], vec![T::zero(); count]);
        kernels::nearest(points, self.codes.numbers(), width, &mut index, &mut distance)?;
        let index: Vec<i64> = index.into_iter().map(i64::from).collect();
        Ok([TensorData::new(index, [count]), TensorData::new(distance, [count])])
    }
}
