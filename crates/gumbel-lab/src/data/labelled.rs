//! Batches of the few images whose labels a run may see.

use super::batches::Batches;
use super::{Binarization, Dataset, Error, Images, idx, permutation};
use burn::tensor::{Device, Tensor};
use gumbel_kernels::Stream;
use serde::{Deserialize, Serialize};

/// Which images a run may see the labels of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labelling {
    /// Number of labelled images, a multiple of the classes.
    pub count: usize,
    /// Number of classes K.
    pub classes: usize,
    /// Labelled images per step.
    pub batch: usize,
    /// Origin of the labels.
    pub source: LabelSource,
}

/// Origin of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelSource {
    /// Labels of the data set
    Data,
    /// Random labels, for timing with any number of classes
    Random,
}

/// A batch of images with known classes.
pub struct Labelled {
    /// Images of zeros and ones, `[B, P]`.
    pub images: Tensor<2>,
    /// Class of each, `[B]`.
    pub labels: Vec<u8>,
}

/// Labelled images, equally many of each class, in batches of their own.
pub struct LabelledBatches {
    batches: Batches,
    /// One for each image of the set; only those of the chosen images are read.
    labels: Vec<u8>,
}

impl LabelledBatches {
    /// Chooses labelled images by a stream, which also determines their order and pixels.
    ///
    /// # Errors
    /// [`Error::NoLabels`], [`Error::Classes`] and [`Error::TooFewOfAClass`].
    pub fn new(
        data: &Dataset,
        labelling: &Labelling,
        binarization: Binarization,
        stream: Stream,
    ) -> Result<Self, Error> {
        let images = &data.train;
        let shuffled = permutation(stream.split(2), 0, images.count);
        let labels = match labelling.source {
            LabelSource::Data => known(data, labelling)?.to_vec(),
            LabelSource::Random => random(&shuffled, labelling.classes),
        };
        let chosen = choose(&shuffled, &labels, labelling);
        if chosen.len() != labelling.count {
            let Labelling { count, classes, .. } = *labelling;
            let (class, images) = rarest(&labels, classes);
            return Err(Error::TooFewOfAClass { name: data.name.clone(), count, classes, class, images });
        }
        Ok(Self { batches: Batches::among(images, chosen, binarization, stream, labelling.batch), labels })
    }

    /// Fingerprint of the data and the labels: [`Dataset::digest`] and SHA-256 of the labels.
    pub fn digest(&self, data: &Dataset) -> String {
        format!("{} {}", data.digest(), idx::labels_sha256(&self.labels))
    }

    /// The batch of a step: a pure function of the stream and the step.
    pub fn at(&mut self, step: u64, device: &Device) -> Labelled {
        let labels = self.batches.indices(step).into_iter().map(|index| self.labels[index]).collect();
        Labelled { images: self.batches.at(step, device), labels }
    }
}

/// The labels of the training images; those of the test images must be known too.
fn known<'a>(data: &'a Dataset, labelling: &Labelling) -> Result<&'a [u8], Error> {
    let (test, labels) = (labels(data, &data.test)?, labels(data, &data.train)?);
    let expected = labels.iter().chain(test).max().map_or(0, |&largest| usize::from(largest) + 1);
    if expected != labelling.classes {
        return Err(Error::Classes { name: data.name.clone(), got: labelling.classes, expected });
    }
    Ok(labels)
}

fn labels<'a>(data: &Dataset, images: &'a Images) -> Result<&'a [u8], Error> {
    images.labels.as_deref().ok_or_else(|| Error::NoLabels { name: data.name.clone() })
}

/// The class with the fewest images, and their number.
fn rarest(labels: &[u8], classes: usize) -> (usize, usize) {
    let mut images = vec![0; classes];
    labels.iter().for_each(|&label| images[usize::from(label)] += 1);
    images.into_iter().enumerate().min_by_key(|&(_, images)| images).expect("at least two classes")
}

