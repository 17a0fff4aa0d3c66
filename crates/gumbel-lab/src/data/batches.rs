//! Mini-batches of binary images as a function of the step.

use super::{Binarization, Images, permutation};
use burn::tensor::{Device, Tensor, TensorData};
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
    let values = binarization.batch(images, indices, stream, epoch);
    Tensor::from_data(TensorData::new(values, [indices.len(), images.pixels_per_image()]), device)
}
