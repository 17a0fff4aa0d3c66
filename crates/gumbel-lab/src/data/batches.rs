//! Mini-batches as a function of the step.

use crate::data::{Binarisation, Images, order};
use burn::tensor::{Device, Tensor, TensorData};
use gumbel_kernels::Stream;

/// The training images in a shuffled order that is new in each epoch.
pub struct Batches<'a> {
    images: &'a Images,
    binarise: Binarisation,
    shuffles: Stream,
    draws: Stream,
    size: usize,
    /// The places of those that take part.
    among: Vec<usize>,
    /// The epoch of `order`, and its permutation: what the last step used.
    epoch: Option<(u64, Vec<u32>)>,
}

impl<'a> Batches<'a> {
    /// Batches of `size` images for a seed.
    ///
    /// # Panics
    /// If there are fewer images, or `size` is 0.
    pub fn new(images: &'a Images, binarise: Binarisation, stream: Stream, size: usize) -> Self {
        Self::among(images, (0..images.count).collect(), binarise, stream, size)
    }

    /// Batches of `size` of the images at these places alone.
    ///
    /// # Panics
    /// If there are fewer, or `size` is 0.
    pub fn among(
        images: &'a Images,
        among: Vec<usize>,
        binarise: Binarisation,
        stream: Stream,
        size: usize,
    ) -> Self {
        assert!((1..=among.len()).contains(&size), "batches of {size} of {} images", among.len());
        // An image that is drawn once for ever is the same for every seed.
        let draws = if binarise == Binarisation::Fixed { Stream::new(0) } else { stream }.split(1);
        Self { images, binarise, shuffles: stream.split(0), draws, size, among, epoch: None }
    }

    /// Steps in an epoch; a last incomplete batch is left out.
    pub fn per_epoch(&self) -> u64 {
        (self.among.len() / self.size) as u64
    }

    /// The batch of a step, `[B, P]` of zeros and ones: a pure function of the stream and the step.
    pub fn at(&mut self, step: u64, device: &Device) -> Tensor<2> {
        let (places, epoch) = (self.places(step), step / self.per_epoch());
        binary(self.images, &places, self.binarise, self.draws, epoch, device)
    }

    /// Where the images of a step stand in the set.
    pub fn places(&mut self, step: u64) -> Vec<usize> {
        let (epoch, batch) = (step / self.per_epoch(), (step % self.per_epoch()) as usize);
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            self.epoch = Some((epoch, order(self.shuffles, epoch, self.among.len())));
        }
        let (_, order) = self.epoch.as_ref().expect("set above");
        order[batch * self.size..][..self.size].iter().map(|&i| self.among[i as usize]).collect()
    }
}

/// Chosen images as zeros and ones, `[B, P]`.
pub fn binary(
    images: &Images,
    chosen: &[usize],
    binarise: Binarisation,
    stream: Stream,
    epoch: u64,
    device: &Device,
) -> Tensor<2> {
    let values = binarise.batch(images, chosen, stream, epoch);
    Tensor::from_data(TensorData::new(values, [chosen.len(), images.pixels_per_image()]), device)
}