/// Random labels, each class equally often, independent of the images.
fn random(shuffled: &[u32], classes: usize) -> Vec<u8> {
    let mut labels = vec![0; shuffled.len()];
    for (count, &index) in shuffled.iter().enumerate() {
        labels[index as usize] = (count % classes) as u8;
    }
    labels
}

/// The first images of each class, equally many of each.
fn choose(shuffled: &[u32], labels: &[u8], labelling: &Labelling) -> Vec<usize> {
    let mut missing = vec![labelling.count / labelling.classes; labelling.classes];
    let taken = |&index: &usize| {
        let missing = &mut missing[usize::from(labels[index])];
        let needed = *missing > 0;
        *missing -= usize::from(needed);
        needed
    };
    shuffled.iter().map(|&index| index as usize).filter(taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;

    fn labelling(count: usize, classes: usize, source: LabelSource) -> Labelling {
        Labelling { count, classes, batch: count.min(7), source }
    }

    fn made(data: &Dataset, labelling: Labelling) -> Result<LabelledBatches, Error> {
        LabelledBatches::new(data, &labelling, Binarization::Threshold, Stream::new(1))
    }

    #[test]
    fn an_epoch_has_each_class_equally_often_and_every_image_has_its_label() {
        let data = digits::dataset(0, 400, 10);
        let device = Device::flex();
        for source in [LabelSource::Data, LabelSource::Random] {
            let mut batches = made(&data, Labelling { batch: 30, ..labelling(30, 10, source) }).unwrap();
            let (indices, Labelled { images, mut labels }) =
                (batches.batches.indices(3), batches.at(3, &device));
            let true_labels = data.train.labels.as_ref().unwrap();
            let own: Vec<u8> = indices.iter().map(|&index| true_labels[index]).collect();
            assert_eq!(own == labels, source == LabelSource::Data, "{source:?}");
            let bits = Binarization::Threshold.batch(&data.train, &indices, Stream::new(0), 0);
            assert_eq!(images.into_data().try_to_vec::<f32>().unwrap(), bits);
            labels.sort_unstable();
            assert!(labels.iter().enumerate().all(|(i, &label)| usize::from(label) == i / 3), "{labels:?}");
        }
    }

    #[test]
    fn another_stream_chooses_other_images() {
        let data = digits::dataset(0, 400, 10);
        let indices = |seed| {
            let labelling = Labelling { batch: 20, ..labelling(20, 10, LabelSource::Data) };
            let batches = LabelledBatches::new(&data, &labelling, Binarization::Dynamic, Stream::new(seed));
            let mut indices = batches.unwrap().batches.indices(0);
            indices.sort_unstable();
            indices
        };
        assert!(indices(1) == indices(1) && indices(1) != indices(2));
    }

    #[test]
    fn data_without_the_labels_is_rejected_with_the_remedy() {
        let data = digits::dataset(0, 60, 10);
        let mut bare = data.clone();
        bare.test.labels = None;
        let mut lacking = data.clone();
        let labels = data.train.labels.as_ref().unwrap();
        lacking.train.labels = Some(labels.iter().map(|&label| label.min(8)).collect());
        let cases = [
            (
                &lacking,
                labelling(10, 10, LabelSource::Data),
                "0 of class 9; add images of it, or use --labels-from",
            ),
            (&bare, labelling(10, 10, LabelSource::Data), "images without labels; use digits, mnist"),
            (
                &data,
                labelling(12, 12, LabelSource::Data),
                "--classes must be 10, the number of classes of digits, got 12",
            ),
            (
                &data,
                labelling(60, 10, LabelSource::Data),
                "--labels 60 needs 6 images of each of 10 classes, but digits has ",
            ),
            (
                &data,
                labelling(72, 12, LabelSource::Random),
                "--labels 72 needs 6 images of each of 12 classes, but digits has 5 of class 0; lower --labels to 60 or less",
            ),
        ];
        for (data, labelling, part) in cases {
            let error = made(data, labelling).err().unwrap().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(made(&bare, labelling(10, 10, LabelSource::Random)).is_ok());
    }
}
