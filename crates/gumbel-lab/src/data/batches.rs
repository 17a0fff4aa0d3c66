//! Mini-batches of binary images as a function of the step.

use super::binarize::PACKED;
use super::{Binarization, Images, permutation};
use crate::support::memory::in_host_memory;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use gumbel_kernels::Stream;

/// Mini-batches of training images, in a new random order in each epoch.
pub struct Batches {
    images: Images,
    binarization: Binarization,
    shuffles: Stream,
    draws: Stream,
    size: usize,
    /// Indices of the images to choose from.
    among: Vec<usize>,
    /// The epoch of the last step, and its permutation.
    epoch: Option<(u64, Vec<u32>)>,
}

impl Batches {
    /// Batches of `size` images, in an order and with pixels drawn from a stream.
    ///
    /// # Panics
    /// If there are fewer images, or `size` is 0.
    pub fn new(images: &Images, binarization: Binarization, stream: Stream, size: usize) -> Self {
        Self::among(images, (0..images.count).collect(), binarization, stream, size)
    }

    /// Batches of `size` images, from those with the given indices only.
    ///
    /// # Panics
    /// If there are fewer, or `size` is 0.
    pub fn among(
        images: &Images,
        among: Vec<usize>,
        binarization: Binarization,
        stream: Stream,
        size: usize,
    ) -> Self {
        assert!((1..=among.len()).contains(&size), "batches of {size} from {} images", among.len());
        // A fixed binarization is the same for every seed.
        let draws = if binarization == Binarization::Fixed { Stream::new(0) } else { stream }.split(1);
        Self {
            images: images.clone(),
            binarization,
            shuffles: stream.split(0),
            draws,
            size,
            among,
            epoch: None,
        }
    }

    /// Steps per epoch; a last incomplete batch is left out.
    pub fn per_epoch(&self) -> u64 {
        (self.among.len() / self.size) as u64
    }

    /// The batch of a step, `[B, P]` of zeros and ones: a pure function of the stream and the step.
    pub fn at(&mut self, step: u64, device: &Device) -> Tensor<2> {
        let indices = self.indices(step);
        self.images(&indices, step, device)
    }

    /// Images of a step's batch by their indices, `[B, P]`: each is the same in any part of it.
    pub fn images(&self, indices: &[usize], step: u64, device: &Device) -> Tensor<2> {
        binary(&self.images, indices, self.binarization, self.draws, step / self.per_epoch(), device)
    }

    /// Indices of the images of a step's batch.
    pub fn indices(&mut self, step: u64) -> Vec<usize> {
        let (epoch, batch) = (step / self.per_epoch(), (step % self.per_epoch()) as usize);
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            self.epoch = Some((epoch, permutation(self.shuffles, epoch, self.among.len())));
        }
        let (_, order) = self.epoch.as_ref().expect("set above");
        order[batch * self.size..][..self.size].iter().map(|&i| self.among[i as usize]).collect()
    }
}

/// The images with the given indices as zeros and ones, `[B, P]`.
pub fn binary(
    images: &Images,
    indices: &[usize],
    binarization: Binarization,
    stream: Stream,
    epoch: u64,
    device: &Device,
) -> Tensor<2> {
    let (rows, pixels) = (indices.len(), images.pixels_per_image());
    if in_host_memory(device) {
        let values = binarization.batch(images, indices, stream, epoch);
        return Tensor::from_data(TensorData::new(values, [rows, pixels]), device);
    }
    // A GPU gets bits: a sixteenth of the bytes, and it unpacks them while the host goes on.
    unpacked(binarization.packed(images, indices, stream, epoch), rows, pixels, device)
}

/// Rows of [`packed`](Binarization::packed) bits as zeros and ones, `[rows, pixels]`.
fn unpacked(packed: Vec<i32>, rows: usize, pixels: usize, device: &Device) -> Tensor<2> {
    let width = pixels.div_ceil(PACKED);
    let shape = [rows, width, PACKED];
    let packed = TensorData::new(packed, [rows, width, 1]);
    let packed = Tensor::<3, Int>::from_data(packed, (device, DType::I32)).expand(shape);
    let places: Vec<i32> = (0..PACKED).map(|place| 1 << place).collect();
    let places = Tensor::<3, Int>::from_data(TensorData::new(places, [1, 1, PACKED]), (device, DType::I32));
    let bits = packed.bitwise_and(places.expand(shape)).not_equal_elem(0).float();
    let bits = bits.reshape([rows, width * PACKED]);
    if width * PACKED == pixels { bits } else { bits.narrow(1, 0, pixels) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacked_bits_are_those_of_the_host() {
        let (device, stream) = (Device::flex(), Stream::new(4));
        for (height, width) in [(1, 1), (3, 5), (4, 4), (3, 11), (8, 8)] {
            let (count, pixels) = (5, height * width);
            let grey = (0..count * pixels).map(|i| (i * 37 % 256) as u8).collect();
            let (images, chosen) = (Images::new(grey, height, width, None), [3, 0, 4, 1]);
            let packed = Binarization::Dynamic.packed(&images, &chosen, stream, 7);
            let there =
                unpacked(packed, chosen.len(), pixels, &device).into_data().try_to_vec::<f32>().unwrap();
            assert_eq!(there, Binarization::Dynamic.batch(&images, &chosen, stream, 7), "{height} {width}");
        }
    }
}
